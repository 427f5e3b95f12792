"""The flash lines of a bill are the arrays of an archive, byte for byte, and the structs that point to them in C."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from example_deployment import deployment_of
from hypothesis import given
from hypothesis import strategies as st
from shapes import INTEGER_CODES, SMALL, any_shape

from fsdd_lightning.arithmetic.archive import archive_bytes
from fsdd_lightning.arithmetic.device_arrays import ArraySpec, array_specs, device_arrays, planned_arrays
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.memory.bill import memory_bill
from fsdd_lightning.memory.shape import NetworkShape

ODD = NetworkShape(inputs=3, hidden_size=5, layers=3, classes=7)  # no row of 2 or 4 bits ends with a byte


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


@given(any_shape(), st.sampled_from(INTEGER_CODES))
def test_every_part_equals_the_planned_arrays(shape: NetworkShape, code_name: str) -> None:
    code = weight_code(code_name)
    specs = planned_arrays(code, shape.inputs, shape.hidden_size, shape.layers, shape.classes)
    assert bytes_of_bill(shape, code_name) == bytes_of_parts(specs, shape.layers)


@pytest.mark.parametrize("shape", [SMALL, ODD])
@pytest.mark.parametrize("code_name", INTEGER_CODES)
def test_a_real_network_has_the_parts_and_its_file_the_flash_of_its_bill(code_name: str, shape: NetworkShape) -> None:
    sizes = {"inputs": shape.inputs, "hidden": shape.hidden_size, "layers": shape.layers, "classes": shape.classes}
    deployment = deployment_of(code_name, **sizes)
    specs = array_specs(device_arrays(deployment))
    assert bytes_of_bill(shape, code_name) == bytes_of_parts(specs, shape.layers)
    content = io.BytesIO(archive_bytes(deployment))
    with np.load(content, allow_pickle=False) as archive:
        stored_bytes = sum(archive[name].nbytes for name in archive.files if name != "metadata.json")
    assert memory_bill(shape, code_name, frames=36).flash_bytes == stored_bytes + 32 + 12 * shape.layers
