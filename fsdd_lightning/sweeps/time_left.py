"""How long a sweep still takes: trials that train, trials that train on, and trials that only look at weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.sweeps.plan import float_group, tuning_epochs
from fsdd_lightning.sweeps.trial import Trial


@dataclass
class _Rate:
    """Seconds per multiply-accumulate of training, from the trials that have ended."""

    seconds: float = 0.0
    work: float = 0.0

    def add(self, seconds: float, work: float) -> None:
        self.seconds, self.work = self.seconds + seconds, self.work + work

    @property
    def per_work(self) -> float | None:
        return self.seconds / self.work if self.work else None


@dataclass
class TimeLeft:
    """Learns from trials that end. `ready`: of the float networks that are in the store already."""

    ready: set[str] = field(default_factory=set)
    _float: _Rate = field(default_factory=_Rate)
    _tuning: _Rate = field(default_factory=_Rate)
    _rest: _Rate = field(default_factory=_Rate)  # data, tests, export: per trial
    _busy_s: float = 0.0

    def know(self, settled: Iterable[Trial]) -> None:
        """Trials that were done before: their float networks are reused."""
        self.ready |= {float_group(trial.plan) for trial in settled if trial.plan.fits}

    def note(self, trial: Trial, record: RunRecord) -> None:
        """A trial has ended."""
        times = record.timings_s
        self._busy_s += times.get("total", 0.0)
        if record.status != "done":
            return
        self.know([trial])
        trained = not record.training.get("float", {}).get("reused", False)
        training, tuned = times.get("training", 0.0), times.get("quantization", 0.0)
        if trained:
            self._float.add(training, float_work(trial.plan))
        if tuning_work(trial.plan):
            self._tuning.add(tuned, tuning_work(trial.plan))
        waited = training if trained else times.get("waiting", 0.0)
        self._rest.add(times.get("total", 0.0) - waited - (tuned if tuning_work(trial.plan) else 0.0), 1.0)

    def seconds(self, waiting: Sequence[Trial], running_s: dict[str, float], elapsed_s: float) -> float | None:
        """Until the last of `waiting` has ended; None while too little is known.

        `running_s`: since when those of them run that do, by label; `elapsed_s`: since the sweep began.
        """
        trains = set(self.ready)
        costs: list[float] = []
        for trial in sorted(waiting, key=lambda each: each.label not in running_s):  # who runs trains
            if not trial.plan.fits:
                continue
            group = float_group(trial.plan)
            cost = self._cost(trial.plan, trains_float=group not in trains)
            trains.add(group)
            if cost is None:
                return None
            costs.append(max(cost - running_s.get(trial.label, 0.0), 0.0))
        at_once = max((self._busy_s + sum(running_s.values())) / elapsed_s, 1.0) if elapsed_s > 0 else 1.0
        return max(sum(costs) / at_once, max(costs, default=0.0))

    def _cost(self, plan: RunPlan, trains_float: bool) -> float | None:
        """Seconds; a kind of training that has not been seen is as fast as the other one."""
        rest = self._rest.per_work
        training = self._float.per_work if self._float.work else self._tuning.per_work
        tuning = self._tuning.per_work if self._tuning.work else self._float.per_work
        float_macs, tuning_macs = float_work(plan) if trains_float else 0.0, tuning_work(plan)
        if rest is None or (training is None and float_macs) or (tuning is None and tuning_macs):
            return None
        return rest + float_macs * (training or 0.0) + tuning_macs * (tuning or 0.0)


def float_work(plan: RunPlan) -> float:
    """Of training the float network, up to a factor that is the same for all trials of a corpus."""
    return float(plan.bill.macs_per_clip * plan.config.trainer.max_epochs)


def tuning_work(plan: RunPlan) -> float:
    """Of the epochs through the arithmetic."""
    return float(plan.bill.macs_per_clip * tuning_epochs(plan))
