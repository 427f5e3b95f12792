"""What a search is told of a trial."""

from __future__ import annotations

from typing import Any

import pytest

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.sweeps.search.objective import Objective, objective


def record(training: dict[str, Any], **more: Any) -> RunRecord:
    return RunRecord("x", [], {}, "", 1, training=training, memory={"flash_bytes": 1234}, **more)


def test_it_is_the_integer_view_of_the_validation_clips() -> None:
    accuracies = {"float": 0.9, "quantized": 0.8, "integer": 0.7, "c": 0.6}
    assert objective(record({"val_accuracy": accuracies})) == Objective(0.7, 1234)


def test_without_an_integer_view_it_is_the_last_one() -> None:
    assert objective(record({"val_accuracy": {"float": 0.9}})) == Objective(0.9, 1234)
    assert objective(record({"val_accuracy": {"float": 0.9, "quantized": 0.8}})) == Objective(0.8, 1234)


class Untouchable(dict[str, Any]):
    """Fails a test that looks at it."""

    def _fail(self, *_: object) -> Any:
        raise AssertionError("the test clips were looked at")

    __getitem__ = __iter__ = __len__ = __contains__ = get = keys = values = items = _fail  # type: ignore[assignment]


def test_the_test_clips_are_not_looked_at() -> None:
    views, agreement = Untouchable(), Untouchable()
    told = record({"val_accuracy": {"integer": 0.5}}, views=views, agreement=agreement)
    assert objective(told) == Objective(0.5, 1234)
    with pytest.raises(AssertionError):
        len(views)


@pytest.mark.parametrize("training", [{}, {"val_accuracy": {}}, {"val_accuracy": {"integer": None}}])
def test_a_record_without_the_numbers_is_said(training: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="lacks its validation accuracy"):
        objective(record(training))
