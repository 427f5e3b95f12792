"""A run as one flat, validated row of the frame."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import digits
from typing import Annotated, Any

from pydantic import AliasGenerator, AliasPath, BaseModel, Field, ValidationError

from fsdd_lightning.config.load import PRESENTATION
from fsdd_lightning.reports.collect import RunFolder
from fsdd_lightning.runs.metrics import accuracy_drop, deployed_backend
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.runs.record_fields import KEPT_WHOLE

OF_THE_DEPLOYED = ("correct", "total", "macro_f1", "confusion")
# What makes a network neither better nor worse: its name, where it is kept, the budget it had to fit in, what else is
# measured.
_NOT_DECIDING = (
    "config.seed",
    "config.memory_budget",
    "config.evaluation",
    *(f"config.{group}" for group, names in PRESENTATION.items() if not names),
    *(f"config.{group}.{name}" for group, names in PRESENTATION.items() for name in names),
)
TRAIN_SPEAKERS = "config.split.train_speakers"
_FILES = ("digests", "owns")  # of the folder, and none of the result
_DEEPEST = 8  # records are four deep; what a foreign one nests further stays JSON

# Strict: the flat columns, which are not validated again, are of the same types.
_Share = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
_Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]


@dataclass(frozen=True)
class _Score:
    accuracy: _Share
    correct: _Count
    total: Annotated[_Count, Field(ge=1)]
    macro_f1: _Share | None = None
    confusion: list[list[_Count]] | None = None

    def __post_init__(self) -> None:
        if abs(self.accuracy - self.correct / self.total) > 1e-9:
            raise ValueError("accuracy is not correct/total")


class _Plan(BaseModel, alias_generator=AliasGenerator(validation_alias=lambda name: AliasPath("memory", name))):
    """What a report needs of any record; what is not excluded is a column."""

    mode: str = Field(validation_alias=AliasPath("config", "quantization", "name"))
    training_seed: int = Field(validation_alias="seed")
    layers: _Count
    hidden_size: _Count
    train_speakers: _Count | None = Field(
        None, exclude=True, validation_alias=AliasPath("config", "split", "train_speakers")
    )
    budget: str = "unlimited"
    budget_bytes: _Count | None = Field(None, exclude=True)
    flash_bytes: _Count = Field(exclude=True)
    ram_bytes: _Count = Field(exclude=True)
    macs_per_clip: _Count = Field(exclude=True)


class _Finished(BaseModel):
    """What it needs of that of a finished run, too."""

    views: dict[str, _Score]
    digest: str = Field(validation_alias=AliasPath("dataset", "digest"))


def row_of(run: RunFolder) -> dict[str, Any]:
    """All columns but those that this run lacks. A finished run without usable numbers becomes `incomplete`."""
    row: dict[str, Any] = {"sweep": run.sweep, "run": run.folder.name, "state": run.status, "reason": run.reason}
    if run.record is not None:
        row |= flat({name: value for name, value in vars(run.record).items() if name not in _FILES})
        try:
            row |= _Plan.model_validate(vars(run.record)).model_dump()
            row |= _result(run.record)
        except ValueError as error:
            row |= {"state": "incomplete", "reason": _line(error)} if run.status == "done" else {}
    return derived({_encodable(name): _encodable(value) for name, value in row.items()}) | {"folder": run.folder}


def flat(nested: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """All fields of a record under dotted names. Lists are JSON, intervals two columns `_low` and `_high`."""
    for key, value in nested.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and depth < _DEEPEST and key not in KEPT_WHOLE:
            yield from flat(value, f"{name}.", depth + 1)
        elif name.endswith(".ci95") and isinstance(value, list) and len(value) == 2:
            yield from zip((f"{name}_low", f"{name}_high"), value, strict=True)
        else:
            yield name, json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _result(record: RunRecord) -> dict[str, Any]:
    """What a run reached."""
    views = _Finished.model_validate(vars(record)).views
    accuracies = {name: view.accuracy for name, view in views.items()}
    backend = deployed_backend(accuracies)
    if backend is None:
        raise ValueError("the record is that of a finished run, but lacks views")
    return {"deployed_backend": backend, "accuracy": accuracies[backend], "drop": accuracy_drop(accuracies)}


def _line(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors()[0]
    return f"the record has no usable {'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def _encodable(value: Any) -> Any:
    """JSON and names of files may hold half of a surrogate pair."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def derived(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its columns of DERIVED."""
    split = {name: value for name, value in row.items() if name.startswith("config.split.")}
    config = {name: value for name, value in row.items() if is_deciding(name) and value is not None}
    split.pop(TRAIN_SPEAKERS, None)  # the test clips are the same, and comparing is the purpose
    speaker = None
    if split.get("config.split.name") == "unseen_speaker" and split.get("config.split.held_out") is not None:
        speaker = str(split.pop("config.split.held_out"))  # a dimension within what may be compared
        config.pop("config.split.held_out")
    dataset = str(row.get("dataset.name") or row.get("config.data.name")), row.get("dataset.digest")
    return {
        **row,
        "speaker": speaker,
        "network_config": hashlib.sha256(repr(sorted(config.items())).encode()).hexdigest()[:16],
        "place": json.dumps([*dataset, split], sort_keys=True, default=str),
        **{name: row.get(f"views.{row.get('deployed_backend')}.{name}") for name in OF_THE_DEPLOYED},
    }


def position(row: dict[str, Any]) -> tuple[Any, ...]:
    """A sort key: sweep, split, mode, size, budget; runs without a config come last."""
    name = (natural(row["run"]), str(row["folder"]))
    if row.get("mode") is None:
        return (natural(row["sweep"]), 1, *name)
    size = (row["layers"], row["hidden_size"], row.get("memory.budget_bytes") or 10**13, row["budget"])
    split = natural(f"{row.get('config.split.name')} {row['speaker']}")
    place = (split, natural(row["mode"]), *size, row["network_config"], row["training_seed"])
    return (natural(row["sweep"]), 0, *place, *name)


def is_deciding(column: str) -> bool:
    """Whether this is a config key that makes a network what it is: not the seed, and not the budget."""
    return column.startswith("config.") and not is_within(column, _NOT_DECIDING)


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key by which h8 comes before h16."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return [(0, int(part[:18]), part) if part[0] in digits else (1, 0, part) for part in parts]


def is_within(name: str, groups: Iterable[str]) -> bool:
    """Whether a dotted name is one of `groups` or within one."""
    return f"{name}.".startswith(tuple(f"{group}." for group in groups))
