"""sigmoid and tanh of int16 pre-activations (step 2^-11) as int16 (step 2^-15): 257 entries, linear interpolation.

Both tables hold their function at the 256 left ends of equal intervals and, as entry 257, at the last right
end. sigmoid covers all of int16, [-16, 16), in intervals of 2^8 steps. tanh saturates far earlier: z saturates
to [-8, 8) first, and the intervals have 2^7 steps. The worst errors over all 65,536 inputs are
SIGMOID_WORST_ERROR_Q15 and TANH_WORST_ERROR_Q15.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.fixed_point import (
    ACTIVATION_BITS,
    CELL_BITS,
    Int16Array,
    Int64Array,
    round_half_up,
    rounding_shift_right,
    sat16,
    saturate,
)

TABLE_INTERVALS = 256
TANH_DOMAIN_BITS = 15  # z saturated to [-16384, 16383]
SIGMOID_FRACTION_BITS = 8  # 2^16 steps / 256 intervals
TANH_FRACTION_BITS = 7  # 2^15 steps / 256 intervals

# Proven over all inputs by tests: |table value - 2^15 * function| is at most this many steps of 2^-15. A
# chord of a curve f errs by at most width^2 / 8 * max|f''|: 6.2 steps for sigmoid, 12.4 for tanh; two
# roundings add up to 1.
SIGMOID_WORST_ERROR_Q15 = 7.0
TANH_WORST_ERROR_Q15 = 13.0


def _build_table(function: Callable[[float], float], first: int, fraction_bits: int) -> Int16Array:
    positions = [(first + (k << fraction_bits)) / 2**CELL_BITS for k in range(TABLE_INTERVALS + 1)]
    table = sat16(round_half_up(np.array([function(x) * 2**ACTIVATION_BITS for x in positions])))
    table.setflags(write=False)
    return table


@cache
def sigmoid_table() -> Int16Array:
    """(257,) int16, step 2^-15: sigmoid at -16, -16 + 1/8, ..., 16; the end saturates to 32767."""
    return _build_table(lambda x: 1.0 / (1.0 + math.exp(-x)), -(2**15), SIGMOID_FRACTION_BITS)


@cache
def tanh_table() -> Int16Array:
    """(257,) int16, step 2^-15: tanh at -8, -8 + 1/16, ..., 8; the end saturates to 32767."""
    return _build_table(math.tanh, -(2**14), TANH_FRACTION_BITS)


def interpolate(table: Int16Array, offset: Int64Array, fraction_bits: int) -> Int16Array:
    """The chord through two neighboring entries at `offset` >= 0 steps from the table's start, rounded half up."""
    index = offset >> fraction_bits
    fraction = offset & ((1 << fraction_bits) - 1)
    left: Int64Array = table[index].astype(np.int64)
    right: Int64Array = table[index + 1].astype(np.int64)
    values = left + rounding_shift_right((right - left) * fraction, fraction_bits)
    return values.astype(np.int16)


def sigmoid_q15(z_q11: NDArray[Any]) -> Int16Array:
    """sigmoid of int16 z, any shape; the result lies in 0..32767."""
    return interpolate(sigmoid_table(), z_q11.astype(np.int64) + 2**15, SIGMOID_FRACTION_BITS)


def tanh_q15(z_q11: NDArray[Any]) -> Int16Array:
    """tanh of int16 z (or of a cell), any shape, after saturating z to [-8, 8); the result lies in -32768..32767."""
    clipped = saturate(z_q11.astype(np.int64), TANH_DOMAIN_BITS)
    return interpolate(tanh_table(), clipped + 2**14, TANH_FRACTION_BITS)


def full_table(function: Callable[[NDArray[Any]], Int16Array]) -> Int16Array:
    """(65536,) int16: `function` of every int16 input; the value at z is at index z + 32768."""
    return function(np.arange(-(2**15), 2**15, dtype=np.int64).astype(np.int16))
