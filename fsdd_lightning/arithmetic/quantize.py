"""From float weights to the integer network. No data is needed: every format is fixed, every scale comes from
weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.fixed_point import (
    CELL_BITS,
    HIDDEN_BITS,
    Float64Array,
    Int32Array,
    Int64Array,
    round_half_up,
)
from fsdd_lightning.arithmetic.integer_model import IntegerLayer, IntegerModel, IntegerOutput
from fsdd_lightning.arithmetic.ranges import INT32_MAX, LARGEST_SHIFT, RangeError, check_model, row_name
from fsdd_lightning.arithmetic.weight_codes import WeightCode

FloatArray = NDArray[np.float32] | Float64Array


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """One layer of `torch.nn.LSTM`, gates in PyTorch's order i, f, g, o."""

    weight_ih: FloatArray  # (4H, I)
    weight_hh: FloatArray  # (4H, H)
    bias_ih: FloatArray  # (4H,)
    bias_hh: FloatArray  # (4H,)


@dataclass(frozen=True, eq=False)
class FloatModel:
    """The float classifier as plain arrays."""

    layers: tuple[FloatLayer, ...]
    output_weight: FloatArray  # (classes, H)
    output_bias: FloatArray  # (classes,)


def float_model(lstm: Mapping[str, FloatArray], output: Mapping[str, FloatArray]) -> FloatModel:
    """From the state of an `nn.LSTM` (names `weight_ih_l0`, ...) and of an `nn.Linear` (`weight`, `bias`), as numpy."""
    count = sum(name.startswith("weight_ih_l") for name in lstm)
    fields = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    layers = tuple(FloatLayer(**{field: lstm[f"{field}_l{k}"] for field in fields}) for k in range(count))
    return FloatModel(layers, output["weight"], output["bias"])


def convert(model: FloatModel, code: WeightCode) -> IntegerModel:
    """The integer network of these float weights. Raises RangeError for a number that does not fit or is not finite."""
    layers = tuple(quantize_layer(layer, code, index) for index, layer in enumerate(model.layers))
    integer_model = IntegerModel(layers, quantize_output(model.output_weight, model.output_bias, code), code.name)
    check_model(integer_model)
    return integer_model


def quantize_layer(layer: FloatLayer, code: WeightCode, index: int) -> IntegerLayer:
    """Layer `index` (from 0, for messages only): one scale per row of [W_ih | W_hh], both biases added in float64."""
    hidden_size = layer.weight_hh.shape[1]
    weights = np.concatenate([layer.weight_ih, layer.weight_hh], axis=1).astype(np.float64)
    bias = layer.bias_ih.astype(np.float64) + layer.bias_hh.astype(np.float64)
    names = [row_name(index, hidden_size, row) for row in range(weights.shape[0])]
    _require_finite(weights, bias, names)
    scales = code.row_scales(weights)
    multiplier, shift = row_multipliers(scales, names)
    return IntegerLayer(code.quantize(weights, scales), quantize_bias(bias, scales, names), multiplier, shift)


def quantize_output(weight: FloatArray, bias: FloatArray, code: WeightCode) -> IntegerOutput:
    """The output layer: one scale for the whole matrix, so that the logits of all classes are comparable."""
    weight, bias = weight.astype(np.float64), bias.astype(np.float64)
    names = [f"output layer, class {k}" for k in range(weight.shape[0])]
    _require_finite(weight, bias, names)
    scale = code.row_scales(weight.reshape(1, -1))
    scales = np.repeat(scale, weight.shape[0])
    return IntegerOutput(code.quantize(weight, scales), quantize_bias(bias, scales, names), float(scale[0]))


def row_multipliers(scales: Float64Array, names: list[str]) -> tuple[Int32Array, int]:
    """round(s_row * 2^(4 + shift)) and the largest shift of at most 32 with which all of them fit int32.

    The step of an accumulator is s_row * 2^-7, that of z 2^-11: z = acc * s_row * 2^4.
    """
    for shift in range(LARGEST_SHIFT, 0, -1):
        multipliers = round_half_up(np.ldexp(scales, CELL_BITS - HIDDEN_BITS + shift))
        if multipliers.max() <= INT32_MAX:
            return multipliers.astype(np.int32), shift
    widest = int(np.argmax(scales))
    raise RangeError(f"{names[widest]}: the scale {scales[widest]:g} is too large for any shift")


def quantize_bias(bias: Float64Array, scales: Float64Array, names: list[str]) -> Int32Array:
    """(rows,) int32 in steps of s_row * 2^-7; RangeError names a row that does not fit."""
    levels: Int64Array = round_half_up(bias / np.ldexp(scales, -HIDDEN_BITS))
    for row in np.flatnonzero(np.abs(levels) > INT32_MAX).tolist():
        raise RangeError(f"{names[row]}: the bias {bias[row]:g} in steps of {scales[row]:g} * 2^-7 is beyond int32")
    return levels.astype(np.int32)


def _require_finite(weights: NDArray[Any], bias: NDArray[Any], names: list[str]) -> None:
    finite = np.isfinite(weights).all(axis=1) & np.isfinite(bias)
    for row in np.flatnonzero(~finite).tolist():
        raise RangeError(f"{names[row]}: a weight or bias is infinite or not a number")
