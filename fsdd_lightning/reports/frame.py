"""Runs as one tidy frame: a validated row a run. Tables, figures and results.csv are all made of it.

trials = frame(collect_runs([Path("multirun/grid")]))
trials[trials.state == "done"].groupby(["mode", "hidden_size"])["accuracy"].mean()
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import csv_cell, csv_value
from fsdd_lightning.reports.collect import RunFolder, collect_runs
from fsdd_lightning.reports.rows import OF_THE_DEPLOYED, derived, is_within, natural, position, row_of
from fsdd_lightning.runs.record import RunRecord

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
# Not in results.csv, because they follow from the other columns or hold for this machine alone.
DERIVED = {
    "folder": "path of the run's folder; missing in a frame that was read from results.csv",
    "speaker": "the speaker that was held out of training; missing where speakers were not split",
    "network_config": "equal for runs that differ in nothing but seed, speaker and budget",
    "place": "equal for runs that may be compared: dataset, digest and split as JSON",
    **dict.fromkeys(OF_THE_DEPLOYED, "of the deployed backend"),
}
# What differs between two runs of the same trial: when it ran, how long it took, whose float network it could take.
_VOLATILE = ("started", "timings_s", "training.float.run", "training.float.reused")
_BLOCKS = [block.name for block in dataclasses.fields(RunRecord)]
_DTYPES = {"layers": "Int64", "hidden_size": "Int64", "accuracy": "float64", "drop": "float64"}
_TEXTS = {"sweep", "run", "state", "reason", "mode", "budget", "deployed_backend", "dataset.digest"}
_NUMBER = re.compile(r"-?\d{1,18}(?P<float>(\.\d+)?(e[+-]\d+)?)")  # as Python writes it; no hexadecimal digest
_FOLDERS = re.compile(r"(?<![\w:/.~])~?/(?:[^/\s\"',]+/)+")  # of an absolute path, not of a URL


def frame(runs: Iterable[RunFolder] | str | PathLike[str]) -> pd.DataFrame:
    """One row a run, sorted by sweep and config, whatever the order of `runs`, or of the runs in a folder.

    Columns: LEADING, all fields of the records (`config.model.dropout`, `views.integer.correct`, ...), DERIVED. Missing
    values are None, in columns of numbers NaN or NA.
    """
    if isinstance(runs, str | PathLike):
        runs = collect_runs([Path(runs)])
    return _table(sorted(map(row_of, runs), key=position))


def read_csv(path: Path) -> pd.DataFrame:
    """The frame that a results.csv was written from, without the run folders; an empty text is a missing value.

    Raises:
        UserError: another file.
    """
    texts = pd.read_csv(path, dtype=object, keep_default_na=False).rename(columns=csv_value)
    lacking = [name for name in LEADING if name not in texts]
    if lacking:
        raise UserError(f"{path} is no results.csv of this program: it lacks the column {lacking[0]}")
    return _table(
        [derived({str(name): _value(str(name), row[name]) for name in row}) for row in texts.to_dict("records")]
    )


def _value(column: str, cell: str) -> Any:
    text = csv_value(cell)
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

    Texts are as `csv_cell` shows them. `portable` cuts absolute paths to their last part, for reports that are
    published.
    """
    table = trials.drop(columns=list(DERIVED))
    shown = {csv_cell(name): _cells(table[name], portable) for name in table}
    return pd.DataFrame(shown).to_csv(index=False, lineterminator="\n").encode()


def _cells(column: pd.Series, portable: bool) -> pd.Series:
    """With the same dtype: pandas would make floats of integers beside missing values."""
    if column.dtype != object:
        return column
    values = [without_folders(each) if portable and isinstance(each, str) else each for each in column]
    return pd.Series(list(map(csv_cell, values)), column.index, dtype=object)


def without_folders(text: str) -> str:
    """Absolute paths cut to their last part."""
    return _FOLDERS.sub("", text)


def _table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    fields = {name for row in rows for name in row} - {*LEADING, *DERIVED}
    columns = [*LEADING, *sorted(fields, key=_column_position), *DERIVED]
    table = pd.DataFrame(rows, columns=columns, dtype=object)  # object: a missing value makes no float of an int
    return table.where(table.notna(), None).astype(_DTYPES).copy()  # without the fragments of a conversion


def _column_position(name: str) -> tuple[Any, ...]:
    """Blocks as in the record, names sorted within, volatile columns last: an order by names alone."""
    block = name.partition(".")[0]
    return is_within(name, _VOLATILE), _BLOCKS.index(block) if block in _BLOCKS else len(_BLOCKS), natural(name)
