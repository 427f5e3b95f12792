"""Means with 95 % intervals, and what such an interval means.

* Of one configuration on one test set: Student's t over three or more seeds that differ; it covers other seeds on the
  same clips. With fewer seeds, or equal ones, Wilson's score interval; it covers other clips for the same networks.
* Of one configuration over held-out speakers: Student's t over the speakers, of whom each counts once, with the mean
  of its seeds; it covers **other speakers**. Pooling the speakers' clips would answer a question that nobody asks of
  an unseen voice, with an interval several times too narrow: clips of one speaker are alike, and so are seeds.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from fsdd_lightning.evaluation.scores import wilson_interval

_FEWEST_FOR_T = 3  # with two values Student's factor is 12.7: an interval that says nothing


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` values with its 95 % interval, as shares.

    kind: "t" (Student), "Wilson", or "" where there is no interval and low = mean = high. `std` is None for n = 1.
    """

    mean: float
    std: float | None
    low: float
    high: float
    n: int
    kind: str


def over_seeds(counts: Sequence[tuple[int, int]]) -> Estimate:
    """Accuracy from (correct, total) of every seed.

    All seeds are tested on the same clips, so Wilson counts these once, whatever the number of seeds.
    """
    estimate = over_speakers([correct / total for correct, total in counts])
    if estimate.kind:
        return estimate
    total = min(total for _, total in counts)
    low, high = wilson_interval(round(estimate.mean * total), total)
    low, high = min(low, estimate.mean), max(high, estimate.mean)
    return Estimate(estimate.mean, estimate.std, low, high, estimate.n, "Wilson")


def over_speakers(accuracies: Sequence[float]) -> Estimate:
    """Accuracy from that on every held-out speaker. Fewer than three speakers have no interval."""
    estimate = of_differences(accuracies)
    low, high = max(0.0, estimate.low), min(1.0, estimate.high)
    return Estimate(estimate.mean, estimate.std, low, high, estimate.n, estimate.kind)


def of_differences(values: Sequence[float]) -> Estimate:
    """Of differences between accuracies, one a seed or one a speaker. Fewer than three have no interval."""
    mean, std = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
    if len(values) < _FEWEST_FOR_T or not std:
        return Estimate(mean, std, mean, mean, len(values), "")
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * std / math.sqrt(len(values))
    return Estimate(mean, std, mean - half, mean + half, len(values), "t")
