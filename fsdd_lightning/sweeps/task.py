"""What Hydra calls for each cell, in whichever process its launcher chose."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from fsdd_lightning.config.load import to_settings
from fsdd_lightning.console.summary import print_refusal
from fsdd_lightning.console.terminal import configure_console, quiet_console
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.lock import claimed, remove_results, set_aside
from fsdd_lightning.runs.plan import Cell, plan_cell
from fsdd_lightning.runs.record import new_record, write_record
from fsdd_lightning.runs.state import Present, state_of
from fsdd_lightning.training.tensorboard import write_outcome

if TYPE_CHECKING:
    from fsdd_lightning.runs.record import RunRecord

STOP_FILE = "FSDD_SWEEP_STOP_FILE"  # in hydra.job.env_set: of a sweep that ends with its first failure


def run_cell(config: DictConfig) -> float | None:
    """Run one cell; the answer is what a search maximises: its validation accuracy, None where it was refused.

    In a sweep, a cell that is settled already is left alone, and answers with what it reached.

    Raises:
        UserError: a single run that does not fit its budget; a record in the way that is not ours to replace.
        RunningElsewhereError: another process runs this very cell.
    """
    hydra_config = HydraConfig.get()
    is_sweep = hydra_config.mode is RunMode.MULTIRUN
    folder = Path(hydra_config.runtime.output_dir).resolve()
    cell = plan_cell(to_settings(config))
    with claimed(folder), _stopping_all(hydra_config.job.env_set.get(STOP_FILE)) as stopped:
        state = state_of(cell, folder, Present())
        if state.name == "blocked":
            raise UserError(str(state.reason))
        if is_sweep and (stopped or state.is_settled):
            return _objective(state.record) if state.is_settled else None
        set_aside(folder, state)
        record = new_record(cell, list(hydra_config.overrides.task))
        return _run(cell, record, folder, is_sweep)


def _run(cell: Cell, record: RunRecord, folder: Path, is_sweep: bool) -> float | None:
    if not cell.fits:  # before torch is imported or data are touched
        refuse(cell, record, folder)
        if not is_sweep:
            print_refusal(cell)
            raise UserError(f"refused: {cell.refusal}")
        return None
    configure_console()
    from fsdd_lightning.training.experiment import run_experiment

    try:
        with quiet_console(is_sweep):
            return _objective(run_experiment(cell, record, folder))
    finally:
        _free_memory()


def _free_memory() -> None:
    """Collect what a run leaves in reference cycles (Lightning's trainer and module know each other).

    Left to itself a process grew by 2 MB a cell; this way by 0.2 MB. What was there by the end of the first run,
    half a million objects of torch and others, is not looked at again: 20 ms instead of 300 ms a cell.
    """
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()


def refuse(cell: Cell, record: RunRecord, folder: Path) -> None:
    """Record that a cell does not fit its budget."""
    record.status, record.error = "refused", cell.refusal
    write_record(record, folder)
    remove_results(folder)
    write_outcome(record, folder)


def _objective(record: RunRecord | None) -> float | None:
    if record is None or record.status != "done":
        return None
    accuracies = record.training["val_accuracy"]
    return float(accuracies.get("integer", accuracies["float"]))


@contextmanager
def _stopping_all(stop_file: str | None) -> Iterator[bool]:
    """Tells whether another cell of this sweep has failed; leaves word for the others if this one does."""
    path = None if stop_file is None else Path(stop_file)
    try:
        yield path is not None and path.exists()
    except Exception:
        if path is not None:
            path.touch()
        raise
