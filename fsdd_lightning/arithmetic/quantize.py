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
from fsdd_lightning.arithmetic.ranges import (
    INT32_MAX,
    LARGEST_SHIFT,
    NARROW_ZEROS,
    RangeError,
    check_model,
    require_narrow_rows,
    row_name,
)
from fsdd_lightning.arithmetic.weight_codes import WeightCode

FloatArray = NDArray[np.float32] | Float64Array

# The least scale of a narrow row, so that its multiplier m * 2^16 has an m of at least 64. Then the step from a scale
# to that of the nearest m is below 1 %, and a bias of 250 scales, 32,000 steps of a scale * 2^-7, stays below 2^15.
LEAST_NARROW_SCALE = 2.0**-14
LEAST_NARROW_SHARE = 2.0**-8  # of the layer's largest scale
LARGEST_NARROW_BIAS = 250.0  # in scales of its row


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
    require_narrow_rows(integer_model)
    return integer_model


def quantize_layer(layer: FloatLayer, code: WeightCode, index: int) -> IntegerLayer:
    """Layer `index` (from 0, for messages only): one scale per row of [W_ih | W_hh], both biases added in float64."""
    hidden_size = layer.weight_hh.shape[1]
    weights = np.concatenate([layer.weight_ih, layer.weight_hh], axis=1).astype(np.float64)
    bias = layer.bias_ih.astype(np.float64) + layer.bias_hh.astype(np.float64)
    names = [row_name(index, hidden_size, row) for row in range(weights.shape[0])]
    _require_finite(weights, bias, names)
    rescaling = narrow_rescaling if code.narrow_rows else wide_rescaling
    rows = rescaling(code.row_scales(weights), bias, names)
    levels, biases = code.quantize(weights, rows.scales), quantize_bias(bias, rows.scales, names)
    return IntegerLayer(levels, biases, rows.multiplier, rows.shift)


def quantize_output(weight: FloatArray, bias: FloatArray, code: WeightCode) -> IntegerOutput:
    """The output layer: one scale for the whole matrix, so that the logits of all classes are comparable."""
    weight, bias = weight.astype(np.float64), bias.astype(np.float64)
    names = [f"output layer, class {k}" for k in range(weight.shape[0])]
    _require_finite(weight, bias, names)
    scale = code.row_scales(weight.reshape(1, -1))
    scales = np.repeat(scale, weight.shape[0])
    return IntegerOutput(code.quantize(weight, scales), quantize_bias(bias, scales, names), float(scale[0]))


@dataclass(frozen=True, eq=False)
class Rescaling:
    """The scales of a layer's rows, and what the device has of them."""

    scales: Float64Array  # (rows,) of which levels and bias are multiples
    multiplier: Int32Array  # (rows,)
    shift: int


def wide_rescaling(scales: Float64Array, bias: Float64Array, names: list[str]) -> Rescaling:
    """Any multiplier; the bias is for `narrow_rescaling`."""
    return Rescaling(scales, *row_multipliers(scales, names))


def narrow_rescaling(scales: Float64Array, bias: Float64Array, names: list[str]) -> Rescaling:
    """Multipliers m * 2^16 with m in 64 ... 2^15 - 1, and scales that are exactly theirs; biases then fit int16.

    A scale found for the weights is raised where bias or multiplier would not fit, then moved to that of the nearest m.
    """
    scales = np.maximum(scales, np.abs(bias) / LARGEST_NARROW_BIAS)
    scales = np.maximum(scales, max(LEAST_NARROW_SCALE, float(scales.max()) * LEAST_NARROW_SHARE))
    multiplier, shift = row_multipliers(scales, names, NARROW_ZEROS)
    return Rescaling(np.ldexp(multiplier.astype(np.float64), HIDDEN_BITS - CELL_BITS - shift), multiplier, shift)


def row_multipliers(scales: Float64Array, names: list[str], zeros: int = 0) -> tuple[Int32Array, int]:
    """round(s_row * 2^(4 + shift)) and the largest shift of at most 32 with which all of them fit int32.

    The step of an accumulator is s_row * 2^-7, that of z 2^-11: z = acc * s_row * 2^4. With `zeros`, rounded to
    multiples of 2^zeros.
    """
    for shift in range(LARGEST_SHIFT, 0, -1):
        multipliers = round_half_up(np.ldexp(scales, CELL_BITS - HIDDEN_BITS + shift - zeros))
        if multipliers.max() <= INT32_MAX >> zeros:
            return (multipliers << zeros).astype(np.int32), shift
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
