"""The proof that nothing overflows with the given weights, whatever the input; errors name layer, gate and unit.

Bounds are sums of absolute values, so they hold for every partial sum in every order of summation.
"""

from __future__ import annotations

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import FEATURE_SHIFT, Int64Array
from fsdd_lightning.arithmetic.integer_model import GATES, IntegerLayer, IntegerModel, IntegerOutput
from fsdd_lightning.arithmetic.weight_codes import weight_code

LARGEST_SHIFT = 32
LARGEST_FEATURE = 128 << FEATURE_SHIFT  # magnitude of x << 3, x in -128..127
LARGEST_HIDDEN = 128  # magnitude of h
INT32_MAX = 2**31 - 1
INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1
NARROW_ZEROS = 16  # lowest bits of the multiplier of a narrow row, all 0: stored is what is above them


class RangeError(ValueError):
    """A number of this network does not fit its integer type."""


class NarrowRowsError(RangeError):
    """A sound network, which an earlier version made, has a bias or multiplier wider than a device now stores."""


def row_name(layer_index: int, hidden_size: int, row: int) -> str:
    """For instance `layer 1, gate f, unit 5`; layers count from 1, units from 0."""
    return f"layer {layer_index + 1}, gate {GATES[row // hidden_size]}, unit {row % hidden_size}"


def accumulator_bounds(layer: IntegerLayer, largest_input: int) -> Int64Array:
    """(4H,) int64: no partial sum of a row's accumulator exceeds this in magnitude."""
    magnitude = np.abs(layer.weights.astype(np.int64))
    inputs, hidden = magnitude[:, : layer.input_size], magnitude[:, layer.input_size :]
    bounds: Int64Array = (
        inputs.sum(1) * largest_input + hidden.sum(1) * LARGEST_HIDDEN + np.abs(layer.bias.astype(np.int64))
    )
    return bounds


def check_layer(layer: IntegerLayer, index: int) -> None:
    """Accumulator in int32, also shifted left by 32 - shift, so that a device may always take the product's high word.

    (acc * m + 2^(shift-1)) >> shift is ((acc << (32 - shift)) * m + 2^31) >> 32, bit for bit. The product of
    two int32 and its rounding term stay below 2^63.
    """
    if not 1 <= layer.shift <= LARGEST_SHIFT:
        raise RangeError(f"layer {index + 1}: shift {layer.shift} is not in 1..{LARGEST_SHIFT}")
    left = LARGEST_SHIFT - layer.shift
    bounds = accumulator_bounds(layer, LARGEST_HIDDEN if index else LARGEST_FEATURE)
    for row in np.flatnonzero(bounds > INT32_MAX >> left).tolist():
        name = row_name(index, layer.hidden_size, row)
        raise RangeError(
            f"{name}: the accumulator can reach {bounds[row]}, and {left} bits further left, where shift "
            f"{layer.shift} needs it, that is beyond int32 (bias {layer.bias[row]})"
        )
    for row in np.flatnonzero(layer.multiplier < 1).tolist():
        name = row_name(index, layer.hidden_size, row)
        raise RangeError(f"{name}: the multiplier {layer.multiplier[row]} is not positive")


def check_output(output: IntegerOutput) -> None:
    """Logits in int32."""
    magnitude = np.abs(output.weights.astype(np.int64))
    bounds = magnitude.sum(1) * LARGEST_HIDDEN + np.abs(output.bias.astype(np.int64))
    for row in np.flatnonzero(bounds > INT32_MAX).tolist():
        raise RangeError(f"output layer, class {row}: the logit can reach {bounds[row]}, beyond int32")


def check_model(model: IntegerModel) -> None:
    """Raises RangeError unless every intermediate of every layer fits its type for every possible input."""
    for index, layer in enumerate(model.layers):
        check_layer(layer, index)
    check_output(model.output)


def has_storable_rows(model: IntegerModel) -> bool:
    """Whether `require_narrow_rows` passes."""
    try:
        require_narrow_rows(model)
    except NarrowRowsError:
        return False
    return True


def require_narrow_rows(model: IntegerModel) -> None:
    """Raises NarrowRowsError unless a device can store every row as its weight code says.

    That is, for a code of narrow rows, a bias in int16 and a multiplier of m * 2^16, m in 1 ... 2^15 - 1.
    """
    if not weight_code(model.weight_code).narrow_rows:
        return
    for index, layer in enumerate(model.layers):
        is_wide = (layer.bias < INT16_MIN) | (layer.bias > INT16_MAX)
        is_wide |= layer.multiplier != np.clip(layer.multiplier >> NARROW_ZEROS, 1, INT16_MAX) << NARROW_ZEROS
        for row in np.flatnonzero(is_wide).tolist():
            raise NarrowRowsError(
                f"{row_name(index, layer.hidden_size, row)}: bias {layer.bias[row]} and multiplier "
                f"{layer.multiplier[row]} are of an earlier version, and wider than the 16 bits of a row in "
                f"{model.weight_code}: run it again"
            )
