"""Calibration and rejection against values counted by hand, and against torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from fsdd_lightning.evaluation.backends import Backend
from fsdd_lightning.evaluation.confidence import (
    BINS,
    answered,
    calibration_error,
    confidence_of,
    margins,
    rejection_curve,
    reliability_bins,
)

HALF = float(np.log(2.0))  # of a logit: a lead of one such unit is odds of 2 to 1


def backend(step: float = HALF) -> Backend:
    return Backend("integer", lambda clips: np.empty(0), step)


def test_bins_hold_their_upper_end_and_nothing_else() -> None:
    bins = reliability_bins(np.array([0.0, 3 / 15, 0.2001, 1.0, 1.0]), np.array([True, False, True, True, False]))
    assert [(one.low * BINS, one.high * BINS, one.clips) for one in bins] == [
        (0, 1, 1),
        (2, 3, 1),
        (3, 4, 1),
        (14, 15, 2),
    ]
    assert [one.accuracy for one in bins] == [1.0, 0.0, 1.0, 0.5]
    assert [one.confidence for one in bins] == pytest.approx([0.0, 0.2, 0.2001, 1.0])
    assert calibration_error(bins) == pytest.approx((1.0 + 0.2 + 0.7999 + 2 * 0.5) / 5)


def test_of_no_clip_there_is_no_error() -> None:
    assert reliability_bins(np.empty(0), np.empty(0, np.bool_)) == () and calibration_error(()) is None


def test_the_error_is_that_of_torchmetrics() -> None:
    random = np.random.default_rng(3)
    logits = random.integers(-40, 40, (500, 10)).astype(np.int32)
    labels = np.where(random.random(500) < 0.6, logits.argmax(axis=1), random.integers(0, 10, 500))
    found = confidence_of(backend(0.05), logits, labels)
    shares = torch.from_numpy(backend(0.05).probabilities(logits))
    expected = multiclass_calibration_error(shares, torch.from_numpy(labels), num_classes=10, n_bins=BINS, norm="l1")
    assert found.ece == pytest.approx(float(expected), abs=1e-6)
    assert found.ece is not None and found.ece > 0.05


def test_counted_by_hand() -> None:
    """Leads of 2, 1, 1 and 0 units: probabilities 4/5, 2/3, 2/3 and 1/2; the first and one of the ties are right."""
    logits = np.array([[2, 0], [1, 0], [0, 1], [3, 3]], np.int32)
    labels = np.array([0, 0, 0, 1])
    found = confidence_of(backend(), logits, labels)
    assert found.ece == pytest.approx((1 / 5 + 2 * abs(1 / 2 - 2 / 3) + 1 / 2) / 4)
    assert rejection_curve(margins(logits), np.array([True, True, False, False])).tolist() == pytest.approx(
        [1, 3 / 4, 2 / 3, 1 / 2]
    )
    assert found.aurc == pytest.approx((0 + 1 / 4 + 1 / 3 + 1 / 2) / 4)
    at = {100: 1 / 2, 95: 1 / 2, 90: 1 / 2, 80: 2 / 3, 70: 2 / 3, 50: 3 / 4}
    assert found.accuracy_at == pytest.approx(at)
    assert found.as_record()["accuracy_at"] == pytest.approx({str(share): value for share, value in at.items()})


def test_clips_of_equal_margin_come_in_no_order() -> None:
    right = np.array([True, False, False, True])
    equal = np.array([5, 5, 5, 5])
    assert rejection_curve(equal, right).tolist() == rejection_curve(equal, right[::-1]).tolist() == [0.5] * 4


def test_where_nothing_is_found_there_is_no_probability_and_the_answer_is_wrong() -> None:
    logits, labels = np.array([[0, 0], [4, 0], [0, 0]], np.int32), np.array([0, 0, 0])
    found = confidence_of(backend(), logits, labels, np.array([False, True, True]))
    assert sum(one.clips for one in found.bins) == 2
    assert found.accuracy_at == {100: 2 / 3, 95: 2 / 3, 90: 2 / 3, 80: 1.0, 70: 1.0, 50: 1.0}
    none = confidence_of(backend(), logits, labels, np.zeros(3, np.bool_))
    assert (none.ece, none.bins, none.aurc, none.accuracy_at[100]) == (None, (), 1.0, 0.0)


def test_margins_are_those_of_the_device_and_differences_in_float() -> None:
    assert margins(np.array([[2**31 - 1, -(2**31), 0]], np.int32)).tolist() == [2**31 - 1]
    assert margins(np.array([[0.5, 2.0, 1.25]], np.float32)).tolist() == [0.75]


@pytest.mark.parametrize(("share", "clips", "count"), [(100, 7, 7), (50, 7, 4), (50, 5, 3), (50, 1, 1), (70, 0, 1)])
def test_so_many_are_answered(share: int, clips: int, count: int) -> None:
    assert answered(share, clips) == count
