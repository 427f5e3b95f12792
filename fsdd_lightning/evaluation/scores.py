"""How good a backend of the network is, with the interval that the number of clips allows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

_FEWEST_FOR_T = 3  # with two values Student's factor is 12.7: an interval that says nothing


@dataclass(frozen=True)
class ClassScore:
    """One word: how many test clips it has, and how they fared."""

    label: str
    precision: float
    recall: float
    f1: float
    clips: int


@dataclass(frozen=True)
class Score:
    """Predictions of one backend against the labels.

    `ci95` is Wilson's score interval of the accuracy; `confusion[i][j]` counts clips of class i taken for class j.
    """

    accuracy: float
    correct: int
    total: int
    macro_f1: float
    ci95: tuple[float, float]
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]

    def as_record(self) -> dict[str, Any]:
        """Plain types, as in a run record."""
        return asdict(self)


def score(predictions: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> Score:
    """predictions, labels int (clips,) in 0..len(names)-1. A class without clips counts 0 in the macro mean."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    every = np.arange(len(names))
    correct, total = int((predictions == labels).sum()), len(labels)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predictions, labels=every, zero_division=0.0
    )
    matrix = confusion_matrix(labels, predictions, labels=every)
    return Score(
        accuracy=correct / total,
        correct=correct,
        total=total,
        macro_f1=float(np.mean(f1)),
        ci95=wilson_interval(correct, total),
        classes=tuple(
            ClassScore(name, float(p), float(r), float(f), int(n))
            for name, p, r, f, n in zip(names, precision, recall, f1, support, strict=True)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Wilson's score interval at 95 % (Wilson 1927), without continuity correction."""
    from scipy.stats import binomtest

    interval = binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


class Estimate(NamedTuple):
    """A mean with its 95 % interval, as shares.

    kind: "t" (Student), "Wilson", or "" where there is no interval and low = mean = high. `std` is None for one value.
    """

    mean: float
    std: float | None
    low: float
    high: float
    kind: str


def mean_estimate(values: Collection[float], low: float = -1.0, high: float = 1.0) -> Estimate:
    """Student's interval, cut at `low` and `high`. Fewer than three values have none; the mean of no value is NaN."""
    from scipy.stats import t

    # Not pandas' mean, which rounds: equal values may have another mean.
    mean = statistics.fmean(values) if len(values) else math.nan
    std = statistics.stdev(values) if len(values) > 1 else None
    if len(values) < _FEWEST_FOR_T or not std:
        return Estimate(mean, std, mean, mean, "")
    half = float(t.ppf(0.975, len(values) - 1)) * std / math.sqrt(len(values))
    return Estimate(mean, std, max(low, mean - half), min(high, mean + half), "t")
