"""What to take for each budget. Chosen by validation accuracy; accuracies on test clips are only told of it.

A config is chosen by the mean over all its seeds and held-out speakers; of equal ones the smallest is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pandas as pd
from omegaconf import OmegaConf

from fsdd_lightning.config.load import config_directory
from fsdd_lightning.evaluation.scores import mean_estimate
from fsdd_lightning.reports.sections import Section
from fsdd_lightning.reports.summaries import NETWORK, accuracy_estimate
from fsdd_lightning.runs.metrics import percent
from fsdd_lightning.runs.record import BACKENDS, WAYS

_BYTES = 1024
_SIZE = {"network": "flash_bytes", "layer": "memory.largest_layer_flash_bytes"}  # what a budget of a scope limits


@dataclass(frozen=True, order=True)
class Budget:
    """A limit of flash, for the whole network or for any one layer at a time."""

    flash_bytes: int
    scope: str

    @property
    def label(self) -> str:
        """36 KB."""
        return f"{self.flash_bytes / _BYTES:g} KB" + (" a layer" if self.scope == "layer" else "")


@dataclass(frozen=True)
class Answer:
    """The best config for a budget, in words.

    `trial`: (sweep, run) of its best run, by validation accuracy, too; `folder` of that, None where it is not known.
    """

    limit: str
    mode: str
    network: str
    flash_bytes: int
    accuracy: str
    facts: tuple[str, ...]
    chosen: str
    trial: tuple[str, str]
    folder: Path | None


def budgets_of(section: Section) -> tuple[Budget, ...]:
    """Those that trials were to keep; where none had a limit, those that the package offers and that divide them."""
    trials = pd.concat([section.trials, section.unfinished])
    limits = trials.reindex(columns=["memory.budget_bytes", "memory.budget_scope"]).fillna({"memory.budget_scope": ""})
    found = {Budget(int(size), scope if scope in _SIZE else "network") for size, scope in limits.dropna().to_numpy()}
    sizes = section.trials["memory.flash_bytes"]
    between = [one for one in _offered() if sizes.min() <= one.flash_bytes < sizes.max()]
    return tuple(sorted(found or between))


@cache
def _offered() -> tuple[Budget, ...]:
    """The files of conf/memory_budget/ that limit the whole network."""
    paths = sorted((config_directory() / "memory_budget").glob("*.yaml"))
    limits = [OmegaConf.to_container(OmegaConf.load(path)) for path in paths]
    return tuple(
        Budget(int(limit["flash_bytes"]), "network")
        for limit in limits
        if isinstance(limit, dict) and limit.get("flash_bytes") and limit.get("scope") == "network"
    )


def validated(trials: pd.DataFrame) -> pd.Series:
    """Validation accuracy of what every run deploys, as a share; NaN where the record lacks it."""
    shares = pd.Series(float("nan"), index=trials.index)
    for backend in BACKENDS:
        column = trials.get(f"training.val_accuracy.{backend}")
        if column is not None:
            deployed = trials["deployed_backend"] == backend
            shares = shares.where(~deployed, pd.to_numeric(column, errors="coerce").astype(float))
    return shares.where(shares.between(0, 1))


def ranked(section: Section) -> pd.DataFrame:
    """The runs of the section, best first, with `validation`, that of their config as `mean`, and `rank` from 0.

    Runs without a validation accuracy, or of a config that lacks a held-out speaker, are left out.
    """
    trials = section.trials.assign(validation=validated(section.trials))
    means = trials.groupby(NETWORK)["validation"].transform("mean")  # of the seeds that have one
    comparable = set(section.points["network_config"])
    known = trials.assign(mean=means, flash_bytes=trials["memory.flash_bytes"])
    known = known[known["validation"].notna() & known["network_config"].isin(comparable)]
    columns = ["mean", "flash_bytes", "network_config", "validation"]
    best = known.sort_values(columns, ascending=[False, True, True, False], kind="stable")
    return best.assign(rank=range(len(best)))


def answers(section: Section) -> tuple[Answer, ...]:
    """One for each budget that something fits, ascending, and one without a limit; those that agree as one."""
    best = ranked(section)
    if best.empty:
        return ()
    limits: list[Budget | None] = [*budgets_of(section), None]
    found: list[Answer] = []
    for answer in filter(None, (_answer(section, best, limit) for limit in limits)):
        if found and found[-1].trial == answer.trial:
            limit = answer.limit[0].lower() + answer.limit[1:]
            answer = replace(answer, limit=f"{found.pop().limit} and {limit}")
        found.append(answer)
    return tuple(found)


def _answer(section: Section, best: pd.DataFrame, limit: Budget | None) -> Answer | None:
    fitting = best if limit is None else best[fits(best, limit)]
    if fitting.empty:
        return None
    first = fitting.iloc[0]
    points = section.points
    point = points[(points[NETWORK] == first[NETWORK]).all(axis=1)].iloc[0]
    own = section.trials[(section.trials[NETWORK] == first[NETWORK]).all(axis=1)]
    count = fitting.groupby(NETWORK).ngroups
    among = f"Best of {count:,} configs" if count > 1 else "The only config that fits,"
    return Answer(
        limit=f"In {limit.label}" if limit else "At any size",
        mode=str(point["mode"]),
        network=" ".join(filter(None, (f"{point['network']}", f"({point['variant']})" if point["variant"] else ""))),
        flash_bytes=int(first["flash_bytes"]),
        accuracy=percent(point["accuracy"]),
        facts=(_whose(section) + _interval(point), *_unheard(own), *_people(section, point, own)),
        chosen=f"{among} by validation accuracy ({percent(first['mean'])} %)",
        trial=(str(first["sweep"]), str(first["run"])),
        folder=first["folder"],
    )


def fits(trials: pd.DataFrame, limit: Budget) -> pd.Series:
    """Which runs keep a budget."""
    size = _SIZE[limit.scope]
    sizes = (
        pd.to_numeric(trials[size], errors="coerce") if size in trials else pd.Series(index=trials.index, dtype=float)
    )
    return sizes <= limit.flash_bytes


def _whose(section: Section) -> str:
    """Whose voices the test clips hold."""
    if section.split.get("name") == "unseen_speaker":
        return "of the test clips, of voices it has never heard"
    return "of the test clips, of voices it has heard"


def _interval(point: pd.Series) -> str:
    several = f", mean of {point['seeds']} seeds" if point["seeds"] > 1 else ""
    if not point["kind"]:
        return f" (no interval{several})"
    return f" (95 % interval {percent(point['low'])} – {percent(point['high'])}{several})"


def _unheard(own: pd.DataFrame) -> list[str]:
    """A second network by the same recipe, on the one voice that it never heard."""
    columns = ["unheard.speaker", "unheard.correct", "unheard.total"]
    found = own.reindex(columns=columns).dropna()
    numbers = found[columns[1:]].apply(pd.to_numeric, errors="coerce").dropna().astype(int)
    numbers = numbers[(numbers["unheard.total"] > 0) & (numbers["unheard.correct"] <= numbers["unheard.total"])]
    if numbers.empty:
        return []
    estimate = accuracy_estimate(numbers.to_numpy().tolist())
    names = ", ".join(sorted(set(map(str, found["unheard.speaker"]))))
    return [f"{percent(estimate.mean)} % on {names}, unheard ({percent(estimate.low)} – {percent(estimate.high)})"]


def _people(section: Section, point: pd.Series, own: pd.DataFrame) -> list[str]:
    """Other corpora, through the listener where that was measured."""
    rows = section.others
    if rows.empty:
        return []
    rows = rows[rows["network_config"] == point["network_config"]].drop_duplicates("corpus")
    return [
        f"{percent(row['mean'])} % on {row['corpus']}, never heard, {WAYS[row['way']]}"
        + _span(own, f"others.{row['corpus']}.{row['way']}.groups")
        for row in rows.to_dict("records")
    ]


def _span(own: pd.DataFrame, prefix: str) -> str:
    """The interval over seeds, or for one run that over groups of people."""
    columns = [f"{prefix}.{name}" for name in ("mean", "ci95_low", "ci95_high")]
    known = own.reindex(columns=columns).apply(pd.to_numeric, errors="coerce")
    estimate = mean_estimate(_plain(known[columns[0]]), low=0.0)
    low, high = (estimate.low, estimate.high) if estimate.kind else (known.iloc[0, 1], known.iloc[0, 2])
    if len(known) == 2 or pd.isna(low) or pd.isna(high):
        return ""
    return f" ({percent(low)} – {percent(high)})"


def _plain(values: pd.Series) -> Sequence[float]:
    return [float(value) for value in values.dropna()]
