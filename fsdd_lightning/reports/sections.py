"""A frame in sections of runs that may be compared, and their summaries over seeds and over held-out speakers.

A section holds the same recordings, split in the same way: what differs in either is never averaged.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fsdd_lightning.reports.rows import TRAIN_SPEAKERS, is_deciding, natural
from fsdd_lightning.reports.summaries import NETWORK, over_corpora, over_seeds, over_speakers
from fsdd_lightning.runs.machine import MAY_DIFFER


@dataclass(frozen=True)
class Section:
    """`trials`: finished runs, every network once; `unfinished`: trials of this data and split without a result.

    summary, speakers: see summaries.py.
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
    def heading(self) -> str:
        """Dataset and split."""
        return f"{self.dataset}, split {self.split.get('name', '?')}"

    @property
    def several_speakers(self) -> bool:
        """Whether more than one speaker was held out: then a result is a mean over speakers."""
        return self.summary["speaker"].nunique(dropna=False) > 1

    @property
    def points(self) -> pd.DataFrame:
        """One result a config; means that lack a speaker can't be compared and are left out."""
        return self.speakers[self.speakers["missing"].map(len) == 0] if self.several_speakers else self.summary

    @property
    def voices(self) -> pd.DataFrame:
        """Accuracy by config, in the order of `speakers`, and held-out speaker."""
        import pandas as pd

        table = pd.DataFrame(list(self.speakers["voices"]), dtype=float)
        return table[sorted(table, key=lambda name: natural(str(name)))]

    @property
    def others(self) -> pd.DataFrame:
        """On corpora of people whom no network has heard, see summaries.py."""
        return over_corpora(self.trials)

    @property
    def facts(self) -> tuple[str, ...]:
        """On the recordings and how they are split."""
        first = self.trials.iloc[0]
        split = ", ".join(f"{name}={value}" for name, value in self.split.items() if value is not None)
        clips = ", ".join(f"{size} {part}" for part in ("train", "val", "test") if (size := self._clips(part)))
        return (
            f"{first.get('dataset.recordings', '?')} recordings, digest {self.digest[:12]}",
            f"split: {split}",
            "each speaker in turn is held out as the test set" if self.several_speakers else f"clips: {clips}",
        )

    def _clips(self, part: str) -> str:
        """How many a part holds; from fewest to most where that differs, empty where it is unknown."""
        column = self.trials.get(f"split.{part}")
        counts = [] if column is None else sorted(map(str, column.dropna().unique()), key=natural)
        return "–".join(dict.fromkeys((counts[0], counts[-1]))) if counts else ""


def sections(trials: pd.DataFrame) -> tuple[Section, ...]:
    """Of a frame. A run without a result stands with those of its data and split, where there is one choice."""
    done = trials[trials["state"] == "done"]
    unfinished = trials[~trials["state"].isin(["done", "incomplete"]) & trials["mode"].notna()]
    places = {place: json.loads(place) for place in done["place"].unique()}
    houses = unfinished["place"].map(lambda place: _house(json.loads(place), places))
    found = [_section(trials, alike, unfinished[houses == place]) for place, alike in done.groupby("place", sort=False)]
    return tuple(
        sorted(found, key=lambda section: (natural(section.dataset), json.dumps(section.split), section.digest))
    )


def _house(place: list[Any], places: dict[str, list[Any]]) -> str | None:
    """A run that ended early may not have come to look at its data: then the digest is missing."""
    name, digest, split = place
    at = 1 if digest else 0
    alike = [house for house, known in places.items() if known[2] == split and known[at] == (digest or name)]
    return alike[0] if len(alike) == 1 else None


def _section(trials: pd.DataFrame, done: pd.DataFrame, unfinished: pd.DataFrame) -> Section:
    networks = done.groupby(["network_config", "speaker"], dropna=False)
    budgets = networks["budget"].transform(lambda names: ", ".join(names.unique()))
    kept, notes = _without_repetitions(done.assign(budget=budgets))
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
        notes=(*notes, *_code_notes(kept), *_machine_notes(kept)),
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
    short = ", ".join(commit[:10] for commit in commits)
    return [f"these trials were made by {len(commits)} versions of the code ({short})"] if len(commits) > 1 else []


def _machine_notes(trials: pd.DataFrame) -> list[str]:
    """Records of earlier versions have no machine; portable runs are alike on all of them."""
    trials = trials.reindex(columns=["config.trainer.portable", "machine.kind", "machine.vectors"])
    known = trials[trials["machine.kind"].notna() & (trials["config.trainer.portable"] != True)]  # noqa: E712
    kinds = Counter(f"{kind} with {vectors}" for kind, vectors in known[["machine.kind", "machine.vectors"]].to_numpy())
    if len(kinds) < 2:
        return []
    counts = ", ".join(f"{count} on {kind}" for kind, count in sorted(kinds.items()))
    return [f"these trials were trained on {len(kinds)} kinds of processor ({counts}): {MAY_DIFFER}"]


def _variants(trials: pd.DataFrame) -> pd.DataFrame:
    """`variant`: keys, beside hidden size, speaker and mode, in which trials of one mode differ; `series`.

    `curve`: the series without the number of training speakers, over which it goes.
    """
    own = ("config.model.hidden_size", "config.split.held_out")
    deciding = [name for name in map(str, trials) if is_deciding(name) and name not in own]
    names = {name for _, alike in trials.groupby("mode") for name in differing(alike[deciding])}
    shown = {name: _short(name) for name in sorted(names, key=natural)}
    variants = _described(trials, shown)
    others = _described(trials, {name: short for name, short in shown.items() if name != TRAIN_SPEAKERS})
    series, curves = (
        [f"{mode}, {variant}" if variant else mode for mode, variant in zip(trials["mode"], names, strict=True)]
        for names in (variants, others)
    )
    return trials[[]].assign(variant=variants, series=series, curve=curves)


def _described(trials: pd.DataFrame, shown: dict[str, str]) -> list[str]:
    rows = trials[list(shown)].to_dict("records")
    return [", ".join(f"{short}={row[name]}" for name, short in shown.items()) for row in rows]


def _short(name: str) -> str:
    """`config.model.layers` -> `layers`, `config.data.name` -> `data`: short, for legends."""
    group, _, last = name.removeprefix("config.").rpartition(".")
    return group if last == "name" else last


def differing(table: pd.DataFrame) -> list[str]:
    """Columns that don't hold one and the same value in all rows, sorted.

    Of a group of keys that is chosen as one (`memory_budget.name`), what follows from the choice is left out.
    """
    texts = table.map(repr)  # 1, 1.0 and True differ
    changed = {str(name) for name in texts if texts[name].nunique() > 1}

    def follows(name: str) -> bool:
        choice = name.rpartition(".")[0] + ".name"
        return name != choice and choice in changed and bool(texts.groupby(choice)[name].nunique().max() == 1)

    return sorted((name for name in changed if not follows(name)), key=natural)
