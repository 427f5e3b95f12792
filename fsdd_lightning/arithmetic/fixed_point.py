"""The three operations of the integer arithmetic: round half up, shift right with that rounding, saturate.

A name ending in `_q7` holds integers whose step is 2^-7. Nothing wraps here: products are formed in int64.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Int8Array: TypeAlias = NDArray[np.int8]
Int16Array: TypeAlias = NDArray[np.int16]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
Float64Array: TypeAlias = NDArray[np.float64]
IntOrArray = TypeVar("IntOrArray", int, Int64Array)

# Fraction bits: a tensor with n fraction bits holds multiples of 2^-n.
FEATURE_BITS = 4  # x, int8
HIDDEN_BITS = 7  # h, int8, and the vector [x << 3, h], int16
CELL_BITS = 11  # gate pre-activation z and cell c, int16
ACTIVATION_BITS = 15  # sigmoid and tanh, int16

# Shifts that follow: bits of the factors minus bits of the result.
FEATURE_SHIFT = HIDDEN_BITS - FEATURE_BITS  # 3: x to the step of h
FORGET_SHIFT = ACTIVATION_BITS  # 15: f * c to c
INPUT_SHIFT = 2 * ACTIVATION_BITS - CELL_BITS  # 19: i * g to c
HIDDEN_SHIFT = 2 * ACTIVATION_BITS - HIDDEN_BITS  # 23: o * tanh(c) to h

ROUNDING_LIMIT = 2**62  # far beyond every value of a network


def round_half_up(values: NDArray[Any] | float) -> Int64Array:
    """floor(x + 1/2) of float64 values, exact also where x + 1/2 would itself be rounded; NaN raises ValueError.

    Values beyond +-2^62 are limited to it, so that a later range check sees a huge number and not a wrapped one.
    """
    values = np.asarray(values, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("cannot round: a value is not a number")
    values = np.clip(values, -ROUNDING_LIMIT, ROUNDING_LIMIT)
    below = np.floor(values)
    rounded: Int64Array = (below + (values - below >= 0.5)).astype(np.int64)
    return rounded


def rounding_shift_right(value: IntOrArray, shift: int) -> IntOrArray:
    """value / 2^shift rounded half up: (value + 2^(shift-1)) >> shift; a shift of 0 changes nothing."""
    if shift == 0:
        return value
    return (value + (1 << (shift - 1))) >> shift


def saturate(value: IntOrArray, bits: int) -> IntOrArray:
    """The nearest value that fits a signed integer of `bits` bits."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if isinstance(value, int):
        return min(max(value, low), high)
    return np.clip(value, low, high)


def sat16(value: Int64Array) -> Int16Array:
    return saturate(value, 16).astype(np.int16)


def sat8(value: Int64Array) -> Int8Array:
    return saturate(value, 8).astype(np.int8)


def widening_product(left: NDArray[Any], right: NDArray[Any]) -> Int64Array:
    """The product of two integer arrays, formed in int64."""
    product: Int64Array = left.astype(np.int64) * right.astype(np.int64)
    return product
