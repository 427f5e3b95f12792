"""Evaluations of runs on other recordings, which `fsdd-evaluate RUN --data FOLDER` leaves in the run's folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import AliasChoices, BaseModel, Field

from fsdd_lightning.files import RECORD_BYTES, parse_json, read_regular
from fsdd_lightning.runs.metrics import deployed_backend
from fsdd_lightning.runs.record import EVALUATIONS

_MOST_FILES = 100  # of a run
_Share = Annotated[float, Field(ge=0.0, le=1.0)]
_Count = Annotated[int, Field(ge=0, le=10**12)]


class Backend(BaseModel):
    """What one backend reached on all clips."""

    accuracy: _Share
    correct: _Count | None = None
    total: _Count | None = None
    interval: tuple[_Share, _Share] | None = Field(
        None, validation_alias=AliasChoices("ci95", "confidence_interval", "interval")
    )
    macro_f1: _Share | None = None


class Speaker(BaseModel):
    """What the deployed backend reached on the clips of one speaker."""

    accuracy: _Share
    correct: _Count | None = None
    total: _Count | None = None


class Evaluation(BaseModel):
    """A file of the folder; what is missing in it is not shown."""

    name: str
    backends: dict[str, Backend] = Field(min_length=1)
    clips: _Count | None = None
    created: str | None = None
    digest: str | None = None
    speakers: dict[str, Speaker] = Field({}, max_length=10_000)

    @property
    def deployed(self) -> tuple[str, Backend]:
        """The backend that the run stands for, and its name."""
        name = deployed_backend(self.backends) or next(iter(self.backends))
        return name, self.backends[name]

    @property
    def mean(self) -> float | None:
        """Over speakers, of whom every one counts the same."""
        shares = [one.accuracy for one in self.speakers.values()]
        return sum(shares) / len(shares) if shares else None

    @property
    def worst(self) -> str | None:
        """The speaker with the lowest accuracy, of equal ones the first."""
        return min(self.speakers, key=lambda name: self.speakers[name].accuracy, default=None)


@dataclass(frozen=True)
class Evaluated:
    """A run, by its place in the frame, and one of its evaluations."""

    at: int
    row: Mapping[str, Any]
    evaluation: Evaluation


def evaluations_of(trials: pd.DataFrame) -> list[Evaluated]:
    """Of all runs whose folder is there, by name of the recordings. Other files are passed over."""
    rows = trials[["run", "sweep", "mode", "layers", "hidden_size", "training_seed", "folder"]].to_dict("records")
    found = [
        Evaluated(at, {str(name): value for name, value in row.items()}, evaluation)
        for at, row in enumerate(rows)
        if row["folder"] is not None
        for evaluation in _read(row["folder"] / EVALUATIONS)
    ]
    return sorted(found, key=lambda one: one.evaluation.name)


def _read(folder: Path) -> Iterable[Evaluation]:
    for path in sorted(folder.glob("*.json"))[:_MOST_FILES]:
        try:
            content = parse_json(read_regular(path, RECORD_BYTES))
            yield Evaluation.model_validate({"name": path.stem, **content})
        except (OSError, ValueError, TypeError):
            continue
