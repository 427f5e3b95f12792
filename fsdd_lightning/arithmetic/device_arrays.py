"""Every constant of a network as the device stores it, by name: what an archive holds and a memory bill counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.activation_tables import TABLE_INTERVALS, sigmoid_table, tanh_table
from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.arithmetic.fixed_point import Int32Array
from fsdd_lightning.arithmetic.front_end import FrontEnd, Standardization
from fsdd_lightning.arithmetic.integer_model import GATES, IntegerLayer, IntegerModel, IntegerOutput
from fsdd_lightning.arithmetic.listener import Listening
from fsdd_lightning.arithmetic.ranges import NARROW_ZEROS, require_narrow_rows
from fsdd_lightning.arithmetic.weight_codes import WeightCode, weight_code


@dataclass(frozen=True, eq=False)
class FloatInput:
    """A network whose features are made elsewhere, in float: the device standardizes them as (value - mean) / std."""

    mean: NDArray[np.float32]  # (F,)
    std: NDArray[np.float32]  # (F,)

    def __post_init__(self) -> None:
        for name, array in (("mean", self.mean), ("std", self.std)):
            if array.dtype != np.float32 or array.shape != self.mean.shape or array.ndim != 1:
                raise ValueError(f"the feature {name} must be float32, one for each feature")
            if not np.isfinite(array).all():
                raise ValueError(f"the feature {name} must be finite")
        if not (self.std > 0).all():
            raise ValueError("the feature std must be positive")

    @property
    def channels(self) -> int:
        return len(self.mean)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name to array, little-endian, in storage order."""
        return {"feature_mean": self.mean.astype("<f4"), "feature_std": self.std.astype("<f4")}


Input = FloatInput | Listening


@dataclass(frozen=True, eq=False)
class Deployment:
    """An integer model with all that is needed to prepare its input and to interpret its output."""

    model: IntegerModel
    input: Input
    feature_config: Mapping[str, Any]  # of the front end; JSON values (tuples become lists)
    labels: tuple[str, ...]  # one per class

    def __post_init__(self) -> None:
        config = json.loads(json.dumps(dict(self.feature_config), allow_nan=False))
        object.__setattr__(self, "feature_config", config)
        if self.input.channels != self.model.input_size:
            raise ValueError(f"a network of {self.model.input_size} inputs can't read {self.input.channels} features")
        if len(self.labels) != self.model.classes or not all(isinstance(label, str) for label in self.labels):
            raise ValueError(f"{self.model.classes} classes need as many labels, not {self.labels!r}")

    @property
    def listening(self) -> Listening | None:
        """The way from samples to words; None where features are made elsewhere."""
        return self.input if isinstance(self.input, Listening) else None


@dataclass(frozen=True)
class ArraySpec:
    """One array: its name, its type as numpy writes it (`<i4`), its shape and its size."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class RowTypes:
    """The types, as numpy writes them, of the two numbers that a row of an LSTM layer has beside its weights."""

    bias: str = "<i4"
    multiplier: str = "<i4"  # <i4: as it is; <i2: multiplier >> 16; |i1: shift to the right that equals it


def row_types(code: WeightCode) -> RowTypes:
    """How a device stores the rows of this code."""
    if code.narrow_rows:
        return RowTypes("<i2", "<i2")
    return RowTypes(multiplier="|i1") if code.stores_shifts else RowTypes()


def planned_arrays(
    code: WeightCode,
    input_size: int,
    hidden_size: int,
    layers: int,
    classes: int,
    front_end: FrontEnd | None = None,
    types: RowTypes | None = None,
) -> tuple[ArraySpec, ...]:
    """The arrays of a network of this shape, in storage order, before it exists. Equals `array_specs` of the
    real one. Without a front end, its input is made elsewhere, in float; without types, rows have those of the code.
    """
    specs = []
    types = types or row_types(code)
    rows = len(GATES) * hidden_size
    for k in range(layers):
        columns = (hidden_size if k else input_size) + hidden_size
        specs += [
            ArraySpec(f"layer{k}_weights", "|u1", (rows, code.row_bytes(columns))),
            ArraySpec(f"layer{k}_bias", types.bias, (rows,)),
            ArraySpec(f"layer{k}_multiplier", types.multiplier, (rows,)),
        ]
    return (
        *specs,
        ArraySpec("layer_shifts", "|u1", (layers,)),
        ArraySpec("output_weights", "|u1", (classes, code.row_bytes(hidden_size))),
        ArraySpec("output_bias", "<i4", (classes,)),
        ArraySpec("sigmoid_table", "<i2", (TABLE_INTERVALS + 1,)),
        ArraySpec("tanh_table", "<i2", (TABLE_INTERVALS + 1,)),
        *_planned_input(input_size, front_end),
    )


def _planned_input(input_size: int, front_end: FrontEnd | None) -> tuple[ArraySpec, ...]:
    if front_end is None:
        return ArraySpec("feature_mean", "<f4", (input_size,)), ArraySpec("feature_std", "<f4", (input_size,))
    return (
        ArraySpec("feature_multiplier", "<i4", (input_size,)),
        ArraySpec("feature_bias", "<i4", (input_size,)),
        *array_specs(front_end.tables.arrays()),
        ArraySpec("endpointer", "<i2", (len(fields(Endpointer)),)),
        ArraySpec("least_margin", "<i4", (1,)),
    )


def device_arrays(deployment: Deployment) -> dict[str, NDArray[Any]]:
    """Name to array, little-endian, in storage order.

    Raises:
        NarrowRowsError: rows of an earlier version, which a device can no longer store.
    """
    model = deployment.model
    require_narrow_rows(model)
    code = weight_code(model.weight_code)
    types = row_types(code)
    arrays: dict[str, NDArray[Any]] = {}
    for k, layer in enumerate(model.layers):
        arrays[f"layer{k}_weights"] = code.pack(layer.weights)
        arrays[f"layer{k}_bias"] = layer.bias.astype(types.bias)
        arrays[f"layer{k}_multiplier"] = _stored_multiplier(layer, code).astype(types.multiplier)
    arrays["layer_shifts"] = np.array([layer.shift for layer in model.layers], dtype=np.uint8)
    arrays["output_weights"] = code.pack(model.output.weights)
    arrays["output_bias"] = model.output.bias.astype("<i4")
    arrays["sigmoid_table"] = sigmoid_table().astype("<i2")
    arrays["tanh_table"] = tanh_table().astype("<i2")
    return arrays | deployment.input.arrays()


def _stored_multiplier(layer: IntegerLayer, code: WeightCode) -> NDArray[Any]:
    if code.stores_shifts:
        return layer.row_shifts
    return layer.multiplier >> NARROW_ZEROS if code.narrow_rows else layer.multiplier


def _restored_multiplier(stored: NDArray[Any], shift: int) -> Int32Array:
    """The inverse, by the type; raises ValueError for a shift that no multiplier equals."""
    if stored.dtype == np.int8:
        exponents = shift - stored.astype(np.int64)
        if not ((exponents >= 0) & (exponents <= 30)).all():
            raise ValueError(f"a row shift is none of {shift - 30} to {shift}")
        return (1 << exponents).astype(np.int32)
    return stored.astype(np.int32) << (NARROW_ZEROS if stored.dtype == np.int16 else 0)


def array_specs(arrays: Mapping[str, NDArray[Any]]) -> tuple[ArraySpec, ...]:
    """Name, type, shape and bytes of every array."""
    return tuple(ArraySpec(name, array.dtype.str, array.shape) for name, array in arrays.items())


def restore_model(
    arrays: Mapping[str, NDArray[Any]], code: WeightCode, input_size: int, logit_scale: float
) -> IntegerModel:
    """The inverse of `device_arrays`, whose types say how rows are stored; raises ValueError for packed bytes that are
    not levels, and shifts that are no multipliers.
    """
    below = input_size
    layers = []
    for k, shift in enumerate(arrays["layer_shifts"]):
        hidden_size = arrays[f"layer{k}_bias"].shape[0] // len(GATES)
        weights = code.unpack(arrays[f"layer{k}_weights"], below + hidden_size)
        multiplier = _restored_multiplier(arrays[f"layer{k}_multiplier"], int(shift))
        layers.append(IntegerLayer(weights, arrays[f"layer{k}_bias"].astype(np.int32), multiplier, int(shift)))
        below = hidden_size
    weights = code.unpack(arrays["output_weights"], below)
    output = IntegerOutput(weights, arrays["output_bias"].astype(np.int32), logit_scale)
    return IntegerModel(tuple(layers), output, code.name)


def restore_input(arrays: Mapping[str, NDArray[Any]], front_end: FrontEnd | None) -> Input:
    """The inverse of an input's `arrays`; raises ValueError for numbers that no input has."""
    if front_end is None:
        return FloatInput(*(arrays[f"feature_{name}"].astype(np.float32) for name in ("mean", "std")))
    multiplier, bias = (arrays[f"feature_{name}"].astype(np.int32) for name in ("multiplier", "bias"))
    endpointer = Endpointer.of_array(arrays["endpointer"])
    return Listening(front_end, Standardization(multiplier, bias), endpointer, int(arrays["least_margin"][0]))
