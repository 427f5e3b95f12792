"""What became of a cell is told by its record."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from fsdd_lightning.runs.plan import plan_cell
from fsdd_lightning.runs.record import new_record, read_record, write_record
from fsdd_lightning.runs.state import CellState
from fsdd_lightning.sweeps.compose import compose_cells
from fsdd_lightning.sweeps.plan import SweepCell
from fsdd_lightning.sweeps.search.objective import Objective
from fsdd_lightning.sweeps.search.progress import SearchProgress


@pytest.fixture
def progress() -> SearchProgress:
    return SearchProgress(trials=3, out=Console(file=io.StringIO(), width=200))


def cell(folder: Path, state: CellState, *more: str) -> SweepCell:
    ((overrides, settings),) = compose_cells(["model.hidden_size=8", *more], multirun=False)
    folder.mkdir(exist_ok=True)
    return SweepCell(tuple(overrides), plan_cell(settings), folder, "label", state)


def record_end(each: SweepCell, status: str, started: str = "now") -> None:
    record = new_record(each.cell, list(each.overrides))
    record.status, record.error, record.started = (
        status,
        None if status == "done" else "no such speaker",
        started,
    )
    record.training = {"val_accuracy": {"integer": 0.75}}
    write_record(record, each.folder)


def printed(progress: SearchProgress) -> str:
    assert isinstance(progress.out.file, io.StringIO)
    return progress.out.file.getvalue()


def test_a_trained_cell_is_a_point(progress: SearchProgress, tmp_path: Path) -> None:
    each = cell(tmp_path, CellState("to run"))
    progress.cells.append(each)
    record_end(each, "done")
    assert progress.tell(each, {"a": "1"}, "the launcher gave up later") == Objective(
        0.75, each.cell.bill.flash_bytes
    )
    assert progress.outcomes == {"label": ("done", "")}
    assert "[1/3] done    label: validation 75.00 %" in printed(progress)
    assert progress.missing == 2


def test_a_failed_cell_is_told_by_its_record(progress: SearchProgress, tmp_path: Path) -> None:
    each = cell(tmp_path, CellState("to run"))
    record_end(each, "failed")
    assert progress.tell(each, {}, None) is None
    assert progress.outcomes == {"label": ("failed", "no such speaker")}


def test_without_a_record_it_is_told_by_the_launcher(progress: SearchProgress, tmp_path: Path) -> None:
    assert (
        progress.tell(cell(tmp_path, CellState("to run")), {}, "its machine has to share the folder") is None
    )
    assert progress.outcomes == {"label": ("failed", "its machine has to share the folder")}


def test_an_outdated_record_that_was_not_replaced_is_none(progress: SearchProgress, tmp_path: Path) -> None:
    each = cell(tmp_path, CellState("to run"))
    record_end(each, "done")
    outdated = cell(tmp_path, CellState("to run", "code changed", read_record(tmp_path)))
    assert progress.tell(outdated, {}, None) is None
    record_end(each, "done", started="later")
    assert progress.tell(outdated, {}, None) is not None


def test_refused_cells_are_not_counted(progress: SearchProgress, tmp_path: Path) -> None:
    each = cell(tmp_path, CellState("to run"), "model.hidden_size=400", "memory_budget=kb8")
    progress.cells.append(each)
    progress.tell_refused(each)
    assert progress.missing == 3
    assert "[0/3] refused label: " in printed(progress)
