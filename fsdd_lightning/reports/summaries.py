"""Means over seeds and over held-out speakers, and what a 95 % interval means.

* Over seeds (one config on one test set): Student's t over three or more seeds that differ; it covers other
  seeds on the same clips. With fewer seeds, or equal ones, Wilson's score interval; it covers other clips for the same
  networks.
* Over held-out speakers: Student's t over the speakers, of whom each counts once, with the mean of its seeds; it covers
  **other speakers**. Pooling the speakers' clips would give an interval several times too narrow for an unseen voice:
  clips of one speaker are alike. The same speakers are easy or hard for all configs, so these may differ for
  certain while their intervals overlap.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from fsdd_lightning.evaluation.scores import Estimate, mean_estimate, wilson_interval
from fsdd_lightning.reports.rows import TRAIN_SPEAKERS, natural
from fsdd_lightning.runs.record import WAYS

NETWORK = ["network_config", "deployed_backend"]
_SIZES = ("flash_bytes", "ram_bytes", "macs_per_clip")
_RENAMED = {"views.float.accuracy": "float", TRAIN_SPEAKERS: "train_speakers"} | {
    f"memory.{name}": name for name in _SIZES
}
_EQUAL = [  # over seeds
    *(*NETWORK, "mode", "variant", "series", "curve", "speaker", "train_speakers", "budget", "layers", "hidden_size"),
    *_SIZES,
]
_NEEDED = [*_EQUAL, "training_seed", "correct", "total", "drop", "macro_f1", "float"]
_CORPUS = re.compile(r"others\.(?P<corpus>.+)\.(?P<way>heard|alone)\.groups\.mean")
SUREST = (90, 70, 50)  # % of the clips
_FLOATS = dict.fromkeys(("std", "float", "drop", "drop_low", "drop_high", "macro_f1", "train_speakers"), float)


def accuracy_estimate(counts: Sequence[Sequence[int]]) -> Estimate:
    """From (correct, total) of every seed.

    All seeds are tested on the same clips, so Wilson counts these once, whatever the number of seeds.
    """
    mean, std, _, _, kind = estimate = mean_estimate([correct / total for correct, total in counts], low=0.0)
    if kind:
        return estimate
    total = min(total for _, total in counts)
    low, high = wilson_interval(round(mean * total), total)
    return Estimate(mean, std, min(low, mean), max(high, mean), "Wilson")


def over_seeds(trials: pd.DataFrame) -> pd.DataFrame:
    """A row a config and held-out speaker, sorted by mode, variant, size and speaker.

    `trials`: finished runs of one section with their `variant`, `series` and `curve`.

    Columns: NETWORK, mode, variant, series, curve, speaker, train_speakers (NaN: all there are), budget, layers,
    hidden_size, flash_bytes, ram_bytes, macs_per_clip, network ("2×8"), accuracy, std, low, high, kind, drop, drop_low,
    drop_high, float, macro_f1, seeds.
    """
    # Of hundreds of columns, which would be copied for every group.
    needed = trials.rename(columns=_RENAMED).reindex(columns=_NEEDED).sort_values("training_seed", kind="stable")
    rows = [_over_seeds(alike) for _, alike in needed.groupby([*NETWORK, "speaker"], dropna=False)]
    rows.sort(key=_order)
    return pd.DataFrame(rows).astype(_FLOATS)


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    names = natural(row["mode"]), natural(row["variant"])
    return *names, row["layers"], row["hidden_size"], natural(row["speaker"] or ""), row["network_config"]


def _over_seeds(alike: pd.DataFrame) -> dict[str, Any]:
    first = dict(alike[_EQUAL].iloc[0])
    counts = alike[["correct", "total"]].astype(int).to_numpy().tolist()
    return {
        **first,
        "network": f"{first['layers']}×{first['hidden_size']}",
        **_named(accuracy_estimate(counts), alike["drop"]),
        **_means(alike),
        "seeds": len(alike),
    }


def _means(alike: pd.DataFrame) -> dict[str, float]:
    """Of those that are there."""
    return {name: mean_estimate(alike[name].dropna()).mean for name in ("float", "macro_f1")}


def _named(accuracy: Estimate, drops: pd.Series[Any]) -> dict[str, Any]:
    drop = mean_estimate(drops.dropna())
    found = dict(zip(("accuracy", "std", "low", "high", "kind"), accuracy, strict=True))
    return {**found, "drop": drop.mean, "drop_low": drop.low, "drop_high": drop.high}


def over_corpora(trials: pd.DataFrame) -> pd.DataFrame:
    """A row a config, held-out speaker, corpus of people never heard and way: means over seeds.

    Columns: mode, variant, speaker, network, hidden_size, corpus, way, seeds, mean, std, worst, worst_name, people,
    found, accepted, ece, own_ece, and surest_90, surest_70, surest_50. What no run has is missing.
    """
    rows = [
        _over_corpus(alike, place["corpus"], place["way"])
        for place in filter(None, map(_CORPUS.fullmatch, map(str, trials)))
        for _, alike in trials[trials[place.string].notna()].groupby([*NETWORK, "speaker"], dropna=False)
    ]
    rows.sort(key=lambda row: (natural(row["corpus"]), _order(row), list(WAYS).index(row["way"])))
    return pd.DataFrame(rows)


def _over_corpus(alike: pd.DataFrame, corpus: str, way: str) -> dict[str, Any]:
    first, prefix = alike.iloc[0], f"others.{corpus}.{way}"

    def values(name: str) -> list[float]:
        return pd.to_numeric(alike[name], errors="coerce").dropna().tolist() if name in alike else []

    estimate = mean_estimate(values(f"{prefix}.groups.mean"))
    recordings = mean_estimate(values(f"{prefix}.recordings")).mean
    names = {str(name) for name in alike.get(f"{prefix}.groups.worst_name", pd.Series(dtype=object)).dropna()}
    return {
        **{name: first[name] for name in ("mode", "variant", "speaker", "layers", "hidden_size", "network_config")},
        "network": f"{first['layers']}×{first['hidden_size']}",
        **{"corpus": corpus, "way": way, "seeds": len(alike), "mean": estimate.mean, "std": estimate.std},
        "worst": mean_estimate(values(f"{prefix}.groups.worst")).mean,
        "worst_name": ", ".join(sorted(names, key=natural)),
        "people": mean_estimate(values(f"{prefix}.people.mean")).mean,
        "found": mean_estimate(values(f"{prefix}.found")).mean / recordings,
        "accepted": mean_estimate(values(f"{prefix}.rejecting.groups.mean")).mean,
        "ece": mean_estimate(values(f"{prefix}.ece")).mean,
        "own_ece": mean_estimate(values("confidence.ece")).mean,
        **{f"surest_{share}": mean_estimate(values(f"{prefix}.accuracy_at.{share}")).mean for share in SUREST},
    }


def over_speakers(summary: pd.DataFrame) -> pd.DataFrame:
    """A row a config: how it does on speakers that it has never heard; every speaker counts the same.

    Columns as of `over_seeds`, and label (series and network), worst, worst_speaker, spread, fewest_seeds, missing
    (speakers that other configs were run for), voices (speaker -> accuracy).
    """
    held_out = summary[summary["speaker"].notna()]
    everyone = sorted(held_out["speaker"].unique(), key=natural)
    rows = [_over_speakers(alike, everyone) for _, alike in held_out.groupby(NETWORK, sort=False)]
    extra = ("label", "worst", "worst_speaker", "spread", "fewest_seeds", "missing", "voices")
    return pd.DataFrame(rows, columns=[*summary, *extra]).astype(_FLOATS)


def _over_speakers(alike: pd.DataFrame, everyone: Sequence[str]) -> dict[str, Any]:
    voices = dict(zip(alike["speaker"], alike["accuracy"], strict=True))
    worst = min(voices, key=voices.__getitem__)  # the first in order where several are as low
    drops = alike["drop"] if alike["drop"].notna().all() else alike["drop"].head(0)
    return {
        **dict(alike.iloc[0]),
        "speaker": None,
        "label": f"{alike['series'].iloc[0]} {alike['network'].iloc[0]}",
        **_named(mean_estimate(voices.values(), low=0.0), drops),
        **_means(alike),
        "seeds": alike["seeds"].max(),
        "fewest_seeds": alike["seeds"].min(),
        "worst": voices[worst],
        "worst_speaker": worst,
        "spread": max(voices.values()) - voices[worst],
        "missing": tuple(name for name in everyone if name not in voices),
        "voices": voices,
    }
