"""The trials of a sweep, what is to be done about them, and in which order."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from fsdd_lightning.runs.plan import RunPlan, float_config
from fsdd_lightning.runs.state import Environment, run_state
from fsdd_lightning.sweeps.identity import Recordings, identity_of
from fsdd_lightning.sweeps.known import Composed, SweepFolder
from fsdd_lightning.sweeps.manifest import Base
from fsdd_lightning.sweeps.names import label_of, varying
from fsdd_lightning.sweeps.trial import Trial


@dataclass(frozen=True)
class Sweep:
    """The trials of a command in its order, and by folder the first trial that a sweep there has had.

    `repeated`: how many combinations of values differ from another one in nothing that decides.
    """

    trials: list[Trial]
    bases: dict[Path, Base]
    repeated: int = 0


def plan_sweep(composed: Iterable[Composed], sweep_folder: Path | None = None) -> list[Trial]:
    """The trials of `compose_sweep`."""
    return compose_sweep(composed, sweep_folder).trials


def compose_sweep(composed: Iterable[Composed], sweep_folder: Path | None = None) -> Sweep:
    """Look at every trial's folder: in `sweep_folder`, or else output_root/name of its own config."""
    environment, given = Environment(), list(composed)
    by_folder: dict[Path, list[Composed]] = defaultdict(list)
    for overrides, plan in given:
        by_folder[sweep_folder or default_sweep_folder(plan)].append((overrides, plan))
    planned: dict[tuple[str, ...], Trial] = {}
    bases = {}
    distinct = {folder: _distinct(inside, environment) for folder, inside in by_folder.items()}
    labels = _labels([each for inside in distinct.values() for each in inside])
    for folder, inside in distinct.items():
        known = SweepFolder(folder, environment)
        for (overrides, plan), (name, identity) in zip(inside, known.place(inside), strict=True):
            state, own = run_state(plan, folder / name, environment), tuple(overrides)
            planned[own] = Trial(own, plan, folder / name, labels[own] or name, state, identity)
        bases[folder] = known.first
    trials = [planned[tuple(overrides)] for overrides, _ in given if tuple(overrides) in planned]
    unique = list({trial.overrides: trial for trial in trials}.values())
    return Sweep(unique, bases, len(given) - len(unique))


def _labels(trials: Sequence[Composed]) -> dict[tuple[str, ...], str]:
    every = [tuple(overrides) for overrides, _ in trials]
    return {overrides: label_of(varies) for overrides, varies in zip(every, varying(every), strict=True)}


def default_sweep_folder(plan: RunPlan) -> Path:
    """The value of hydra.sweep.dir in conf/train.yaml."""
    return Path(plan.config.output_root).resolve() / plan.config.name


def _distinct(trials: Sequence[Composed], environment: Environment) -> list[Composed]:
    """Without repetitions: seed=1,1 is one trial, and so is what differs in a display alone."""
    found: dict[str, list[tuple[Recordings, Composed]]] = defaultdict(list)
    for trial in trials:
        identity = identity_of(trial[1], environment)
        alike = found[identity.config_hash]
        if not any(identity.recordings.are(recordings) for recordings, _ in alike):
            alike.append((identity.recordings, trial))
    return [trial for alike in found.values() for _, trial in alike]


def running_order(trials: Sequence[Trial]) -> list[Trial]:
    """Trials in an order in which parallel jobs seldom wait for one another, and end at about the same time.

    Trials that share a float network wait for the one that trains it: so first comes one trial for every network, the
    largest first, then the second for every network, and so on; of one network those that train on come first.
    """
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[float_group(trial.plan)].append(trial)
    for group in groups.values():
        group.sort(
            key=lambda trial: tuning_epochs(trial.plan), reverse=True
        )  # stable: otherwise as on the command line
    by_size = sorted(groups.values(), key=lambda group: _float_effort(group[0].plan), reverse=True)
    return [trial for rank in zip_longest(*by_size) for trial in rank if trial is not None]


def tuning_epochs(plan: RunPlan) -> int:
    """Through the arithmetic, after the float training."""
    mode = plan.config.quantization
    return mode.epochs if mode.start == "epoch" and plan.fits else 0


def _float_effort(plan: RunPlan) -> int:
    return plan.bill.macs_per_clip * plan.config.trainer.max_epochs


def float_group(plan: RunPlan) -> str:
    """Equal for trials that will share a float network, as far as it is known without data; see float_key."""
    data = dataclasses.replace(plan.config.data, others=())  # which nothing is trained on
    return json.dumps(float_config(plan.config) | {"data": dataclasses.asdict(data)}, sort_keys=True)
