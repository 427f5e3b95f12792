"""The flash lines of a bill are the arrays of an archive, byte for byte, and the structs that point to them in C."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdd_lightning.arithmetic.archive import archive_bytes
from fsdd_lightning.arithmetic.device_arrays import ArraySpec, Deployment, array_specs, device_arrays, planned_arrays
from fsdd_lightning.arithmetic.quantize import FloatLayer, FloatModel, convert
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES, weight_code
from fsdd_lightning.memory.bill import memory_bill
from fsdd_lightning.memory.shape import NetworkShape

CODE_NAMES = sorted(WEIGHT_CODES)
SMALL = NetworkShape(inputs=13, hidden_size=24, layers=2, classes=10)
ODD = NetworkShape(inputs=3, hidden_size=5, layers=3, classes=7)  # no row of 2 or 4 bits ends with a byte
SHAPES = st.builds(NetworkShape, *(st.integers(1, largest) for largest in (40, 150, 4, 12)))


def deployment_of(shape: NetworkShape, code_name: str) -> Deployment:
    rng = np.random.default_rng(0)
    rows, hidden = 4 * shape.hidden_size, shape.hidden_size

    def layer(inputs: int) -> FloatLayer:
        sizes = ((rows, inputs), (rows, hidden), (rows,), (rows,))
        return FloatLayer(*(rng.normal(size=size) for size in sizes))

    layers = tuple(layer(shape.layer_inputs(k)) for k in range(shape.layers))
    float_model = FloatModel(layers, rng.normal(size=(shape.classes, hidden)), rng.normal(size=shape.classes))
    mean_std = np.zeros(shape.inputs, np.float32), np.ones(shape.inputs, np.float32)
    labels = tuple(f"label {k}" for k in range(shape.classes))
    return Deployment(convert(float_model, weight_code(code_name)), *mean_std, {}, labels)


def bytes_of_parts(specs: Iterable[ArraySpec], layers: int) -> dict[str, int]:
    """The bytes of arrays, summed under the names that a bill gives to the parts of a network."""
    parts: Counter[str] = Counter()
    for spec in specs:
        first, kind = spec.name.split("_")
        if spec.name == "layer_shifts":
            parts.update({f"lstm layer {k + 1}": spec.nbytes // layers for k in range(layers)})
        elif first.startswith("layer"):
            parts[f"lstm layer {int(first.removeprefix('layer')) + 1}"] += spec.nbytes
        else:
            names = {"output": "output layer", "feature": "features"}
            parts["activation tables" if kind == "table" else names[first]] += spec.nbytes
    return dict(parts)


def bytes_of_bill(shape: NetworkShape, code_name: str) -> dict[str, int]:
    parts: Counter[str] = Counter()
    for line in memory_bill(shape, code_name, frames=36).lines:
        if line.memory == "flash" and line.name != "structs":  # tests/export compares those with a compiler
            parts[line.name] += line.bytes
    return dict(parts)


@given(SHAPES, st.sampled_from(CODE_NAMES))
def test_every_part_equals_the_planned_arrays(shape: NetworkShape, code_name: str) -> None:
    code = weight_code(code_name)
    specs = planned_arrays(code, shape.inputs, shape.hidden_size, shape.layers, shape.classes)
    assert bytes_of_bill(shape, code_name) == bytes_of_parts(specs, shape.layers)


@pytest.mark.parametrize("shape", [SMALL, ODD])
@pytest.mark.parametrize("code_name", CODE_NAMES)
def test_every_part_equals_the_arrays_of_a_real_network(code_name: str, shape: NetworkShape) -> None:
    specs = array_specs(device_arrays(deployment_of(shape, code_name)))
    assert bytes_of_bill(shape, code_name) == bytes_of_parts(specs, shape.layers)


@pytest.mark.parametrize("shape", [SMALL, ODD])
@pytest.mark.parametrize("code_name", CODE_NAMES)
def test_flash_equals_the_arrays_of_a_file(code_name: str, shape: NetworkShape) -> None:
    content = io.BytesIO(archive_bytes(deployment_of(shape, code_name)))
    with np.load(content, allow_pickle=False) as archive:
        stored_bytes = sum(archive[name].nbytes for name in archive.files if name != "metadata.json")
    assert memory_bill(shape, code_name, frames=36).flash_bytes == stored_bytes + 32 + 12 * shape.layers
