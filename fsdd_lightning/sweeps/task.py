"""The task that Hydra calls for every trial, in the process that its launcher chose."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from fsdd_lightning.config.load import to_config
from fsdd_lightning.console.summary import over_budget_error
from fsdd_lightning.console.terminal import configure_console, quiet_console
from fsdd_lightning.errors import UserError
from fsdd_lightning.interruption import obey
from fsdd_lightning.runs.lock import archive_record, claim, locked, remove_results
from fsdd_lightning.runs.metrics import validation_accuracy
from fsdd_lightning.runs.plan import RunPlan, plan_run
from fsdd_lightning.runs.record import new_record, write_record
from fsdd_lightning.runs.state import Environment, run_state
from fsdd_lightning.training.tensorboard import write_trial_end

if TYPE_CHECKING:
    from fsdd_lightning.runs.record import RunRecord

STOP_FILE = "FSDD_SWEEP_STOP_FILE"  # in hydra.job.env_set: of a sweep that ends with its first failure


def run_trial(config: DictConfig) -> float | None:
    """Run one trial; returns its validation accuracy, which a search maximizes, or None where it is over budget.

    In a sweep, a settled trial does not run again; the accuracy is that of its record.

    Raises:
        UserError: a single run does not fit its budget, or the folder holds a record that we must not replace.
        RunningElsewhereError: another process runs this very trial.
    """
    obey()
    hydra_config = HydraConfig.get()
    is_sweep = hydra_config.mode is RunMode.MULTIRUN
    folder = Path(hydra_config.runtime.output_dir).resolve()
    plan = plan_run(to_config(config))
    with locked(folder), _stopping_all(hydra_config.job.env_set.get(STOP_FILE)) as stopped:
        state = run_state(plan, folder, Environment(), begun=True)
        if state.name == "blocked":
            raise UserError(str(state.reason))
        if is_sweep and (stopped or state.is_settled):
            return _objective(state.record) if state.is_settled else None
        archive_record(folder, state)
        record = new_record(plan, list(hydra_config.overrides.task))
        return _run(plan, record, folder, is_sweep)


def _run(plan: RunPlan, record: RunRecord, folder: Path, is_sweep: bool) -> float | None:
    if not plan.fits:  # before torch is imported or data are touched
        record_over_budget(plan, record, folder)
        if not is_sweep:
            with quiet_console(plan.config.quiet, is_sweep):
                raise over_budget_error(plan)
        return None
    configure_console()
    from fsdd_lightning.training.experiment import run_experiment

    try:
        with quiet_console(plan.config.quiet, is_sweep):
            return _objective(run_experiment(plan, record, folder))
    finally:
        _free_memory()


def _free_memory() -> None:
    """Collect what a run leaves in reference cycles (Lightning's trainer and module know each other).

    Without this a process grew by 2 MB a trial, with it by 0.2 MB. What exists at the end of the first run, half a
    million objects of torch and others, is not examined again: 20 ms instead of 300 ms a trial.
    """
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()


def record_over_budget(plan: RunPlan, record: RunRecord, folder: Path) -> None:
    """Record that a trial does not fit its budget; last of all, so that a killed process leaves nothing undone."""
    claim(record, folder)
    write_record(record, folder)  # that it runs
    remove_results(folder)
    record.status, record.error = "over_budget", plan.over_budget_reason
    write_trial_end(record, folder)
    write_record(record, folder)


def _objective(record: RunRecord | None) -> float | None:
    return validation_accuracy(record) if record is not None and record.status == "done" else None


@contextmanager
def _stopping_all(stop_file: str | None) -> Iterator[bool]:
    """Yields whether another trial of this sweep has failed; if this one fails, creates the file for the others."""
    path = None if stop_file is None else Path(stop_file)
    try:
        yield path is not None and path.exists()
    except Exception:
        if path is not None:
            path.touch()
        raise
