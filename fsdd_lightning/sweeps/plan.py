"""The trials of a sweep, what is to be done about them, and in which order."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from fsdd_lightning.config.load import run_name
from fsdd_lightning.runs.plan import RunPlan, float_config
from fsdd_lightning.runs.state import Environment, RunState, run_state


@dataclass(frozen=True)
class Trial:
    """One trial with its overrides, the folder it runs in, and its state before the sweep."""

    overrides: tuple[str, ...]
    plan: RunPlan
    folder: Path
    label: str  # the overrides that not all trials of the sweep have
    state: RunState

    @property
    def run_name(self) -> str:
        """The name of its folder."""
        return self.folder.name


def plan_sweep(trials: Iterable[tuple[Sequence[str], RunPlan]], sweep_folder: Path | None = None) -> list[Trial]:
    """Look at every trial's folder: in `sweep_folder`, or else output_root/name of its own config."""
    environment, trials = Environment(), _distinct(trials)
    shared = set.intersection(*(set(overrides) for overrides, _ in trials)) if trials else set()
    planned = []
    for overrides, plan in trials:
        label = ",".join(override for override in overrides if override not in shared)
        folder = sweep_folder or default_sweep_folder(plan)
        planned.append(plan_trial(overrides, plan, folder, label, environment))
    return planned


def plan_trial(
    overrides: Sequence[str], plan: RunPlan, sweep_folder: Path, label: str, environment: Environment
) -> Trial:
    """Look at the folder of one trial. Its name replaces an empty `label`."""
    folder = sweep_folder / run_name(overrides)
    return Trial(tuple(overrides), plan, folder, label or folder.name, run_state(plan, folder, environment))


def default_sweep_folder(plan: RunPlan) -> Path:
    """The value of hydra.sweep.dir in conf/train.yaml."""
    return Path(plan.config.output_root).resolve() / plan.config.name


def _distinct(trials: Iterable[tuple[Sequence[str], RunPlan]]) -> list[tuple[Sequence[str], RunPlan]]:
    """Without repetitions: seed=1,1 is one trial."""
    return list({tuple(overrides): (overrides, plan) for overrides, plan in trials}.values())


def running_order(trials: Sequence[Trial]) -> list[Trial]:
    """Trials in an order in which parallel jobs seldom wait for one another, and end at about the same time.

    Trials that share a float network wait for the one that trains it: so first comes one trial for every network, the
    largest first, then the second for every network, and so on; of one network those that train on come first.
    """
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[_float_group(trial.plan)].append(trial)
    for group in groups.values():
        group.sort(key=_tuning_epochs, reverse=True)  # stable: otherwise as on the command line
    by_size = sorted(groups.values(), key=lambda group: _float_effort(group[0].plan), reverse=True)
    return [trial for rank in zip_longest(*by_size) for trial in rank if trial is not None]


def _tuning_epochs(trial: Trial) -> int:
    mode = trial.plan.config.quantization
    return mode.epochs if mode.start == "epoch" and trial.plan.fits else 0


def _float_effort(plan: RunPlan) -> int:
    return plan.bill.macs_per_clip * plan.config.trainer.max_epochs


def _float_group(plan: RunPlan) -> str:
    """Equal for trials that will share a float network, as far as it is known without data; see float_key."""
    data = dataclasses.replace(plan.config.data, others=())  # which nothing is trained on
    return json.dumps(float_config(plan.config) | {"data": dataclasses.asdict(data)}, sort_keys=True)
