"""Weight codes: which integers a weight may be, how a scale is chosen, and how levels lie in memory.

A new code is one class here (see `Ternary`) and one file in conf/quantization. All computation is in float64, in a
fixed order of operations, so that the same weights give the same levels everywhere.

Memory, for all codes: rows one after another, padded with zero bits to whole bytes; within a byte the
first column has the lowest bits.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.fixed_point import Float64Array, Int8Array, round_half_up

UInt8Array = NDArray[np.uint8]

# No scale is smaller, so that the bias of a row of (nearly) zeros still fits int32, up to +-2^8.
# The cost is a row's weights below 2^-17: a few steps of a pre-activation at worst. Narrow rows have more such bounds,
# see quantize.py.
SMALLEST_SCALE = 2.0**-16


@dataclass(frozen=True)
class WeightCode(ABC):
    """A symmetric code. Subclasses set `name`, `bits`, `levels`, `scale_ratios` and override what differs."""

    name: ClassVar[str]
    bits: ClassVar[int]  # in memory; divides 8
    levels: ClassVar[tuple[int, ...]]  # ascending, symmetric about 0
    # Scales tried per row, as multiples of max|w| / largest. The least squared error wins, the first one on
    # ties.
    scale_ratios: ClassVar[tuple[float, ...]]
    # How a device stores the two numbers of a row beside its weights: bias and multiplier as int32 each, or
    narrow_rows: ClassVar[bool] = False  # as int16 each, see quantize.narrow_rescaling
    stores_shifts: ClassVar[bool] = False  # bias as int32, and as int8 the shift that equals the multiplier

    @property
    def largest(self) -> int:
        return self.levels[-1]

    def row_bytes(self, columns: int) -> int:
        """Bytes of one packed row."""
        return -(-columns * self.bits // 8)

    def row_scales(self, weights: NDArray[Any]) -> Float64Array:
        """(rows,) float64: the value of one level step, for every row of (rows, columns) float weights."""
        magnitudes = np.abs(_as_finite_matrix(weights))
        widest = magnitudes.max(axis=1) / self.largest
        candidates = np.maximum(widest * np.array(self.scale_ratios)[:, None], SMALLEST_SCALE)
        # One candidate at a time: all at once would leave the processor's cache (measured 8 times slower).
        errors = [self._squared_error(magnitudes, scales) for scales in candidates]
        best: Float64Array = candidates[np.argmin(errors, axis=0), np.arange(len(magnitudes))]
        return best

    def _squared_error(self, magnitudes: Float64Array, scales: Float64Array) -> Float64Array:
        ratios = magnitudes / scales[:, None]
        ratios -= self.nearest_levels(ratios)
        squared: Float64Array = np.square(ratios, out=ratios).sum(axis=1) * np.square(scales)
        return squared

    def nearest_levels(self, ratios: Float64Array) -> Float64Array:
        """The levels, as float64, of the ratios weight / scale, any shape: half up, saturated at +-largest."""
        return np.clip(round_half_up(ratios).astype(np.float64), -self.largest, self.largest)

    def quantize(self, weights: NDArray[Any], scales: Float64Array) -> Int8Array:
        """(rows, columns) int8 levels of float weights; `scales` (rows,), from `row_scales`."""
        return self.nearest_levels(_as_finite_matrix(weights) / scales[:, None]).astype(np.int8)

    def dequantize(self, levels: Int8Array, scales: Float64Array) -> Float64Array:
        """(rows, columns) float64: levels times scales."""
        weights: Float64Array = levels.astype(np.float64) * scales[:, None]
        return weights

    def patterns(self, levels: Int8Array) -> UInt8Array:
        """The bit patterns of levels, in the lowest `bits` bits: two's complement."""
        return levels.view(np.uint8) & np.uint8((1 << self.bits) - 1)

    def pack(self, levels: Int8Array) -> UInt8Array:
        """(rows, row_bytes) uint8, as the device stores (rows, columns) levels."""
        self.require_levels(levels)
        rows, columns = levels.shape
        per_byte = 8 // self.bits
        padded = np.zeros((rows, self.row_bytes(columns) * per_byte), dtype=np.uint8)
        padded[:, :columns] = self.patterns(np.ascontiguousarray(levels))
        fields = padded.reshape(rows, -1, per_byte) << self._field_shifts()
        packed: UInt8Array = np.bitwise_or.reduce(fields, axis=2)
        return packed

    def unpack(self, packed: UInt8Array, columns: int) -> Int8Array:
        """(rows, columns) int8 levels. Raises ValueError for patterns that `pack` never writes."""
        if packed.ndim != 2 or packed.shape[1] != self.row_bytes(columns):
            needed = self.row_bytes(columns)
            raise ValueError(f"{columns} columns of {self.name} need {needed} bytes a row, not {packed.shape}")
        fields = (packed[:, :, None] >> self._field_shifts()) & np.uint8((1 << self.bits) - 1)
        fields = fields.reshape(packed.shape[0], -1)
        level_of = np.full(1 << self.bits, -128, dtype=np.int8)  # -128 is a level of no code
        all_levels = np.array(self.levels, dtype=np.int8)
        level_of[self.patterns(all_levels)] = all_levels
        levels: Int8Array = level_of[fields[:, :columns]]
        if fields[:, columns:].any() or (levels == -128).any():
            raise ValueError(f"a packed byte holds a pattern that is no {self.name} level")
        return levels

    def require_levels(self, levels: Int8Array) -> None:
        """Raises ValueError unless every entry of an int8 matrix is a level of this code."""
        if levels.dtype != np.int8 or levels.ndim != 2 or not np.isin(levels, self.levels).all():
            raise ValueError(f"the weights must be an int8 matrix of {self.name} levels")

    def _field_shifts(self) -> UInt8Array:
        return np.arange(0, 8, self.bits, dtype=np.uint8)


Code = TypeVar("Code", bound=type[WeightCode])
WEIGHT_CODES: dict[str, WeightCode] = {}


def register(code: Code) -> Code:
    """Class decorator: freezes the code and registers it under its name."""
    WEIGHT_CODES[code.name] = dataclass(frozen=True)(code)()
    return code


def weight_code(name: str) -> WeightCode:
    """The code of this name. Raises ValueError that lists the existing names."""
    if name not in WEIGHT_CODES:
        raise ValueError(f"unknown weight code {name!r}; there are {', '.join(sorted(WEIGHT_CODES))}")
    return WEIGHT_CODES[name]


def _as_finite_matrix(weights: NDArray[Any]) -> Float64Array:
    weights = np.ascontiguousarray(weights, dtype=np.float64)  # the layout decides the order of sums
    if weights.ndim != 2 or weights.size == 0:
        raise ValueError(f"weights must be a matrix (rows, columns), not of shape {weights.shape}")
    if not np.isfinite(weights).all():
        raise ValueError("a weight is infinite or not a number")
    return weights


def _thirty_seconds(first: int, last: int) -> tuple[float, ...]:
    return tuple(k / 32 for k in range(first, last + 1))


@register
class Int8(WeightCode):
    """-127..127; the widest weight of a row becomes +-127."""

    name = "int8"
    bits = 8
    levels = tuple(range(-127, 128))
    scale_ratios = (1.0,)


@register
class Int8PowerOfTwoScale(Int8):
    """int8 whose scale is the smallest power of two that clips nothing: rescaling is a pure shift."""

    name = "int8_pot_scale"
    stores_shifts = True

    def row_scales(self, weights: NDArray[Any]) -> Float64Array:
        mantissa, exponent = np.frexp(super().row_scales(weights))  # mantissa in [1/2, 1)
        scales: Float64Array = np.ldexp(1.0, exponent - (mantissa == 0.5))
        return scales


@register
class Int4(WeightCode):
    """-7..7, two per byte. A few clipped weights often cost less than a coarse step for all: ratios below 1."""

    name = "int4"
    bits = 4
    levels = tuple(range(-7, 8))
    scale_ratios = _thirty_seconds(16, 32)
    narrow_rows = True


@register
class PowerOfTwo(WeightCode):
    """0 and +-1, +-2, ..., +-64, two per byte: bit 3 is the sign, bits 0-2 are 0 for zero, else log2|level| + 1.

    Nearest in value, ties to the larger magnitude. The levels repeat with every factor of two, so that ratios
    over one octave around 1 try everything.
    """

    name = "pot"
    bits = 4
    levels = (*(-(1 << k) for k in range(6, -1, -1)), 0, *(1 << k for k in range(7)))
    scale_ratios = _thirty_seconds(22, 43)
    narrow_rows = True

    def nearest_levels(self, ratios: Float64Array) -> Float64Array:
        mantissa, exponent = np.frexp(np.minimum(np.abs(ratios), self.largest))  # mantissa in [1/2, 1)
        power = np.maximum(exponent - (mantissa < 0.75), 0)  # 3/4 of a power of two lies midway to the one below
        magnitude = np.where(np.abs(ratios) < 0.5, 0.0, np.ldexp(1.0, power))
        return np.where(ratios < 0, -magnitude, magnitude)

    def patterns(self, levels: Int8Array) -> UInt8Array:
        _, exponent = np.frexp(np.abs(levels.astype(np.float64)))  # log2 + 1 of a power of two; 0 for 0
        patterns: UInt8Array = (exponent | (levels < 0) << 3).astype(np.uint8)
        return patterns


@register
class Ternary(WeightCode):
    """-1, 0, 1, four per byte: shows that a new code is one class."""

    name = "ternary"
    bits = 2
    levels = (-1, 0, 1)
    scale_ratios = _thirty_seconds(6, 32)
    narrow_rows = True
