"""Optuna as a Hydra sweeper: cells that a launcher runs, chosen by what the ones before them reached."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from fsdd_lightning.configuration import content_hash, settings_to_mapping, to_settings
from fsdd_lightning.errors import UserError
from fsdd_lightning.experiments.cell import Cell, plan_cell
from fsdd_lightning.experiments.console import console
from fsdd_lightning.experiments.record import RunRecord, new_record, read_record, write_record
from fsdd_lightning.launching.extras import require
from fsdd_lightning.search.front import Point, front_table, pareto_front, write_front
from fsdd_lightning.search.objective import objective
from fsdd_lightning.search.space import Space, Values, search_space

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher

    from fsdd_lightning.search.study import ParetoStudy


@dataclass(frozen=True)
class Candidate:
    """A cell that was proposed, where it runs, and the overrides it runs with."""

    values: Values
    overrides: list[str]
    cell: Cell
    folder: Path

    def finished(self) -> RunRecord | None:
        """Its record, if it ran to its end with this very configuration."""
        try:
            record = read_record(self.folder)
        except UserError:
            return None
        same = record.config_hash == content_hash(settings_to_mapping(self.cell.settings))
        return record if same and record.status == "done" else None


class ParetoSweeper(Sweeper):
    """Trains `trials` cells of the space in `params`, `at_once` at a time; -1: as many as there are cores."""

    def __init__(self, trials: int, seed: int, at_once: int, params: DictConfig) -> None:
        self._trials, self._seed = trials, seed
        self._at_once = at_once if at_once > 0 else (os.cpu_count() or 1)
        self._params = {str(key): str(value) for key, value in params.items()}
        self._points: list[Point] = []
        self._counts = dict.fromkeys(("trained", "found done", "refused", "failed"), 0)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what cells are composed from, and the launcher that runs them."""
        self._context, self._config = hydra_context, config
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Search; then print and write the front."""
        require("optuna", extra="search", what="a search")
        from fsdd_lightning.search.study import ParetoStudy

        self._space = search_space(self._params, arguments)
        for values in self._space.probes():
            self._candidate(values)  # what can't be is said before anything is trained
        folder = Path(self._config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        study = ParetoStudy(self._space, self._seed, folder)
        jobs = 0
        while batch := self._next_batch(study):
            waiting = [each for each in batch if each.finished() is None]
            if waiting:
                self._launcher.launch([each.overrides for each in waiting], jobs)
            jobs += len(waiting)
            for each in batch:
                self._learn(study, each, was_done=each not in waiting)
        self._conclude(folder)

    def _next_batch(self, study: ParetoStudy) -> list[Candidate]:
        """The next cells that fit their budgets; none when enough were trained or none are left."""
        used = self._counts["trained"] + self._counts["found done"] + self._counts["failed"]
        batch: list[Candidate] = []
        while len(batch) < min(self._at_once, self._trials - used):
            values = study.propose()
            if values is None:
                break
            candidate = self._candidate(values)
            if candidate.cell.fits:
                batch.append(candidate)
            else:
                self._refuse(study, candidate)
        return batch
