"""results.csv: one row a trial, with everything its record says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fsdd_lightning.reports.collect import CollectedRun
from fsdd_lightning.reports.flatten import column_order, flat_record
from fsdd_lightning.reports.results import Result, RunPlan, cell_of, result_of
from fsdd_lightning.runs.metrics import accuracy_drop, deployed_backend

if TYPE_CHECKING:
    import pandas as pd

# What a reader looks for first. All but these are fields of the record, under their dotted names.
LEADING = (
    *("sweep", "run", "state", "reason", "mode", "layers", "hidden_size", "budget", "training_seed"),
    *("deployed_backend", "accuracy", "drop"),
)

_FOLDERS = re.compile(r"(?<![\w:/.~])~?/(?:[^/\s\"',]+/)+")  # of an absolute path, not of a URL


def results_table(runs: Sequence[CollectedRun], portable: bool = False) -> pd.DataFrame:
    """One row a run, in the order given; columns in an order that depends on their names alone.

    state: done, refused, failed, interrupted, running, unreadable, or incomplete: done, but without usable numbers.
    `portable` cuts absolute paths to their last part, for reports that are published.
    """
    import pandas as pd

    rows = [_row(run) for run in runs]
    columns = [*LEADING, *column_order({name for row in rows for name in row} - set(LEADING))]
    table = pd.DataFrame(
        rows, columns=columns, dtype=object
    )  # object: a missing value makes no float of an int
    return table.map(_without_folders) if portable else table


def csv_bytes(table: pd.DataFrame) -> bytes:
    """UTF-8; numbers as Python writes them, so that they are read back exactly; None is empty."""
    text = table.to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8", "backslashreplace")  # JSON may hold half of a surrogate pair


def _row(run: CollectedRun) -> dict[str, Any]:
    row: dict[str, Any] = {
        "sweep": run.sweep,
        "run": run.folder.name,
        "state": run.status,
        "reason": run.reason,
    }
    if run.record is None:
        return row
    row |= flat_record(run.record)
    plan = cell_of(run)
    if isinstance(plan, RunPlan):
        row |= _leading(plan)
    result = plan if isinstance(plan, str) else result_of(plan)
    if run.status == "done" and isinstance(result, str):
        row |= {"state": "incomplete", "reason": result}
    return row


def _leading(plan: RunPlan) -> dict[str, Any]:
    memory = plan.memory
    leading = {"mode": plan.mode, "layers": memory.layers, "hidden_size": memory.hidden_size}
    leading |= {"budget": memory.budget, "training_seed": plan.seed}
    result = result_of(plan)
    if isinstance(result, Result):
        accuracies = {name: view.accuracy for name, view in result.views.items()}
        leading |= {"deployed_backend": deployed_backend(accuracies), "drop": accuracy_drop(accuracies)}
        leading["accuracy"] = result.deployed.accuracy
    return leading


def _without_folders(value: Any) -> Any:
    return _FOLDERS.sub("", value) if isinstance(value, str) else value
