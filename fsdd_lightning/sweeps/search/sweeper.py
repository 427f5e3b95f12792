"""Optuna as a Hydra sweeper: trials that a launcher runs, chosen by the results of the ones before them."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING

from omegaconf import DictConfig, open_dict

from fsdd_lightning.config.load import to_config
from fsdd_lightning.console.terminal import new_console
from fsdd_lightning.errors import UserError
from fsdd_lightning.interruption import obey
from fsdd_lightning.runs.lock import archive_record, locked
from fsdd_lightning.runs.plan import RunPlan, plan_run
from fsdd_lightning.runs.record import new_record
from fsdd_lightning.runs.state import Environment, run_state
from fsdd_lightning.sweeps.completion import complete_runs
from fsdd_lightning.sweeps.dashboard import lacks_curves, write_curves
from fsdd_lightning.sweeps.known import SweepFolder
from fsdd_lightning.sweeps.launchers import require
from fsdd_lightning.sweeps.names import label_of
from fsdd_lightning.sweeps.plan import default_sweep_folder
from fsdd_lightning.sweeps.search.progress import SearchProgress
from fsdd_lightning.sweeps.search.space import Values, search_space
from fsdd_lightning.sweeps.status import conclude, interruptible
from fsdd_lightning.sweeps.sweeper import ResumingSweeper, prepare_run_folders, prepare_sweep_folders
from fsdd_lightning.sweeps.task import record_over_budget
from fsdd_lightning.sweeps.trial import Trial

if TYPE_CHECKING:
    from fsdd_lightning.sweeps.search.study import ParetoStudy


class ParetoSweeper(ResumingSweeper):
    """Trains `trials` trials of the space in `params`, `at_once` at a time; -1: as many as there are cores."""

    def __init__(self, trials: int, seed: int, at_once: int, params: DictConfig) -> None:
        super().__init__()
        if trials < 1:
            raise UserError(f"hydra.sweeper.trials must be at least 1, not {trials}")
        self._trials, self._seed = trials, seed
        self._at_once = at_once if at_once > 0 else (os.cpu_count() or 1)
        self._params = {str(key): str(value) for key, value in params.items()}

    def sweep(self, arguments: list[str]) -> None:
        """Search; then print and write the front.

        Raises:
            RunFailedError: a trial failed; the search has gone on without it.
        """
        require("optuna", extra="search", needed_by="a search")
        from fsdd_lightning.sweeps.search.study import ParetoStudy

        assert self.hydra_context is not None
        self._space = search_space(self._params, arguments, self.hydra_context.config_loader)
        self._environment = Environment()
        for values in self._space.probes():
            self._plan(values)  # an impossible one is an error before anything is trained
        self._folder = self.composed.folder or default_sweep_folder(self.composed.trials[0][1])
        self._folder.mkdir(parents=True, exist_ok=True)
        self._known = SweepFolder(self._folder, self._environment)
        assert self.config is not None
        out, told = new_console(), new_console(quiet=self.config.quiet)
        size = sum(1 for _ in self._space.points())
        told.print(f"search: {size} trials to choose from, {self._trials} to train, {self._at_once} at once")
        progress = self._progress = SearchProgress(self._trials, told)
        with locked(self._folder):
            study = ParetoStudy(self._space, self._seed, self._folder)
            with interruptible(progress.trials, progress.ends, out):
                self._search(study)
            progress.show(self._folder, out)
        if not all(trial.state.is_settled for trial in progress.trials) or lacks_curves(progress.trials):
            write_curves(progress.trials)
        conclude(progress.trials, progress.ends, out, self._launcher_error)

    def _search(self, study: ParetoStudy) -> None:
        while not self._is_to_stop() and (batch := self._next_batch(study)):
            self._run(list(batch.values()))
            for values, trial in batch.items():
                error = self._errors.get(trial.label, self._launcher_error)
                study.report(values, self._progress.note_end(trial, self._choice(values), error))

    def _is_to_stop(self) -> bool:
        """With the launcher gone, or at the first failure if that is asked for."""
        assert self.config is not None
        failed = any(end.status == "failed" for end in self._progress.ends.values())
        return self._launcher_error is not None or (failed and self.config.fail_fast)

    def _next_batch(self, study: ParetoStudy) -> dict[Values, Trial]:
        """The next trials that fit their budgets; none when enough were trained or none are left."""
        batch: dict[Values, Trial] = {}
        while len(batch) < self._at_once and self._progress.missing > 0:
            values = study.propose()
            if values is None:
                break
            trial = self._trial(values)
            self._progress.trials.append(trial)
            if trial.plan.fits:
                batch[values] = trial
            else:
                study.prune(values)
                self._record_over_budget(trial)
        return batch

    def _record_over_budget(self, trial: Trial) -> None:
        """Leave the record that a sweep would: nothing is launched for it."""
        if trial.state.name == "to run":
            trial.folder.mkdir(exist_ok=True)
            with locked(trial.folder):
                archive_record(trial.folder, trial.state)
                record_over_budget(trial.plan, new_record(trial.plan, list(trial.overrides)), trial.folder)
        self._progress.note_over_budget(trial)

    def _run(self, batch: list[Trial]) -> None:
        """Launch what is not done already."""
        prepare_sweep_folders(self._progress.trials, {self._folder: self._known.first})
        to_run, problems = prepare_run_folders(batch)
        self._errors |= problems
        complete_runs(batch, self._progress.out)
        self._launch(to_run)
        obey()

    def _plan(self, values: Values) -> tuple[list[str], RunPlan]:
        assert self.hydra_context is not None and self.config is not None
        overrides = self._space.overrides(values)
        config = copy.deepcopy(self.hydra_context.config_loader.load_sweep_config(self.config, overrides))
        with open_dict(config):
            del config["hydra"]
        return overrides, plan_run(to_config(config))

    def _trial(self, values: Values) -> Trial:
        overrides, plan = self._plan(values)
        ((name, identity),) = self._known.place([(overrides, plan)], [each.key for each in self._space.dimensions])
        label = label_of(f"{key}={value}" for key, value in self._choice(values).items())
        state = run_state(plan, self._folder / name, self._environment)
        return Trial(tuple(overrides), plan, self._folder / name, label, state, identity)

    def _choice(self, values: Values) -> dict[str, str]:
        return dict(zip((dimension.key for dimension in self._space.dimensions), values, strict=True))
