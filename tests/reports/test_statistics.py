"""Means and intervals, against numbers worked out by hand or by scipy."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated_runs import run

from fsdd_lightning.evaluation.scores import wilson_interval
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.results import Result, RunPlan, cell_of, result_of
from fsdd_lightning.reports.statistics import (
    accuracy_estimate,
    difference_estimate,
    summarize,
)


def results(folder: Path) -> list[Result]:
    found = []
    for each in collect_runs([folder]):
        plan = cell_of(each)
        assert isinstance(plan, RunPlan)
        result = result_of(plan)
        assert isinstance(result, Result)
        found.append(result)
    return found


def test_three_seeds_have_students_interval() -> None:
    estimate = accuracy_estimate([(90, 100), (92, 100), (94, 100)])
    half = 4.302652729911275 * 0.02 / 3**0.5  # t(0.975, 2) from a table
    assert estimate.mean == pytest.approx(0.92)
    assert estimate.std == pytest.approx(0.02)
    assert (estimate.low, estimate.high) == pytest.approx((0.92 - half, 0.92 + half))
    assert (estimate.n, estimate.kind) == (3, "t")


def test_an_accuracy_stays_one() -> None:
    estimate = accuracy_estimate([(100, 100), (90, 100), (100, 100)])
    assert (estimate.low < 0.9, estimate.high) == (True, 1.0)
    estimate = accuracy_estimate([(0, 100), (10, 100), (0, 100)])
    assert (estimate.low, estimate.high > 0.1) == (0.0, True)


def test_one_seed_has_wilsons_interval_and_no_spread() -> None:
    estimate = accuracy_estimate([(590, 600)])
    assert (estimate.low, estimate.high) == wilson_interval(590, 600)
    assert (estimate.std, estimate.n, estimate.kind) == (None, 1, "Wilson")


@pytest.mark.parametrize("counts", [[(590, 600), (580, 600)], [(585, 600)] * 5])
def test_two_seeds_or_equal_ones_count_the_clips_once(counts: list[tuple[int, int]]) -> None:
    estimate = accuracy_estimate(counts)
    assert (estimate.low, estimate.high) == wilson_interval(585, 600)
    assert (estimate.mean, estimate.n, estimate.kind) == (585 / 600, len(counts), "Wilson")


@pytest.mark.parametrize("correct", [0, 1, 599, 600])
def test_the_mean_lies_within_its_interval(correct: int) -> None:
    estimate = accuracy_estimate([(correct, 600), (600 - correct, 600)])
    assert estimate.low <= estimate.mean <= estimate.high
    alone = accuracy_estimate([(correct, 600)])
    assert alone.low <= alone.mean <= alone.high


def test_a_difference_needs_three_seeds_for_an_interval() -> None:
    assert difference_estimate([0.01]).kind == difference_estimate([0.01, 0.03]).kind == ""
    estimate = difference_estimate([-0.01, 0.01, 0.03])
    half = 4.302652729911275 * 0.02 / 3**0.5
    assert (estimate.low, estimate.mean, estimate.high) == pytest.approx((0.01 - half, 0.01, 0.01 + half))


def test_a_summary_takes_what_is_deployed(tmp_path: Path) -> None:
    for seed, correct in ((3, 580), (1, 570), (2, 575)):
        run(tmp_path, "int8_ptq", 8, seed, correct)
    summary = summarize(results(tmp_path))
    assert summary.seeds == (1, 2, 3)
    assert summary.accuracy.mean == pytest.approx(575 / 600)
    assert summary.float_accuracy is not None and summary.float_accuracy.mean == 590 / 600
    assert summary.drop is not None and summary.drop.mean == pytest.approx(15 / 600)
    assert summary.first.view == "integer"


def test_a_float_network_has_no_drop(tmp_path: Path) -> None:
    run(tmp_path, "float32", 8, 1, 580)
    summary = summarize(results(tmp_path))
    assert (summary.first.view, summary.drop) == ("float", None)
    assert summary.accuracy.mean == 580 / 600
