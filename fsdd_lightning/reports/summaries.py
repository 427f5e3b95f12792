"""Means over seeds and over held-out speakers, and what a 95 % interval means.

* Over seeds (one configuration on one test set): Student's t over three or more seeds that differ; it covers other
  seeds on the same clips. With fewer seeds, or equal ones, Wilson's score interval; it covers other clips for the same
  networks.
* Over held-out speakers: Student's t over the speakers, of whom each counts once, with the mean of its seeds; it covers
  **other speakers**. Pooling the speakers' clips would give an interval several times too narrow for an unseen voice:
  clips of one speaker are alike. The same speakers are easy or hard for all configurations, so these may differ for
  certain while their intervals overlap.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fsdd_lightning.evaluation.scores import wilson_interval
from fsdd_lightning.reports.columns import natural

if TYPE_CHECKING:
    import pandas as pd

NETWORK = ["configuration", "deployed_backend"]
_NAMES = (*NETWORK, "mode", "variant", "series", "speaker")
_SIZES = ("flash_bytes", "ram_bytes", "macs_per_clip")
_NEEDED = [
    *(*_NAMES, "layers", "hidden_size", "training_seed", "correct", "total", "drop", "macro_f1", "budgets"),
    *("views.float.accuracy", *(f"memory.{name}" for name in _SIZES)),
]
_FLOATS = dict.fromkeys(("std", "float", "drop", "drop_low", "drop_high", "macro_f1"), float)
_FEWEST_FOR_T = 3  # with two values Student's factor is 12.7: an interval that says nothing


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval, as shares.

    kind: "t" (Student), "Wilson", or "" where there is no interval and low = mean = high. `std` is None for one value.
    """

    mean: float
    std: float | None
    low: float
    high: float
    kind: str


def mean_estimate(values: Sequence[float], low: float = -1.0, high: float = 1.0) -> Estimate:
    """Student's interval, which ends at `low` and `high`. Fewer than three values have none."""
    mean, std = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
    if len(values) < _FEWEST_FOR_T or not std:
        return Estimate(mean, std, mean, mean, "")
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * std / math.sqrt(len(values))
    return Estimate(mean, std, max(low, mean - half), min(high, mean + half), "t")


def accuracy_estimate(counts: Sequence[tuple[int, int]]) -> Estimate:
    """From (correct, total) of every seed.

    All seeds are tested on the same clips, so Wilson counts these once, whatever the number of seeds.
    """
    estimate = mean_estimate([correct / total for correct, total in counts], low=0.0)
    if estimate.kind:
        return estimate
    total, mean = min(total for _, total in counts), estimate.mean
    low, high = wilson_interval(round(mean * total), total)
    return Estimate(mean, estimate.std, min(low, mean), max(high, mean), "Wilson")


def over_seeds(trials: pd.DataFrame) -> pd.DataFrame:
    """A row a configuration and held-out speaker, sorted by mode, variant, size and speaker.

    `trials`: finished runs of one section with their `variant`, `series` and `budgets`.

    Columns: NETWORK, mode, variant, series, speaker, layers, hidden_size, accuracy, std, low, high, kind, seeds, float,
    drop, drop_low, drop_high, macro_f1, flash_bytes, ram_bytes, macs_per_clip, budget.
    """
    import pandas as pd

    needed = trials.reindex(columns=_NEEDED)  # of hundreds of columns, which would be copied for every group
    rows = [_over_seeds(alike) for _, alike in needed.groupby([*NETWORK, "speaker"], dropna=False)]
    rows.sort(key=_order)
    return pd.DataFrame(rows).astype(_FLOATS)


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    names = natural(row["mode"]), natural(row["variant"])
    return *names, row["layers"], row["hidden_size"], natural(row["speaker"] or ""), row["configuration"]


def _over_seeds(alike: pd.DataFrame) -> dict[str, Any]:
    alike = alike.sort_values("training_seed")
    first = alike.iloc[0]
    counts = [(int(correct), int(total)) for correct, total in zip(alike["correct"], alike["total"], strict=True)]
    return {
        **{name: first[name] for name in _NAMES},
        **{name: int(first[name]) for name in ("layers", "hidden_size")},
        **_with_drop(accuracy_estimate(counts), alike["drop"].dropna()),
        "seeds": len(alike),
        "float": _mean(alike["views.float.accuracy"]),
        "macro_f1": _mean(alike["macro_f1"]),
        **{name: first[f"memory.{name}"] for name in _SIZES},
        "budget": first["budgets"],
    }


def _mean(values: pd.Series[Any]) -> float | None:
    """Of those that are there. Not pandas' mean, which rounds: equal values may have another mean."""
    found = list(values.dropna())
    return statistics.fmean(found) if found else None


def _with_drop(accuracy: Estimate, drops: Iterable[float]) -> dict[str, Any]:
    found = asdict(accuracy)
    values = list(drops)
    drop = mean_estimate(values) if values else None
    return {
        "accuracy": found.pop("mean"),
        **found,
        "drop": drop and drop.mean,
        "drop_low": drop and drop.low,
        "drop_high": drop and drop.high,
    }


def over_speakers(summary: pd.DataFrame) -> pd.DataFrame:
    """A row a configuration: how it does on speakers that it has never heard; every speaker counts the same.

    Columns as of `over_seeds`, and worst, worst_speaker, spread, fewest_seeds, missing (speakers that other
    configurations were run for), voices (speaker -> accuracy).
    """
    import pandas as pd

    held_out = summary[summary["speaker"].notna()]
    everyone = sorted(held_out["speaker"].unique(), key=natural)
    rows = [_over_speakers(alike, everyone) for _, alike in held_out.groupby(NETWORK, sort=False)]
    extra = ("worst", "worst_speaker", "spread", "fewest_seeds", "missing", "voices")
    return pd.DataFrame(rows, columns=[*summary, *extra]).astype(_FLOATS)


def _over_speakers(alike: pd.DataFrame, everyone: Sequence[str]) -> dict[str, Any]:
    voices = dict(zip(alike["speaker"], alike["accuracy"], strict=True))
    drops: Iterable[float] = alike["drop"] if alike["drop"].notna().all() else ()
    worst = min(voices, key=voices.__getitem__)  # the first in order where several are as low
    return {
        **dict(alike.iloc[0]),
        "speaker": None,
        **_with_drop(mean_estimate(list(voices.values()), low=0.0), drops),
        **{name: _mean(alike[name]) for name in ("float", "macro_f1")},
        "seeds": alike["seeds"].max(),
        "fewest_seeds": alike["seeds"].min(),
        "worst": voices[worst],
        "worst_speaker": worst,
        "spread": max(voices.values()) - voices[worst],
        "missing": tuple(name for name in everyone if name not in voices),
        "voices": voices,
    }
