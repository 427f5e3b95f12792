"""Means and intervals, against numbers worked out by hand or by scipy."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from fabricated_runs import finished, run, write

from fsdd_lightning.evaluation.scores import wilson_interval
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.frame import frame
from fsdd_lightning.reports.sections import sections
from fsdd_lightning.reports.summaries import accuracy_estimate, mean_estimate

HALF = 4.302652729911275 * 0.02 / 3**0.5  # t(0.975, 2) from a table, for a standard deviation of 0.02


def test_three_seeds_have_students_interval() -> None:
    estimate = accuracy_estimate([(90, 100), (92, 100), (94, 100)])
    assert (estimate.mean, estimate.std) == pytest.approx((0.92, 0.02))
    assert (estimate.low, estimate.high) == pytest.approx((0.92 - HALF, 0.92 + HALF))
    assert estimate.kind == "t"


def test_an_accuracy_stays_one() -> None:
    estimate = accuracy_estimate([(100, 100), (90, 100), (100, 100)])
    assert (estimate.low < 0.9, estimate.high) == (True, 1.0)
    estimate = accuracy_estimate([(0, 100), (10, 100), (0, 100)])
    assert (estimate.low, estimate.high > 0.1) == (0.0, True)


def test_one_seed_has_wilsons_interval_and_no_spread() -> None:
    estimate = accuracy_estimate([(590, 600)])
    assert (estimate.low, estimate.high) == wilson_interval(590, 600)
    assert (estimate.std, estimate.kind) == (None, "Wilson")


@pytest.mark.parametrize("counts", [[(590, 600), (580, 600)], [(585, 600)] * 5])
def test_two_seeds_or_equal_ones_count_the_clips_once(counts: list[tuple[int, int]]) -> None:
    estimate = accuracy_estimate(counts)
    assert (estimate.low, estimate.high) == wilson_interval(585, 600)
    assert (estimate.mean, estimate.kind) == (585 / 600, "Wilson")


@pytest.mark.parametrize("correct", [0, 1, 599, 600])
def test_the_mean_lies_within_its_interval(correct: int) -> None:
    for counts in ([(correct, 600), (600 - correct, 600)], [(correct, 600)]):
        estimate = accuracy_estimate(counts)
        assert estimate.low <= estimate.mean <= estimate.high


def test_a_difference_needs_three_values_for_an_interval() -> None:
    assert mean_estimate([0.01]).kind == mean_estimate([0.01, 0.03]).kind == ""
    estimate = mean_estimate([-0.01, 0.01, 0.03])
    assert (estimate.low, estimate.mean, estimate.high) == pytest.approx((0.01 - HALF, 0.01, 0.01 + HALF))


def summary(folder: Path) -> pd.Series:  # type: ignore[type-arg]
    (section,) = sections(frame(collect_runs([folder])))
    (at,) = section.summary.index
    return section.summary.loc[at]


def test_a_summary_is_about_what_is_deployed(tmp_path: Path) -> None:
    for seed, correct in ((3, 580), (1, 570), (2, 575)):
        run(tmp_path, "int8_ptq", 8, seed, correct)
    row = summary(tmp_path)
    expected = {"accuracy": 575 / 600, "macro_f1": 575 / 600, "float": 590 / 600, "drop": 15 / 600}
    assert dict(row[list(expected)]) == pytest.approx(expected)
    assert (row["seeds"], row["deployed_backend"]) == (3, "integer")


def test_a_float_network_has_no_drop(tmp_path: Path) -> None:
    run(tmp_path, "float32", 8, 1, 580)
    row = summary(tmp_path)
    assert (row["deployed_backend"], row["accuracy"]) == ("float", 580 / 600)
    assert pd.isna(row["drop"]) and pd.isna(row["drop_low"])


def test_scores_that_some_seeds_lack_are_means_of_the_others(tmp_path: Path) -> None:
    for seed in (1, 2):
        record = finished(("quantization=int8_ptq", f"seed={seed}"), {"float": 590, "integer": 580})
        if seed == 2:
            record.views = {"integer": {"accuracy": 0.5, "correct": 300, "total": 600}}
        write(tmp_path / str(seed), record)
    row = summary(tmp_path)
    assert (row["float"], row["macro_f1"], row["drop"]) == pytest.approx((590 / 600, 580 / 600, 10 / 600))
    assert row["accuracy"] == pytest.approx(440 / 600)
