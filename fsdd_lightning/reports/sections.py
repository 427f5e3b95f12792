"""A frame in sections of runs that may be compared, and their summaries over seeds and over held-out speakers.

A section holds the same recordings, split in the same way: what differs in either is never averaged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fsdd_lightning.reports.columns import differing, is_deciding, natural
from fsdd_lightning.reports.summaries import NETWORK, over_seeds, over_speakers

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Section:
    """`trials`: finished runs, every network once; `unfinished`: trials of this data and split without a result.

    summary, speakers: see `summaries.over_seeds` and `summaries.over_speakers`.
    """

    dataset: str
    digest: str
    split: dict[str, Any]  # without the held-out speaker
    trials: pd.DataFrame
    unfinished: pd.DataFrame
    summary: pd.DataFrame
    speakers: pd.DataFrame
    notes: tuple[str, ...]
    budgets: tuple[int, ...]  # bytes, ascending

    @property
    def several_speakers(self) -> bool:
        """Whether more than one speaker was held out: then a result is a mean over speakers."""
        return self.summary["speaker"].nunique(dropna=False) > 1

    @property
    def points(self) -> pd.DataFrame:
        """One result a configuration; means that lack a speaker can't be compared and are left out."""
        if not self.several_speakers:
            return self.summary
        return self.speakers[self.speakers["missing"].map(len) == 0]

    @property
    def voices(self) -> pd.DataFrame:
        """Accuracy by configuration, in the order of `speakers`, and held-out speaker."""
        import pandas as pd

        table = pd.DataFrame(list(self.speakers["voices"]), dtype=float)
        return table[sorted(table, key=lambda name: natural(str(name)))]


def sections(trials: pd.DataFrame) -> tuple[Section, ...]:
    """Of a frame. A run without a result stands with those of its data and split, where there is one choice."""
    done = trials[trials["state"] == "done"]
    unfinished = trials[~trials["state"].isin(["done", "incomplete"]) & trials["mode"].notna()]
    houses = unfinished["place"].map(lambda place: _house(place, list(done["place"].unique())))
    found = [_section(trials, alike, unfinished[houses == place]) for place, alike in done.groupby("place", sort=False)]
    return tuple(sorted(found, key=_order))


def _house(place: str, houses: Sequence[str]) -> str | None:
    """A run that ended early may not have come to look at its data."""
    name, digest, split = json.loads(place)
    alike = []
    for house in houses:
        its_name, its_digest, its_split = json.loads(house)
        if its_split == split and (its_digest == digest if digest else its_name == name):
            alike.append(house)
    return alike[0] if len(alike) == 1 else None


def _order(section: Section) -> tuple[Any, ...]:
    return natural(section.dataset), json.dumps(section.split, sort_keys=True), section.digest


def _section(trials: pd.DataFrame, done: pd.DataFrame, unfinished: pd.DataFrame) -> Section:
    networks = done.groupby(["configuration", "speaker"], dropna=False)
    budgets = networks["budget"].transform(lambda names: ", ".join(names.unique()))
    kept, notes = _without_repetitions(done.assign(budgets=budgets))
    variants = _variants(trials.loc[kept.index.union(unfinished.index)])
    kept, unfinished = kept.join(variants), unfinished.join(variants)
    summary = over_seeds(kept)
    dataset, digest, split = json.loads(done["place"].iloc[0])
    limits = trials.loc[done.index.union(unfinished.index)].get("memory.budget_bytes", ())
    return Section(
        dataset=dataset,
        digest=digest,
        split={name.removeprefix("config.split."): value for name, value in split.items()},
        trials=kept,
        unfinished=unfinished,
        summary=summary,
        speakers=over_speakers(summary),
        notes=(*notes, *_code_notes(kept)),
        budgets=tuple(sorted({limit for limit in limits if limit})),
    )


def _without_repetitions(done: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The same trial with the same seed, of another sweep or under another budget, is no new sample: it counts once."""
    alike = done.groupby([*NETWORK, "speaker", "training_seed"], dropna=False)
    first = alike[["sweep", "run", "correct"]].transform("first").add_prefix("first_")
    repeated = alike.cumcount() > 0
    same = repeated & (first["first_correct"] == done["correct"])
    notes = [
        f"{row['sweep']}/{row['run']} repeats {row['first_sweep']}/{row['first_run']} with another result; "
        "only the first is counted"
        for row in done.join(first)[repeated & ~same].to_dict("records")
    ]
    if same.any():
        runs = "1 run repeats a network" if same.sum() == 1 else f"{same.sum()} runs repeat networks"
        notes.append(f"{runs} of another sweep or budget with the same result; each network is counted once")
    return done[~repeated], notes


def _code_notes(trials: pd.DataFrame) -> list[str]:
    commits = sorted(set(map(str, trials["git.commit"]))) if "git.commit" in trials else []
    if len(commits) < 2:
        return []
    short = ", ".join(commit[:10] for commit in commits)
    return [f"these trials were made by {len(commits)} versions of the code ({short})"]


def _variants(trials: pd.DataFrame) -> pd.DataFrame:
    """`variant`: the settings, beside hidden size, speaker and mode, in which trials of one mode differ; `series`."""
    own = ("config.model.hidden_size", "config.split.held_out")
    deciding = [name for name in map(str, trials) if is_deciding(name) and name not in own]
    names = {name for _, alike in trials.groupby("mode") for name in differing(alike[deciding])}
    shown = {name: _short(name) for name in sorted(names, key=natural)}
    variants = [
        ", ".join(f"{short}={row[name]}" for name, short in shown.items())
        for row in trials[list(shown)].to_dict("records")
    ]
    series = [f"{mode}, {variant}" if variant else mode for mode, variant in zip(trials["mode"], variants, strict=True)]
    return trials[[]].assign(variant=variants, series=series)


def _short(name: str) -> str:
    """`config.model.layers` -> `layers`, `config.data.name` -> `data`: short, for legends."""
    group, _, last = name.removeprefix("config.").rpartition(".")
    return group if last == "name" else last
