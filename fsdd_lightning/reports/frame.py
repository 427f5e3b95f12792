"""Runs as one tidy frame: a validated row a run. Tables, figures and results.csv are all made of it.

trials = frame(collect_runs([Path("multirun/grid")]))
trials[trials.state == "done"].groupby(["mode", "hidden_size"])["accuracy"].mean()
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AliasPath, BaseModel, Field, ValidationError

from fsdd_lightning.errors import UserError
from fsdd_lightning.reports.collect import RunFolder, collect_runs
from fsdd_lightning.reports.columns import column_order, flat_record, is_deciding, natural
from fsdd_lightning.runs.metrics import accuracy_drop, deployed_backend
from fsdd_lightning.runs.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd

# The columns that a reader looks for first, then all fields of the record under their dotted names.
LEADING = {
    "sweep": "name of the folder that the run's folder is in",
    "run": "name of the run's folder",
    "state": "done, over_budget, failed, interrupted, running, not started, unreadable, or incomplete: "
    "done, but without usable numbers",
    "reason": "one line on why there is no result; empty for a finished run",
    "mode": "name of the quantization mode",
    "layers": "of the LSTM",
    "hidden_size": "units of a layer",
    "budget": "name of the memory budget",
    "training_seed": "seed of the run",
    "deployed_backend": "the backend whose accuracy the run stands for, see runs/metrics.py",
    "accuracy": "its share of the test clips, 0 to 1",
    "drop": "float accuracy minus that accuracy; missing for a float network",
}
_OF_THE_DEPLOYED = ("correct", "total", "macro_f1", "confusion")
# Not in results.csv, because they follow from the other columns or hold for this machine alone.
DERIVED = {
    "folder": "path of the run's folder; missing in a frame that was read from results.csv",
    "speaker": "the speaker that was held out of training; missing where speakers were not split",
    "configuration": "equal for runs that differ in nothing but seed, speaker and budget",
    "place": "equal for runs that may be compared: dataset, digest and split as JSON",
    **dict.fromkeys(_OF_THE_DEPLOYED, "of the deployed backend"),
}
_DTYPES = {"layers": "Int64", "hidden_size": "Int64", "accuracy": "float64", "drop": "float64"}
_TEXTS = {"sweep", "run", "state", "reason", "mode", "budget", "deployed_backend", "dataset.digest"}
_NUMBER = re.compile(r"-?\d{1,18}(?P<float>(\.\d+)?(e[+-]\d+)?)")  # as Python writes it; no hexadecimal digest
_FOLDERS = re.compile(r"(?<![\w:/.~])~?/(?:[^/\s\"',]+/)+")  # of an absolute path, not of a URL

# Strict: the flat columns, which are not validated again, are of the same types.
_Share = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
_Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]


@dataclass(frozen=True)
class _View:
    accuracy: _Share
    correct: _Count
    total: Annotated[_Count, Field(ge=1)]
    macro_f1: _Share | None = None
    confusion: list[list[_Count]] | None = None

    def __post_init__(self) -> None:
        if abs(self.accuracy - self.correct / self.total) > 1e-9:
            raise ValueError("accuracy is not correct/total")


def _memory(name: str, **default: Any) -> Any:
    return Field(validation_alias=AliasPath("memory", name), **default)


class _Plan(BaseModel):
    """What a report needs of any record; those of LEADING are columns."""

    mode: str = Field(validation_alias=AliasPath("config", "quantization", "name"))
    training_seed: int = Field(validation_alias="seed")
    layers: _Count = _memory("layers")
    hidden_size: _Count = _memory("hidden_size")
    budget: str = _memory("budget", default="unlimited")
    budget_bytes: _Count | None = _memory("budget_bytes", default=None)
    flash_bytes: _Count = _memory("flash_bytes")
    ram_bytes: _Count = _memory("ram_bytes")
    macs_per_clip: _Count = _memory("macs_per_clip")


class _Result(BaseModel):
    """What it needs of that of a finished run, too."""

    views: dict[str, _View]
    digest: str = Field(validation_alias=AliasPath("dataset", "digest"))


def frame(runs: Iterable[RunFolder] | str | PathLike[str]) -> pd.DataFrame:
    """One row a run, sorted by sweep and config, whatever the order of `runs`, or of the runs in a folder.

    Columns: LEADING, all fields of the records (`config.model.dropout`, `views.integer.correct`, ...), DERIVED. Missing
    values are None, in columns of numbers NaN or NA.
    """
    if isinstance(runs, str | PathLike):
        runs = collect_runs([Path(runs)])
    return _table(sorted(map(_row, runs), key=_position))


def read_csv(path: Path) -> pd.DataFrame:
    """The frame that a results.csv was written from, without the run folders; an empty text is a missing value.

    Raises:
        UserError: another file.
    """
    import pandas as pd

    texts = pd.read_csv(path, dtype=object, keep_default_na=False)
    lacking = [name for name in LEADING if name not in texts]
    if lacking:
        raise UserError(f"{path} is no results.csv of this program: it lacks the column {lacking[0]}")
    rows = texts.to_dict("records")
    return _table([_derived({str(name): _value(str(name), row[name]) for name in row}) for row in rows])


def _value(column: str, text: str) -> Any:
    if column in _TEXTS or not text:
        return text or None
    if text in ("True", "False"):
        return text == "True"
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    return float(text) if number["float"] else int(text)


def csv_bytes(trials: pd.DataFrame, portable: bool = False) -> bytes:
    """results.csv: numbers as Python writes them, so that they are read back exactly; what is missing is empty.

    `portable` cuts absolute paths to their last part, for reports that are published.
    """
    table = trials.drop(columns=list(DERIVED))
    table = table.map(_without_folders) if portable else table
    return table.to_csv(index=False, lineterminator="\n").encode()


def _without_folders(value: Any) -> Any:
    return _FOLDERS.sub("", value) if isinstance(value, str) else value


def _table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    fields = {name for row in rows for name in row} - {*LEADING, *DERIVED}
    columns = [*LEADING, *column_order(fields), *DERIVED]
    table = pd.DataFrame(rows, columns=columns, dtype=object)  # object: a missing value makes no float of an int
    return table.where(table.notna(), None).astype(_DTYPES).copy()  # without the fragments of a conversion


def _row(run: RunFolder) -> dict[str, Any]:
    row: dict[str, Any] = {"sweep": run.sweep, "run": run.folder.name, "state": run.status, "reason": run.reason}
    if run.record is not None:
        row |= flat_record(run.record)
        try:
            row |= _Plan.model_validate(vars(run.record)).model_dump(include=set(LEADING))
            row |= _result(run.record)
        except ValueError as error:
            row |= {"state": "incomplete", "reason": _line(error)} if run.status == "done" else {}
    row = {_encodable(name): _encodable(value) for name, value in row.items()}
    return _derived(row) | {"folder": run.folder}


def _result(record: RunRecord) -> dict[str, Any]:
    """What a run reached."""
    views = _Result.model_validate(vars(record)).views
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


def _derived(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its columns of DERIVED."""
    split = {name: value for name, value in row.items() if name.startswith("config.split.")}
    config = {name: value for name, value in row.items() if is_deciding(name) and value is not None}
    speaker = None
    if split.get("config.split.name") == "unseen_speaker" and split.get("config.split.held_out") is not None:
        speaker = str(split.pop("config.split.held_out"))  # a dimension within what may be compared
        config.pop("config.split.held_out")
    dataset = str(row.get("dataset.name") or row.get("config.data.name")), row.get("dataset.digest")
    return {
        **row,
        "speaker": speaker,
        "configuration": hashlib.sha256(repr(sorted(config.items())).encode()).hexdigest()[:16],
        "place": json.dumps([*dataset, split], sort_keys=True, default=str),
        **{name: row.get(f"views.{row.get('deployed_backend')}.{name}") for name in _OF_THE_DEPLOYED},
    }


def _position(row: dict[str, Any]) -> tuple[Any, ...]:
    name = (natural(row["run"]), str(row["folder"]))
    if row.get("mode") is None:
        return (natural(row["sweep"]), 1, *name)
    size = (row["layers"], row["hidden_size"], row.get("memory.budget_bytes") or 10**13, row["budget"])
    split = natural(f"{row.get('config.split.name')} {row['speaker']}")
    place = (split, natural(row["mode"]), *size, row["configuration"], row["training_seed"])
    return (natural(row["sweep"]), 0, *place, *name)
