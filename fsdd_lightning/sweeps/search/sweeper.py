"""Optuna as a Hydra sweeper: trials that a launcher runs, chosen by what the ones before them reached."""

from __future__ import annotations

import copy
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, open_dict
from rich.console import Console

from fsdd_lightning.config.load import run_name, to_config
from fsdd_lightning.console.terminal import width
from fsdd_lightning.errors import UserError, first_line
from fsdd_lightning.runs.lock import archive_record, locked
from fsdd_lightning.runs.plan import RunPlan, plan_run
from fsdd_lightning.runs.record import new_record
from fsdd_lightning.runs.state import Environment, run_state
from fsdd_lightning.sweeps.launchers.extras import require
from fsdd_lightning.sweeps.plan import Trial, running_order
from fsdd_lightning.sweeps.search.progress import SearchProgress
from fsdd_lightning.sweeps.search.space import Values, search_space
from fsdd_lightning.sweeps.steps import conclude, prepare_run_folders, prepare_sweep_folders, say_how_to_go_on
from fsdd_lightning.sweeps.sweeper import ResumingSweeper
from fsdd_lightning.sweeps.task import record_over_budget

if TYPE_CHECKING:
    from fsdd_lightning.sweeps.search.study import ParetoStudy

logger = logging.getLogger(__name__)


class ParetoSweeper(ResumingSweeper):
    """Trains `trials` trials of the space in `params`, `at_once` at a time; -1: as many as there are cores."""

    def __init__(self, trials: int, seed: int, at_once: int, params: DictConfig) -> None:
        super().__init__()
        if trials < 1:
            raise UserError(f"hydra.sweeper.trials must be at least 1, not {trials}")
        self._trials, self._seed = trials, seed
        self._at_once = at_once if at_once > 0 else (os.cpu_count() or 1)
        self._params = {str(key): str(value) for key, value in params.items()}
        self._launcher_error: str | None = None

    def sweep(self, arguments: list[str]) -> None:
        """Search; then print and write the front.

        Raises:
            RunFailedError: a trial failed; the search has gone on without it.
        """
        require("optuna", extra="search", what="a search")
        from fsdd_lightning.sweeps.search.study import ParetoStudy

        self._space, self._present = search_space(self._params, arguments), Environment()
        for values in self._space.probes():
            self._plan(values)  # what can't be is said before anything is trained
        self._folder = self._sweep_folder()
        self._folder.mkdir(parents=True, exist_ok=True)
        out = Console(highlight=False, markup=False, emoji=False, width=width())
        size = sum(1 for _ in self._space.points())
        out.print(f"search: {size} trials to choose from, {self._trials} to train, {self._at_once} at once")
        self._progress = SearchProgress(self._trials, out)
        with locked(self._folder):
            self._search(ParetoStudy(self._space, self._seed, self._folder), out)
            self._progress.show(self._folder)
        conclude(self._progress.trials, self._progress.ends, out, self._launcher_error)

    def _search(self, study: ParetoStudy, out: Console) -> None:
        try:
            while not self._is_to_stop() and (batch := self._next_batch(study)):
                self._run(batch)
                for values, each in batch.items():
                    error = self._errors.get(each.label, self._launcher_error)
                    result = self._progress.note_end(each, self._choice(values), error)
                    if result is None:
                        study.fail(values)
                    else:
                        study.tell(values, result)
        except BaseException:
            say_how_to_go_on(self._progress.trials, self._progress.ends, out)
            raise

    def _is_to_stop(self) -> bool:
        """With the launcher gone, or at the first failure if that is asked for."""
        assert self.config is not None
        failed = any(status == "failed" for status, _ in self._progress.ends.values())
        return self._launcher_error is not None or (failed and self.config.fail_fast)

    def _next_batch(self, study: ParetoStudy) -> dict[Values, Trial]:
        """The next trials that fit their budgets; none when enough were trained or none are left."""
        batch: dict[Values, Trial] = {}
        while len(batch) < self._at_once and self._progress.missing > 0:
            values = study.propose()
            if values is None:
                break
            each = self._trial(values)
            self._progress.trials.append(each)
            if each.plan.fits:
                batch[values] = each
            else:
                study.prune(values)
                self._record_over_budget(each)
        return batch

    def _record_over_budget(self, each: Trial) -> None:
        """Leave the record that a sweep would: nothing is launched for it."""
        if not each.state.is_settled:
            each.folder.mkdir(exist_ok=True)
            with locked(each.folder):
                archive_record(each.folder, each.state)
                record_over_budget(each.plan, new_record(each.plan, list(each.overrides)), each.folder)
        self._progress.note_over_budget(each)

    def _run(self, batch: dict[Values, Trial]) -> None:
        """Launch what is not done already."""
        prepare_sweep_folders(self._progress.trials, sys.argv[1:])
        to_run, in_the_way = prepare_run_folders(list(batch.values()))
        self._errors |= {label: line for label, (_, line) in in_the_way.items()}
        try:
            self._launch(running_order(to_run), [])
        except UserError:
            raise
        except Exception as error:
            logger.debug("the launcher gave up", exc_info=True)  # shown by hydra.verbose=true
            self._launcher_error = first_line(error)

    def _sweep_folder(self) -> Path:
        config = self.composed.trials[0][1].config
        return self.composed.folder or Path(config.output_root).resolve() / config.name

    def _plan(self, values: Values) -> tuple[list[str], RunPlan]:
        assert self.hydra_context is not None and self.config is not None
        overrides = self._space.overrides(values)
        config = copy.deepcopy(self.hydra_context.config_loader.load_sweep_config(self.config, overrides))
        with open_dict(config):
            del config["hydra"]
        return overrides, plan_run(to_config(config))

    def _trial(self, values: Values) -> Trial:
        overrides, plan = self._plan(values)
        folder = self._folder / run_name(overrides)
        label = ",".join(f"{key}={value}" for key, value in self._choice(values).items())
        return Trial(tuple(overrides), plan, folder, label, run_state(plan, folder, self._present))

    def _choice(self, values: Values) -> dict[str, str]:
        return {each.key: value for each, value in zip(self._space.dimensions, values, strict=True)}
