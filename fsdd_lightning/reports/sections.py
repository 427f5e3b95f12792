"""A frame in sections of runs that may be compared, and their summaries over seeds and over held-out speakers.

A section holds the same recordings, split in the same way: what differs in either is never averaged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fsdd_lightning.reports.columns import differing, is_deciding, natural
from fsdd_lightning.reports.intervals import Estimate, of_differences, over_seeds, over_speakers

if TYPE_CHECKING:
    import pandas as pd

_NETWORK = ["configuration", "deployed_backend"]
_FLOATS = dict.fromkeys(("std", "float", "drop", "drop_low", "drop_high", "macro_f1"), float)
_SIZES = ("flash_bytes", "ram_bytes", "macs_per_clip")


@dataclass(frozen=True)
class Section:
    """`trials`: finished runs, every network once; `unfinished`: trials of this data and split without a result.

    summary: a row a configuration and held-out speaker, over its seeds: mode, variant (what tells configurations of one
    mode apart), series (mode and variant), speaker, layers, hidden_size, accuracy, std, low, high, kind, seeds, float,
    drop, drop_low, drop_high, macro_f1, flash_bytes, ram_bytes, macs_per_clip, budget.
    speakers: a row a configuration with held-out speakers, over these: the same columns, and worst, worst_speaker,
    spread, fewest_seeds, missing (speakers that other configurations were run for), voices (speaker -> accuracy).
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
    def over_speakers(self) -> bool:
        """Whether more than one speaker was held out: then a result is a mean over speakers."""
        return self.summary["speaker"].nunique(dropna=False) > 1

    @property
    def points(self) -> pd.DataFrame:
        """One result a configuration; means that lack a speaker can't be compared and are left out."""
        return self.speakers[self.speakers["missing"].map(len) == 0] if self.over_speakers else self.summary

    @property
    def voices(self) -> pd.DataFrame:
        """Accuracy by configuration, in the order of `speakers`, and held-out speaker."""
        import pandas as pd

        table = pd.DataFrame(list(self.speakers["voices"]), dtype=float)
        return table[sorted(table, key=natural)]


def sections(trials: pd.DataFrame) -> tuple[Section, ...]:
    """`trials` as of `frame`. Runs without a result are put to those of their data and split, if there is one choice."""
    placed = trials.assign(place=[_place(row) for row in trials.to_dict("records")])
    done = placed[placed["state"] == "done"]
    unfinished = placed[~placed["state"].isin(["done", "incomplete"]) & placed["mode"].notna()]
    houses = unfinished["place"].map(lambda place: _house(place, list(done["place"].unique())))
    found = [
        _section(placed, alike, unfinished[houses == place])
        for place, alike in done.groupby("place", sort=False)
    ]
    return tuple(sorted(found, key=_order))


def _place(row: dict[str, Any]) -> str:
    """Dataset, digest and the split's settings as JSON; the held-out speaker is a dimension within a section."""
    split = {
        name.removeprefix("config.split."): value
        for name, value in row.items()
        if name.startswith("config.split.") and not (row["speaker"] and name.endswith(".held_out"))
    }
    dataset = row.get("dataset.name") or (row.get("config.data.name") if row["state"] != "done" else "?")
    return json.dumps(
        [str(dataset), str(row.get("dataset.digest") or ""), split], sort_keys=True, default=str
    )


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


def _section(placed: pd.DataFrame, done: pd.DataFrame, unfinished: pd.DataFrame) -> Section:
    alike = done.groupby(["configuration", "speaker"], dropna=False)
    done = done.assign(
        **{name: list(map(int, _deployed(done, name))) for name in ("correct", "total")},
        **{name: _deployed(done, name) for name in ("macro_f1", "confusion")},
        budgets=alike["budget"].transform(lambda names: ", ".join(names.unique())),
    )
    kept, notes = _without_repetitions(done)
    members = placed.loc[kept.index.union(unfinished.index)]
    variants = _variants(members)
    kept, unfinished = kept.join(variants), unfinished.join(variants)
    summary = _frame([_summary(alike) for _, alike in kept.groupby([*_NETWORK, "speaker"], dropna=False)])
    dataset, digest, split = json.loads(done["place"].iloc[0])
    limits = _column(placed.loc[done.index.union(unfinished.index)], "memory.budget_bytes")
    return Section(
        dataset=dataset,
        digest=digest,
        split=split,
        trials=kept,
        unfinished=unfinished,
        summary=summary,
        speakers=_speakers(summary),
        notes=(*notes, *_code_notes(kept)),
        budgets=tuple(sorted(set(limits) - {0})),
    )


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows by mode, variant, size and speaker."""
    import pandas as pd

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        names = natural(row["mode"]), natural(row["variant"])
        return *names, row["layers"], row["hidden_size"], natural(row["speaker"] or ""), row["configuration"]

    table = pd.DataFrame(sorted(rows, key=order))
    return table.astype(_FLOATS)


def _deployed(trials: pd.DataFrame, name: str) -> list[Any]:
    """A field of the score of what is deployed."""
    return [row.get(f"views.{row['deployed_backend']}.{name}") for row in trials.to_dict("records")]


def _without_repetitions(done: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The same trial with the same seed, of another sweep or under another budget, is no new sample: it counts once."""
    alike = done.groupby([*_NETWORK, "speaker", "training_seed"], dropna=False)
    first = alike[["sweep", "run", "correct"]].transform("first")
    repeated = alike.cumcount() > 0
    same = repeated & (first["correct"] == done["correct"])
    notes = [
        f"{row['sweep']}/{row['run']} repeats {first.at[at, 'sweep']}/{first.at[at, 'run']} with another result; "
        "only the first is counted"
        for at, row in done[repeated & ~same].iterrows()
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
    deciding = [name for name in trials if is_deciding(name) and name not in own]
    names = {name for _, alike in trials.groupby("mode") for name in differing(alike[deciding])}
    shown = {name: _short(name) for name in sorted(names, key=natural)}
    variants = [
        ", ".join(f"{short}={row[name]}" for name, short in shown.items())
        for row in trials.to_dict("records")
    ]
    series = [
        f"{mode}, {variant}" if variant else mode
        for mode, variant in zip(trials["mode"], variants, strict=True)
    ]
    return trials[[]].assign(variant=variants, series=series)


def _short(name: str) -> str:
    """`config.model.layers` -> `layers`, `config.data.name` -> `data`: short, for legends."""
    group, _, last = name.removeprefix("config.").rpartition(".")
    return group if last == "name" else last


def _summary(alike: pd.DataFrame) -> dict[str, Any]:
    """One configuration on one test set, over its seeds."""
    alike = alike.sort_values("training_seed")
    first = alike.iloc[0]
    same = ("configuration", "deployed_backend", "mode", "variant", "series", "speaker")
    floats = _column(alike, "views.float.accuracy")
    scores = alike["macro_f1"].dropna()
    return {
        **{name: first[name] for name in same},
        "layers": int(first["layers"]),
        "hidden_size": int(first["hidden_size"]),
        **_estimates(
            over_seeds(list(zip(alike["correct"], alike["total"], strict=True))), list(alike["drop"].dropna())
        ),
        "seeds": len(alike),
        "float": of_differences(floats).mean if floats else None,
        "macro_f1": of_differences(list(scores)).mean if len(scores) else None,
        **{name: first[f"memory.{name}"] for name in _SIZES},
        "budget": first["budgets"],
    }


def _column(table: pd.DataFrame, name: str) -> list[Any]:
    return list(table[name].dropna()) if name in table else []


def _estimates(accuracy: Estimate, drops: Sequence[float]) -> dict[str, Any]:
    drop = of_differences(drops) if drops else None
    return {
        "accuracy": accuracy.mean,
        **{name: getattr(accuracy, name) for name in ("std", "low", "high", "kind")},
        "drop": drop.mean if drop else None,
        "drop_low": drop.low if drop else None,
        "drop_high": drop.high if drop else None,
    }


def _speakers(summary: pd.DataFrame) -> pd.DataFrame:
    """Leaving one speaker out at a time: how a configuration does on speakers that it has never heard."""
    import pandas as pd

    held_out = summary[summary["speaker"].notna()]
    everyone = sorted(held_out["speaker"].unique(), key=natural)
    rows = [_over_speakers(alike, everyone) for _, alike in held_out.groupby(_NETWORK, sort=False)]
    extra = ("worst", "worst_speaker", "spread", "fewest_seeds", "missing", "voices")
    return pd.DataFrame(rows, columns=[*summary, *extra]).astype(_FLOATS)


def _over_speakers(alike: pd.DataFrame, everyone: Sequence[str]) -> dict[str, Any]:
    """Every speaker counts the same, whatever the number of clips and seeds."""
    voices = dict(zip(alike["speaker"], alike["accuracy"], strict=True))
    drops = list(alike["drop"]) if alike["drop"].notna().all() else []
    worst = min(voices, key=voices.__getitem__)  # the first in order where several are as low
    return {
        **alike.iloc[0].to_dict(),
        "speaker": None,
        **_estimates(over_speakers(list(voices.values())), drops),
        "float": alike["float"].mean(),
        "macro_f1": alike["macro_f1"].mean(),
        "seeds": alike["seeds"].max(),
        "fewest_seeds": alike["seeds"].min(),
        "worst": voices[worst],
        "worst_speaker": worst,
        "spread": max(voices.values()) - voices[worst],
        "missing": tuple(name for name in everyone if name not in voices),
        "voices": voices,
    }
