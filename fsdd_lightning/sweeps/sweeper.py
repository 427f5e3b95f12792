"""Hydra's sweeper over all combinations, made to resume: only what is missing is launched, all failures are listed."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console

from fsdd_lightning.console.terminal import width
from fsdd_lightning.errors import UserError, first_line
from fsdd_lightning.runs.record import RUN_FILE
from fsdd_lightning.sweeps.compose import BASIC_SWEEPER, ComposedSweep
from fsdd_lightning.sweeps.launchers.complaints import launcher_errors
from fsdd_lightning.sweeps.plan import Trial, plan_sweep, running_order
from fsdd_lightning.sweeps.progress import SweepProgress
from fsdd_lightning.sweeps.steps import announce, conclude, prepare_run_folders, prepare_sweep_folders, say_how_to_go_on
from fsdd_lightning.sweeps.task import STOP_FILE

logger = logging.getLogger(__name__)


def register_sweeper(sweep: ComposedSweep) -> None:
    """Put a `ResumingSweeper` in the place of Hydra's basic one; Hydra takes plugins from its own namespace only."""
    ResumingSweeper.composed = sweep  # Hydra calls the class itself, with no more than its configuration
    Plugins.instance().class_name_to_class[BASIC_SWEEPER] = ResumingSweeper


class ResumingSweeper(Sweeper):
    """Checks what is done, launches the rest with the configured launcher, and sums up.

    `max_batch_size`: how many trials are handed to the launcher at once; `params`: a sweep written into an experiment.
    """

    composed: ClassVar[ComposedSweep]  # `params` and the command line, multiplied out and checked

    def __init__(self, max_batch_size: int | None = None, params: dict[str, str] | None = None) -> None:
        self._max_batch_size = max_batch_size
        self._errors: dict[str, str] = {}  # of trials that ended without a record

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what a launcher needs: it is made only if there is something to launch."""
        self.hydra_context, self.config, self._task = hydra_context, config, task_function

    def sweep(self, arguments: list[str]) -> Any:
        """Run what is to run.

        Raises:
            RunFailedError: a trial failed; all others have had their turn.
        """
        out = Console(highlight=False, markup=False, emoji=False, width=width())
        trials = plan_sweep(self.composed.trials, self.composed.folder)
        if not all(trial.state.is_settled for trial in trials):
            prepare_sweep_folders(trials, sys.argv[1:])
        to_run, in_the_way = prepare_run_folders(trials)
        announce(trials, to_run, out)
        returns: list[Sequence[JobReturn]] = []
        launcher_error = None
        progress = SweepProgress(to_run, out)
        try:
            with progress:
                self._launch(running_order(to_run), returns)
        except UserError:  # the launcher can't work at all
            raise
        except Exception as error:  # of the launcher: a worker was killed, the disk is full
            logger.debug("the launcher gave up", exc_info=True)  # shown by hydra.verbose=true
            launcher_error = first_line(error)
        except BaseException:
            say_how_to_go_on(trials, progress.ends, out)
            raise
        conclude(trials, progress.end(self._errors, launcher_error) | in_the_way, out, launcher_error)
        return returns

    def _launch(self, trials: Sequence[Trial], returns: list[Sequence[JobReturn]]) -> None:
        if not trials:
            return
        assert self.config is not None and self.hydra_context is not None
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context, task_function=self._task, config=self.config
        )
        stop_file = trials[0].folder.parent / f".stop-{uuid.uuid4().hex}" if self.config.fail_fast else None
        size = self._max_batch_size or len(trials)
        try:
            for start in range(0, len(trials), size):
                batch = trials[start : start + size]
                with launcher_errors():
                    jobs = launcher.launch([_job(trial, stop_file) for trial in batch], initial_job_idx=start)
                self._note_errors(batch, jobs)
                returns.append(jobs)
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


def _job(trial: Trial, stop_file: Path | None) -> list[str]:
    """The trial's overrides, and where it runs: a job in another process can't resolve our names of folders."""
    where = [f"hydra.sweep.dir={_quoted(str(trial.folder.parent))}", f"hydra.sweep.subdir={_quoted(trial.run_name)}"]
    stop = [] if stop_file is None else [f"++hydra.job.env_set.{STOP_FILE}={_quoted(str(stop_file))}"]
    return [*trial.overrides, *where, *stop]


def _quoted(text: str) -> str:
    """As a string of Hydra's override grammar."""
    return "'" + text.replace("'", r"\'") + "'"
