"""Scores against hand-counted values, another library and published intervals."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from fsdd_lightning.evaluation.scores import score, wilson_interval

NAMES = tuple("0123456789")


def test_hand_counted_values() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    predictions = np.array([0, 0, 1, 1, 2, 2])
    result = score(predictions, labels, ("zero", "one", "two"))
    assert (result.correct, result.total, result.accuracy) == (4, 6, 4 / 6)
    assert result.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    assert [digit.label for digit in result.classes] == ["zero", "one", "two"]
    assert [digit.precision for digit in result.classes] == pytest.approx([1, 1 / 2, 1 / 2])
    assert [digit.recall for digit in result.classes] == pytest.approx([2 / 3, 1 / 2, 1])
    assert [digit.f1 for digit in result.classes] == pytest.approx([4 / 5, 1 / 2, 2 / 3])
    assert [digit.clips for digit in result.classes] == [3, 2, 1]
    assert result.macro_f1 == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)


def test_all_scores_equal_those_of_torchmetrics() -> None:
    random = np.random.default_rng(5)
    labels = np.concatenate([np.arange(10), random.integers(0, 10, 590)])
    predictions = np.where(random.random(600) < 0.8, labels, random.integers(0, 10, 600))
    result = score(predictions, labels, NAMES)
    pair = torch.from_numpy(predictions), torch.from_numpy(labels), 10
    assert result.accuracy == pytest.approx(float(multiclass_accuracy(*pair, average="micro")))
    assert result.macro_f1 == pytest.approx(float(multiclass_f1_score(*pair, average="macro")))
    assert [list(row) for row in result.confusion] == multiclass_confusion_matrix(*pair).tolist()
    metrics = {"precision": multiclass_precision, "recall": multiclass_recall, "f1": multiclass_f1_score}
    for name, metric in metrics.items():
        expected = metric(*pair, average="none").tolist()
        assert [getattr(digit, name) for digit in result.classes] == pytest.approx(expected)


def test_a_class_that_is_never_spoken_nor_heard_counts_zero() -> None:
    result = score(np.array([0, 1]), np.array([0, 1]), NAMES)
    assert (result.accuracy, result.macro_f1) == (1.0, pytest.approx(0.2))
    assert result.classes[9] == type(result.classes[9])("9", 0.0, 0.0, 0.0, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
def test_the_parts_of_a_score_agree(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = np.array(pairs).T
    result = score(predictions, labels, NAMES)
    confusion = np.array(result.confusion)
    assert confusion.trace() == result.correct == sum(label == heard for label, heard in pairs)
    assert confusion.sum() == result.total == len(pairs)
    assert confusion.sum(axis=1).tolist() == [digit.clips for digit in result.classes]
    assert 0 <= result.ci95[0] <= result.accuracy + 1e-12 and result.accuracy - 1e-12 <= result.ci95[1] <= 1


# Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3 (score without continuity correction).
@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_has_the_published_values(correct: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("correct", "total"), [(594, 600), (596, 600), (600, 600), (0, 600), (1, 2)])
def test_wilsons_interval_is_its_formula(correct: int, total: int) -> None:
    z, p, n = 1.959963984540054, correct / total, total
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert wilson_interval(correct, total) == pytest.approx((middle - half, middle + half), abs=1e-9)


def test_ninety_nine_percent_of_six_hundred() -> None:
    assert wilson_interval(594, 600) == pytest.approx((0.97836, 0.99541), abs=5e-6)


def test_a_score_is_plain_json() -> None:
    result = score(np.array([1, 2]), np.array([1, 1]), NAMES)
    again = json.loads(json.dumps(result.as_record()))
    assert again["ci95"] == list(result.ci95)
    digit = {"label": "1", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "clips": 2}
    assert again["classes"][1] == digit
    assert again["confusion"][1][2] == 1
