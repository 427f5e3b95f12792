"""The objective of a search: two numbers of a trial."""

from __future__ import annotations

from typing import Any

import pytest

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.sweeps.search.front import Objective, objective
from fsdd_lightning.sweeps.task import _objective


def record(training: dict[str, Any], **more: Any) -> RunRecord:
    return RunRecord("x", [], {}, "", 1, training=training, memory={"flash_bytes": 1234}, **more)


@pytest.mark.parametrize(
    ("accuracies", "deployed"),
    [
        ({"float": 0.9, "quantized": 0.8, "integer": 0.7, "c": 0.6}, 0.7),
        ({"integer": 0.7, "quantized": 0.8, "float": 0.9}, 0.7),
        ({"float": 0.9, "quantized": 0.8}, 0.8),  # PyTorch's own int8, whatever the order
        ({"quantized": 0.8, "float": 0.9}, 0.8),
        ({"float": 0.9}, 0.9),
    ],
)
def test_it_is_the_deployed_backend_on_the_validation_clips(accuracies: dict[str, float], deployed: float) -> None:
    found = record({"val_accuracy": accuracies}, status="done")
    assert objective(found) == Objective(deployed, 1234)
    assert _objective(found) == deployed  # for Hydra's own sweepers


class Untouchable(dict[str, Any]):
    """Fails a test that looks at it."""

    def _fail(self, *_: object) -> Any:
        raise AssertionError("the test clips were used")

    __getitem__ = __iter__ = __len__ = __contains__ = get = keys = values = items = _fail  # type: ignore[assignment]


def test_the_test_clips_are_not_used() -> None:
    views, agreement = Untouchable(), Untouchable()
    found = record({"val_accuracy": {"integer": 0.5}}, views=views, agreement=agreement)
    assert objective(found) == Objective(0.5, 1234)
    with pytest.raises(AssertionError):
        len(views)


@pytest.mark.parametrize(
    "training", [{}, {"val_accuracy": {}}, {"val_accuracy": {"integer": None}}, {"val_accuracy": 3}]
)
def test_a_record_without_the_accuracy_is_named(training: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="lacks its validation accuracy"):
        objective(record(training))


def test_a_record_without_the_bytes_is_named() -> None:
    found = record({"val_accuracy": {"integer": 0.5}})
    found.memory = {}
    with pytest.raises(UserError, match="lacks its flash bytes"):
        objective(found)
