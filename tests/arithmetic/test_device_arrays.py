"""The arrays of a device, counted before and after they exist."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from example_deployment import deployment_of

from fsdd_lightning.arithmetic import weight_codes
from fsdd_lightning.arithmetic.archive import archive_bytes
from fsdd_lightning.arithmetic.device_arrays import Deployment, FloatInput, array_specs, device_arrays, planned_arrays

CODES = sorted(weight_codes.WEIGHT_CODES)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(13, 24, 2, 10), (5, 7, 1, 3), (1, 1, 3, 1)])
def test_planned_arrays_are_the_real_ones(code: str, shape: tuple[int, int, int, int]) -> None:
    inputs, hidden, layers, classes = shape
    deployment = deployment_of(code, inputs=inputs, hidden=hidden, layers=layers, classes=classes)
    planned = planned_arrays(weight_codes.weight_code(code), *shape)
    assert planned == array_specs(device_arrays(deployment))
    with np.load(io.BytesIO(archive_bytes(deployment)), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if not name.endswith(".json")}
    assert array_specs(arrays) == planned
    assert sum(spec.nbytes for spec in planned) == sum(array.nbytes for array in arrays.values())


def test_bytes_of_the_int8_network_of_the_task() -> None:
    """2x24 on 13 inputs, by hand."""
    planned = {spec.name: spec.nbytes for spec in planned_arrays(weight_codes.weight_code("int8"), 13, 24, 2, 10)}
    weights = 96 * 37 + 96 * 48 + 10 * 24
    assert sum(planned.values()) == weights + 4 * 4 * 96 + 4 * 10 + 2 + 2 * 2 * 257 + 2 * 4 * 13
    four_bits = planned_arrays(weight_codes.weight_code("int4"), 13, 24, 2, 10)
    rows_less = 2 * 2 * 2 * 96  # two bytes less for each bias and multiplier of both layers
    assert sum(spec.nbytes for spec in four_bits) == sum(planned.values()) - weights - rows_less + 96 * 43 + 10 * 12


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("input", FloatInput(np.zeros(4, np.float32), np.ones(4, np.float32)), "5 inputs can't read 4 features"),
        ("labels", ("a", "b"), "3 classes need as many labels"),
        ("labels", ("a", "b", 3), "labels"),
        ("feature_config", {"top_db": float("nan")}, "JSON"),
    ],
)
def test_a_deployment_of_inconsistent_parts_is_refused(field: str, value: Any, message: str) -> None:
    parts = dict(vars(deployment_of()))
    parts[field] = value
    with pytest.raises(ValueError, match=message):
        Deployment(**parts)


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        (np.zeros(5), np.ones(5, np.float32), "float32"),
        (np.zeros(5, np.float32), np.ones(4, np.float32), "one for each feature"),
        (np.zeros(5, np.float32), np.array([1, 1, 0, 1, 1], np.float32), "positive"),
        (np.array([1, 1, np.inf, 1, 1], np.float32), np.ones(5, np.float32), "finite"),
    ],
)
def test_an_impossible_standardization_is_refused(mean: np.ndarray, std: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FloatInput(mean, std)
