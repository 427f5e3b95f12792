"""Seeds of one configuration, put together: mean, spread, and how far both can be trusted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from fsdd_lightning.evaluation.scores import wilson_interval
from fsdd_lightning.reports.results import Result

_FEWEST_FOR_T = 3  # with two seeds Student's factor is 12.7: an interval that says nothing


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` seeds with its 95 % interval.

    `kind` says what the interval covers: "t": other seeds on the same clips (Student); "Wilson": the same networks on
    other clips (score interval of the mean number of correct clips); "": none. `std` is None for one seed.
    """

    mean: float
    std: float | None
    low: float
    high: float
    n: int
    kind: str


@dataclass(frozen=True)
class Summary:
    """One configuration over its seeds, which are sorted; `results[i]` is the run of `seeds[i]`."""

    results: tuple[Result, ...]
    accuracy: Estimate
    float_accuracy: Estimate | None
    drop: Estimate | None
    macro_f1: float | None

    @property
    def first(self) -> Result:
        """One of the results, for what they have in common."""
        return self.results[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The training seeds."""
        return tuple(result.plan.seed for result in self.results)


def summarize(results: Sequence[Result]) -> Summary:
    """Results of one configuration on one dataset and split, one a seed."""
    several = tuple(sorted(results, key=lambda result: result.plan.seed))
    floats = [result.views["float"] for result in several if "float" in result.views]
    drops = [result.drop for result in several if result.drop is not None]
    scores = [each.deployed.macro_f1 for each in several if each.deployed.macro_f1 is not None]
    return Summary(
        results=several,
        accuracy=accuracy_estimate([(each.deployed.correct, each.deployed.total) for each in several]),
        float_accuracy=accuracy_estimate([(each.correct, each.total) for each in floats]) if floats else None,
        drop=difference_estimate(drops) if drops else None,
        macro_f1=statistics.fmean(scores) if scores else None,
    )


def accuracy_estimate(counts: Sequence[tuple[int, int]]) -> Estimate:
    """(correct, total) of each seed. Student's t for three or more seeds that differ, else Wilson.

    All seeds are tested on the same clips, so Wilson counts these once, whatever the number of seeds.
    """
    shares = [correct / total for correct, total in counts]
    mean, std = _mean_and_std(shares)
    if len(shares) >= _FEWEST_FOR_T and std:
        half = _t_half_width(std, len(shares))
        return Estimate(mean, std, max(0.0, mean - half), min(1.0, mean + half), len(shares), "t")
    total = min(total for _, total in counts)
    low, high = wilson_interval(round(mean * total), total)
    return Estimate(mean, std, min(low, mean), max(high, mean), len(shares), "Wilson")


def difference_estimate(differences: Sequence[float]) -> Estimate:
    """Of accuracies, as shares. Fewer than three seeds have no interval."""
    mean, std = _mean_and_std(differences)
    if len(differences) >= _FEWEST_FOR_T and std:
        half = _t_half_width(std, len(differences))
        return Estimate(mean, std, mean - half, mean + half, len(differences), "t")
    return Estimate(mean, std, mean, mean, len(differences), "")


def _mean_and_std(values: Sequence[float]) -> tuple[float, float | None]:
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _t_half_width(std: float, n: int) -> float:
    from scipy.stats import t

    factor = float(t.ppf(0.975, n - 1))
    return factor * std / math.sqrt(n)
