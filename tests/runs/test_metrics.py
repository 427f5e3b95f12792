"""The final metrics of a run."""

from __future__ import annotations

import pytest

from fsdd_lightning.runs.metrics import FINAL_METRICS, accuracy_drop, deployed_backend, equal_backends, final_metrics
from fsdd_lightning.runs.record import RunRecord


@pytest.mark.parametrize(
    ("views", "deployed", "drop"),
    [
        ({}, None, None),
        ({"float": 0.75}, "float", None),
        ({"float": 0.75, "quantized": 0.5}, "quantized", 0.25),
        ({"float": 0.75, "quantized": 0.5, "integer": 0.875}, "integer", -0.125),
        ({"float": 0.75, "integer": 0.5, "c": 0.5}, "integer", 0.25),
        ({"integer": 0.5}, "integer", None),
        ({"teeth": 0.5}, None, None),
    ],
)
def test_the_integers_stand_for_a_run_where_there_are_any(
    views: dict[str, float], deployed: str | None, drop: float | None
) -> None:
    assert deployed_backend(views) == deployed
    assert accuracy_drop(views) == drop


def test_backends_that_compute_an_integer_network_are_one_where_they_agree() -> None:
    one, other = {"correct": 5}, {"correct": 4}
    everything = {"float": one, "quantized": one, "integer": one, "c": one}
    assert list(equal_backends(everything)) == ["float", "quantized = integer = c"]
    assert list(equal_backends({"float": one, "quantized": one, "integer": one})) == ["float", "quantized = integer"]
    assert list(equal_backends({"integer": one, "c": other})) == ["integer", "c"]  # of a foreign record
    assert list(equal_backends({"float": one, "quantized": one})) == ["float", "quantized"]  # PyTorch's own: by chance
    assert equal_backends({"float": one, "integer": other, "c": other}) == {"float": one, "integer = c": other}
    assert equal_backends({}) == {}


def test_metrics_are_those_that_a_run_has() -> None:
    record = RunRecord("n", [], {}, "h", 1, memory={"flash_bytes": 12, "ram_bytes": 3, "fits": True})
    assert final_metrics(record) == {"memory/flash_bytes": 12.0, "memory/ram_bytes": 3.0}
    record.views = {"float": {"accuracy": 0.75}, "integer": {"accuracy": 0.5}}
    metrics = final_metrics(record)
    assert set(metrics) <= set(FINAL_METRICS)
    assert (metrics["accuracy/integer"], metrics["accuracy/drop"]) == (0.5, 0.25)
    record.unheard = {"accuracy": 0.25}
    assert final_metrics(record) == metrics | {"accuracy/unheard": 0.25} and set(final_metrics(record)) <= set(
        FINAL_METRICS
    )
