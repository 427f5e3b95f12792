"""Optuna chooses the next trial. It is imported in this file alone.

A proposal depends only on the seed and the results reported before it: the sampler is created again from the seed and
the number of trials proposed so far. A killed search is therefore resumed by replay: the same proposals come again,
and those with a finished record take their result from it, in milliseconds, until the first without one. The records
are the only memory of a search, as of a sweep: no second one can hold results of changed code or data.
Optuna's journal is written beside them for its own tools (`optuna-dashboard search.journal`).

Why not hydra-optuna-sweeper: version 1.3.0 needs optuna 2.10, whose storage on disk fails with SQLAlchemy 2.1, and
it can't prune: a trial that returns no number ends its search.
"""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.search.front import Objective
from fsdd_lightning.sweeps.search.space import Dimension, Space, Values

JOURNAL = "search.journal"
_JOURNAL_BEGINS = b'{"op_code'
_RANDOM_TRIALS = 10  # before the sampler has enough results to choose by


class ParetoStudy:
    """Proposes trials of a space, never one twice."""

    def __init__(self, space: Space, seed: int, folder: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        _remove_journal(folder / JOURNAL)
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
            study_name="accuracy_vs_bytes",
            directions=["maximize", "minimize"],
        )
        self._space, self._seed = space, seed
        self._trials: dict[Values, Trial] = {}

    def propose(self) -> Values | None:
        """The next trial; None when all have been proposed."""
        number = len(self._trials)
        self._study.sampler = _sampler(self._seed, number)
        trial, values = self._ask()
        if values in self._trials:  # the sampler repeats itself: try an untested one
            self._study.tell(trial, state=TrialState.FAIL)
            left = [point for point in self._space.points() if point not in self._trials]
            if not left:
                return None
            chosen = random.Random(f"{self._seed} {number}").choice(left)
            self._study.enqueue_trial(self._params(chosen))
            trial, values = self._ask()
        self._trials[values] = trial
        return values

    def report(self, values: Values, result: Objective | None) -> None:
        """Report the result of a trial that was trained now or before; None: it failed."""
        if result is None:
            self._study.tell(self._trials[values], state=TrialState.FAIL)
        else:
            self._study.tell(self._trials[values], [result.accuracy, result.flash_bytes])

    def prune(self, values: Values) -> None:
        """Report a trial that does not fit its budget."""
        self._study.tell(self._trials[values], state=TrialState.PRUNED)

    def _ask(self) -> tuple[Trial, Values]:
        trial = self._study.ask({dimension.key: _distribution(dimension) for dimension in self._space.dimensions})
        return trial, tuple(str(trial.params[dimension.key]) for dimension in self._space.dimensions)

    def _params(self, values: Values) -> dict[str, str | int]:
        pairs = zip(self._space.dimensions, values, strict=True)
        return {dimension.key: value if dimension.grid is None else int(value) for dimension, value in pairs}


def _remove_journal(path: Path) -> None:
    """It is written anew; UserError where the file of this name is no journal."""
    if path.is_file() and not path.is_symlink():
        with path.open("rb") as file:
            if not _JOURNAL_BEGINS.startswith(file.read(len(_JOURNAL_BEGINS))):  # a killed search may leave less
                raise UserError(f"{path} is no journal of Optuna: move it away")
    path.unlink(missing_ok=True)


def _sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():  # multivariate and constant_liar have been experimental for years
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=random.Random(f"{seed} {number}").getrandbits(32),
            n_startup_trials=_RANDOM_TRIALS,
            multivariate=True,
            constant_liar=True,  # trials that are chosen together count one another as running
        )


def _distribution(dimension: Dimension) -> BaseDistribution:
    grid = dimension.grid
    if grid is None:
        return CategoricalDistribution(dimension.values)
    return IntDistribution(grid[0], grid[-1], step=grid.step)
