"""Hydra's sweeper over all combinations, made to resume: only what is missing is launched, all failures are listed."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from fsdd_lightning.console.terminal import new_console
from fsdd_lightning.errors import UserError, first_line
from fsdd_lightning.interruption import obey
from fsdd_lightning.runs.record import RUN_FILE
from fsdd_lightning.runs.results import LOCK
from fsdd_lightning.sweeps.completion import complete_runs
from fsdd_lightning.sweeps.compose import ComposedSweep
from fsdd_lightning.sweeps.dashboard import lacks_curves, write_curves
from fsdd_lightning.sweeps.launchers import launcher_errors
from fsdd_lightning.sweeps.manifest import Base, write_manifest
from fsdd_lightning.sweeps.orphans import keep_tracker
from fsdd_lightning.sweeps.plan import compose_sweep, running_order
from fsdd_lightning.sweeps.progress import SweepProgress
from fsdd_lightning.sweeps.status import TrialEnd, announce, conclude, interruptible
from fsdd_lightning.sweeps.task import STOP_FILE
from fsdd_lightning.sweeps.trial import Trial

logger = logging.getLogger(__name__)


class ResumingSweeper(Sweeper):
    """Runs the trials without a valid record with the configured launcher, and sums up.

    `max_batch_size`: how many trials are handed to the launcher at once; `params`: a sweep written into an experiment.
    """

    composed: ClassVar[ComposedSweep]  # `params` and the command line, multiplied out and checked

    def __init__(self, max_batch_size: int | None = None, params: dict[str, str] | None = None) -> None:
        self._max_batch_size = max_batch_size
        self._returns: list[Sequence[JobReturn]] = []
        self._errors: dict[str, str] = {}  # by label, of trials without a record of their end
        self._launcher_error: str | None = None  # why the launcher gave up

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what a launcher needs: it is created only if there is something to launch."""
        self.hydra_context, self.config, self._task = hydra_context, config, task_function

    def sweep(self, arguments: list[str]) -> Any:
        """Run what is to run.

        Raises:
            RunFailedError: a trial failed; all others have run.
        """
        assert self.config is not None
        out, told = new_console(), new_console(quiet=self.config.quiet)
        planned = compose_sweep(self.composed.trials, self.composed.folder)
        trials = planned.trials
        if not all(trial.state.is_settled for trial in trials):
            prepare_sweep_folders(trials, planned.bases)
        to_run, problems = prepare_run_folders(trials)
        announce(trials, to_run, told, planned.repeated)
        progress = SweepProgress(to_run, told, [trial for trial in trials if trial.state.is_settled])
        with interruptible(trials, progress.ends, out), progress.watching():
            complete_runs(trials, out)
            self._launch(to_run)
            obey()
        failed = {label: TrialEnd("failed", line) for label, line in problems.items()}
        ends = progress.end(self._errors, self._launcher_error)
        if to_run or lacks_curves(trials):
            write_curves(trials)
        conclude(trials, ends | failed, out, self._launcher_error)
        return self._returns

    def _launch(self, trials: Sequence[Trial]) -> None:
        """Run `trials`, in an order of our own. A launcher that breaks down leaves its error in `_launcher_error`.

        Raises:
            UserError: the launcher can't work here at all.
        """
        try:
            if trials:
                self._launch_batches(running_order(trials))
        except UserError:
            raise
        except Exception as error:  # of the launcher: a worker was killed, the disk is full
            obey()
            logger.debug("the launcher gave up", exc_info=True)  # shown by hydra.verbose=true
            self._launcher_error = first_line(error)

    def _launch_batches(self, trials: Sequence[Trial]) -> None:
        assert self.config is not None and self.hydra_context is not None
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context, task_function=self._task, config=self.config
        )
        keep_tracker(str(self.config.hydra.launcher._target_))
        stop_file = trials[0].folder.parent / f".stop-{uuid.uuid4().hex}" if self.config.fail_fast else None
        size = self._max_batch_size or len(trials)
        try:
            for start in range(0, len(trials), size):
                obey()
                batch = trials[start : start + size]
                with launcher_errors():
                    jobs = launcher.launch([_job(trial, stop_file) for trial in batch], initial_job_idx=start)
                self._note_errors(batch, jobs)
                self._returns.append(jobs)
        finally:
            if stop_file is not None:
                stop_file.unlink(missing_ok=True)

    def _note_errors(self, batch: Sequence[Trial], jobs: Sequence[JobReturn]) -> None:
        assert self.config is not None
        for trial, job in zip(batch, jobs, strict=True):
            if job.status is JobStatus.FAILED and isinstance(job._return_value, BaseException):
                self._errors[trial.label] = first_line(job._return_value)
            elif not self.config.fail_fast and not (trial.folder / RUN_FILE).exists():
                self._errors[trial.label] = (
                    f"it ran, but {trial.folder} holds no record of it: "
                    "the machine that ran it has to share this folder"
                )


def prepare_sweep_folders(trials: Sequence[Trial], bases: Mapping[Path, Base]) -> None:
    """Make the folders above those of the runs, and list this command and its trials in their sweep.json."""
    for folder in dict.fromkeys(trial.folder.parent for trial in trials):
        folder.mkdir(parents=True, exist_ok=True)
        inside = [trial for trial in trials if trial.folder.parent == folder]
        write_manifest(folder, sys.argv[1:], inside, bases[folder])


def prepare_run_folders(trials: Sequence[Trial]) -> tuple[list[Trial], dict[str, str]]:
    """The trials that can run now, and by label why others, which are not settled either, can't."""
    unsettled = [trial for trial in trials if not trial.state.is_settled]
    problems = {trial.label: problem for trial in unsettled if (problem := _problem(trial)) is not None}
    return [trial for trial in unsettled if trial.label not in problems], problems


def _problem(trial: Trial) -> str | None:
    if trial.state.name == "blocked":
        return trial.state.reason
    try:
        trial.folder.mkdir(exist_ok=True)
        (trial.folder / LOCK).touch()
    except OSError as error:
        return first_line(error)
    return None


def _job(trial: Trial, stop_file: Path | None) -> list[str]:
    """The trial's overrides, and where it runs: a job in another process can't resolve our names of folders."""
    where = [f"hydra.sweep.dir={_quoted(str(trial.folder.parent))}", f"hydra.sweep.subdir={_quoted(trial.run_name)}"]
    stop = [] if stop_file is None else [f"++hydra.job.env_set.{STOP_FILE}={_quoted(str(stop_file))}"]
    return [*trial.overrides, *where, *stop]


def _quoted(text: str) -> str:
    """As a string of Hydra's override grammar."""
    return "'" + text.replace("'", r"\'") + "'"
