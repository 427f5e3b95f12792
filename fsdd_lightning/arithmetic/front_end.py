"""The integer front end: int16 samples to int8 features, causal and frame by frame. C has the same functions.

Frames are the last axis of every array but samples and results: a step is one numpy call for many frames. Values
between samples and levels are integers carried in float64, because numpy multiplies and shifts those much faster than
int64: they stay below 2^53 (README.md proves much less), where float64 has every integer and `np.floor` of a product
with a power of two is `>>`.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.fixed_point import (
    FEATURE_BITS,
    Float64Array,
    Int8Array,
    Int16Array,
    Int32Array,
    Int64Array,
    round_half_up,
    rounding_shift_right,
    sat8,
)

Complex128Array = NDArray[np.complex128]

COSINE_BITS = 14  # of the cosine table; 1 is exact
LEVEL_BITS = 8  # levels are octaves of power in steps of 2^-8: 0.0118 dB
LOG_ENTRIES = 128
MULTIPLIER_BITS = 44  # multiplier = 2^44 / std: 32 leave with the high word, 8 with the last shift, 4 are FEATURE_BITS
BIAS_BITS = 12
WINDOWS = (128, 256, 512)  # samples; what the C transform is written for
FRAMES_PER_BLOCK = 256  # spectra of a block stay in the processor's cache
LEAST_BLOCKS_FOR_THREADS = 8
INT32_MAX = 2**31 - 1
AUDIBLE_DEPTH = 8 << LEVEL_BITS  # what lies more than 8 octaves (24 dB) below the quietest level opens no word


class FrontEndError(ValueError):
    """These constants are not those of a front end that can be computed without overflow."""


@dataclass(frozen=True)
class FrontEnd:
    """The constants of a front end. Lengths are in samples, levels in steps of 2^-8 octave of power."""

    sample_rate_hz: int
    window: int  # one of WINDOWS
    hop: int  # 1..window
    bands: int  # of the mel scale, from 0 to half the sample rate
    coefficients: int  # of the cosine transform
    floor_octaves: int  # how far below the loudest band so far a level still counts
    quietest_level: int  # the reference where no sound was louder: at reset and where a word begins
    decay: int  # of the reference, per frame
    deltas: bool  # every coefficient's change since the frame before, as further channels

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise FrontEndError(problem)

    @property
    def channels(self) -> int:
        """Features of a frame."""
        return self.coefficients * (2 if self.deltas else 1)

    @property
    def points(self) -> int:
        """Of the complex transform, and bins of the spectrum."""
        return self.window // 2

    @property
    def window_bits(self) -> int:
        return self.window.bit_length() - 1

    @property
    def depth(self) -> int:
        """Of the range of relative levels."""
        return self.floor_octaves << LEVEL_BITS

    @property
    def least_audible(self) -> int:
        """The level that the endpointer hears where it is quieter."""
        return self.quietest_level - AUDIBLE_DEPTH

    @cached_property
    def tables(self) -> FrontEndTables:
        """The constants that the device stores."""
        return _tables(self.sample_rate_hz, self.window, self.bands)

    def frames(self, samples: int) -> int:
        """How many whole windows fit into so many samples: 0 if not even one."""
        return 0 if samples < self.window else 1 + (samples - self.window) // self.hop

    def samples(self, frames: int) -> int:
        """How many samples so many frames need."""
        return self.window + (frames - 1) * self.hop


def _problem(front_end: FrontEnd) -> str | None:
    """Why the arithmetic could not compute this front end, in one line; None if it can."""
    window, bands = front_end.window, front_end.bands
    if window not in WINDOWS:
        return f"window must be one of {', '.join(map(str, WINDOWS))} samples, not {window}"
    if not 1 <= front_end.hop <= window:
        return f"hop must lie in 1..{window} (the window), not {front_end.hop}: sound between frames would be lost"
    if bands not in (8, 16, 32, 64) or 4 * bands > window:
        return f"bands must be 8, 16, 32 or 64, at most a quarter of the window of {window}, not {bands}"
    if not 1 <= front_end.coefficients <= bands:
        return f"coefficients must lie in 1..{bands} (the bands), not {front_end.coefficients}"
    if not 1 <= front_end.floor_octaves <= 512 // bands:
        return f"floor_octaves must lie in 1..{512 // bands} with {bands} bands, not {front_end.floor_octaves}"
    if not 0 <= front_end.decay <= 2**12:
        return f"decay must lie in 0..{2**12}, not {front_end.decay}"
    if not 0 <= front_end.quietest_level <= 2**14:
        return f"quietest_level must lie in 0..{2**14}, not {front_end.quietest_level}"
    if not 1 <= front_end.sample_rate_hz < 2**20:
        return f"sample_rate_hz must lie in 1..{2**20 - 1}, not {front_end.sample_rate_hz}"
    return None


@dataclass(frozen=True, eq=False)
class FrontEndTables:
    """What a device stores of a front end that does not depend on a network."""

    cosine_q14: Int16Array  # (window,) cos(2 pi k / window)
    rise_q8: NDArray[np.uint8]  # (points,) how far bin k has come from one center of a band to the next
    segment_bins: NDArray[np.uint8]  # (bands + 1,) how many bins lie between two neighboring centers, from bin 0 on
    width_q8: Int16Array  # (bands,) log2 of the width of a band in bins
    log_q8: NDArray[np.uint8]  # (128,) log2(1 + (k + 1/2) / 128)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name to array, little-endian, in storage order."""
        return {
            "front_end_cosine": self.cosine_q14.astype("<i2"),
            "front_end_width": self.width_q8.astype("<i2"),
            "front_end_rise": self.rise_q8,
            "front_end_segment_bins": self.segment_bins,
            "front_end_log": self.log_q8,
        }

    @cached_property
    def mel_bank(self) -> Float64Array:
        """(bands, points): E = mel_bank @ P. A bin rises towards the center above it and falls from the one below."""
        segment = np.repeat(np.arange(len(self.segment_bins)), self.segment_bins)
        band, rise = np.arange(len(self.width_q8))[:, None], self.rise_q8.astype(np.float64)
        bank: Float64Array = np.where(segment == band, rise, np.where(segment == band + 1, 256.0 - rise, 0.0))
        bank[:, 0] = 0.0  # bin 0 does not exist
        return bank

    @cached_property
    def twiddles(self) -> Complex128Array:
        """(points, FRAMES_PER_BLOCK) exp(-2 pi i k / window) as the table has it, the same for every frame."""
        quarter = len(self.cosine_q14) // 4
        cosine = self.cosine_q14.astype(np.float64) / 2**COSINE_BITS
        k = np.arange(len(cosine) // 2)
        # Written out: numpy multiplies by a factor for each row at half the speed.
        return np.repeat((cosine[k] + 1j * cosine[k + quarter])[:, None], FRAMES_PER_BLOCK, axis=1)


@cache
def _tables(sample_rate_hz: int, window: int, bands: int) -> FrontEndTables:
    """Computed in float64. No entry of the tables in use lies near a tie, so every math library makes the same ones."""
    points = window // 2
    p = _mel_points(sample_rate_hz, window, bands)
    k = np.arange(points)
    segment = np.searchsorted(p[1:-1], k, side="right")
    rise = round_half_up(256.0 * (k - p[segment]) / (p[segment + 1] - p[segment]))
    fraction = (np.arange(LOG_ENTRIES) + 0.5) / LOG_ENTRIES
    tables = FrontEndTables(
        cosine_q14=round_half_up(2.0**COSINE_BITS * np.cos(2.0 * np.pi * np.arange(window) / window)).astype(np.int16),
        rise_q8=np.minimum(rise, 255).astype(np.uint8),
        segment_bins=np.bincount(segment).astype(np.uint8),  # the last segment is the widest, never without a bin
        width_q8=round_half_up(256.0 * np.log2(p[2:] - p[:-2])).astype(np.int16),
        log_q8=round_half_up(256.0 * np.log2(1.0 + fraction)).astype(np.uint8),  # the last one is 255.28
    )
    for array in vars(tables).values():
        array.setflags(write=False)
    return tables


def _mel_points(sample_rate_hz: int, window: int, bands: int) -> Float64Array:
    """(bands + 2,) in bins: spaced evenly on Slaney's mel scale from 0 to half the sample rate."""
    spacing = _mel(sample_rate_hz / 2) / (bands + 1)
    bins = np.array([_hertz(i * spacing) * window / sample_rate_hz for i in range(bands + 2)])
    bins[-1] = window // 2  # exactly
    return bins


def _mel(hertz: float) -> float:
    """Slaney's scale (Auditory Toolbox): linear to 1000 Hz, then logarithmic."""
    return 3.0 * hertz / 200.0 if hertz < 1000.0 else 15.0 + 27.0 * math.log(hertz / 1000.0) / math.log(6.4)


def _hertz(mel: float) -> float:
    return 200.0 * mel / 3.0 if mel < 15.0 else 1000.0 * math.exp((mel - 15.0) * math.log(6.4) / 27.0)


# ---- samples to levels


def levels(front_end: FrontEnd, samples: Int16Array) -> Int32Array:
    """(samples,) int16 to (frames, bands), absolute: whole windows only, every `hop` samples."""
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise ValueError(f"samples must be int16 (samples,), not {samples.dtype} {samples.shape}")
    return levels_at(front_end, samples, np.arange(front_end.frames(len(samples))) * front_end.hop)


def levels_at(front_end: FrontEnd, samples: Int16Array, starts: NDArray[Any]) -> Int32Array:
    """The levels (frames, bands) of the windows that begin at `starts` (frames,), of many clips in a row, say."""
    result = np.empty((len(starts), front_end.bands), np.int32)
    if not len(starts):
        return result
    windows = sliding_window_view(samples, front_end.window)

    def compute(first: int) -> None:
        block = slice(first, first + FRAMES_PER_BLOCK)
        result[block] = _levels_of_block(front_end, windows[starts[block]]).T

    blocks = range(0, len(starts), FRAMES_PER_BLOCK)
    if len(blocks) < LEAST_BLOCKS_FOR_THREADS:
        for first in blocks:
            compute(first)
    else:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            list(threads.map(compute, blocks))
    return result


def _levels_of_block(front_end: FrontEnd, frames: Int16Array) -> Int64Array:
    """At most FRAMES_PER_BLOCK frames (frames, window) to (bands, frames)."""
    z, bits = windowed(front_end, frames)
    energies = mel_energies(front_end, power(front_end, transform(front_end, z)))
    offset = (bits << (LEVEL_BITS + 1)) - front_end.tables.width_q8[:, None]
    level: Int64Array = log2_q8(front_end, energies) + offset
    return level


def frame_bits(frames: Int16Array) -> Int64Array:
    """(frames,) how many bits a sample of each frame less the mean may take, beside its sign: 2..16."""
    widest = np.maximum(frames.max(axis=1), ~frames.min(axis=1))  # ~x is -x - 1
    bits: Int64Array = np.frexp(np.maximum(widest, 1).astype(np.float64))[1].astype(np.int64)
    return 1 + bits


def windowed(front_end: FrontEnd, frames: Int16Array) -> tuple[Float64Array, Int64Array]:
    """(frames, window) int16 to z (frames, window) in +-2^15 and bits (frames,).

    z is (x - mean) * hann * 2^(15 - bits), rounded half up: no constant offset is heard.
    """
    bits = frame_bits(frames)
    x = frames.astype(np.float64)
    x -= np.floor(x.sum(axis=1, keepdims=True) * 2.0**-front_end.window_bits + 0.5)
    x *= 2.0**COSINE_BITS - front_end.tables.cosine_q14
    x *= np.ldexp(1.0, -bits)[:, None]
    x += 0.5
    return np.floor(x, out=x), bits


def rotate(values: Complex128Array, twiddles: Complex128Array, out: Complex128Array) -> None:
    """out = values * twiddles, each part rounded down once: the sum of its two products is exact."""
    np.multiply(values, twiddles, out=out)
    parts = out.view(np.float64)
    np.floor(parts, out=parts)


def transform(front_end: FrontEnd, z: Float64Array) -> Complex128Array:
    """z (frames, window) to C (points, frames): the DFT of z[2m] + i z[2m + 1], radix 2, decimation in time.

    No stage is scaled: 16 bits become at most 24, or 25 with a window of 512.
    """
    points, frames = front_end.points, len(z)
    c = _first_stages(z.view(np.complex128))[_bit_reversed(points)]
    turned = np.empty((points // 2, frames), np.complex128)
    for stage in range(2, front_end.window_bits - 1):
        half = 1 << stage
        pairs = c.reshape(points // (2 * half), 2, half, frames)
        low, high = pairs[:, 0], pairs[:, 1]
        rotate(high, front_end.tables.twiddles[:: points // half, :frames], out=turned.reshape(high.shape))
        np.subtract(low, turned.reshape(high.shape), out=high)
        low += turned.reshape(high.shape)
    return c


def _first_stages(c: Complex128Array) -> Complex128Array:
    """c (frames, points) after the stages half = 1 and 2, whose factors are 1 and -i: (points, frames).

    Not reversed yet: the outputs 0, 2, 1, 3 of four points that the reversal puts together are a quarter apart.
    """
    first, third, second, fourth = np.split(c, 4, axis=1)
    even, odd = first + second, first - second
    more, less = third + fourth, (third - fourth) * -1j
    return np.concatenate([even + more, even - more, odd + less, odd - less], axis=1).T


@cache
def _bit_reversed(points: int) -> Int64Array:
    bits = points.bit_length() - 1
    return np.array([int(f"{k:0{bits}b}"[::-1], 2) for k in range(points)])


def power(front_end: FrontEnd, c: Complex128Array) -> Float64Array:
    """C (points, frames) to P (points, frames): |2 X[k]|^2 / 4^(window_bits - 1) of the real spectrum, below 2^32.

    P[0] is 0 and in no band.
    """
    middle, shift = front_end.points // 2, front_end.window_bits - 1
    low, high = slice(1, middle + 1), slice(None, middle - 1, -1)  # bins k and points - k
    mirrored = np.conj(c[high])
    even, odd = c[low] + mirrored, c[low] - mirrored
    rotate(odd, front_end.tables.twiddles[low, : c.shape[1]], out=odd)
    result = np.zeros(c.shape)
    result[high] = _squared(even.real - odd.imag, even.imag + odd.real, shift)
    result[low] = _squared(even.real + odd.imag, even.imag - odd.real, shift)  # bin `middle` once more
    return result


def _squared(re: Float64Array, im: Float64Array, shift: int) -> Float64Array:
    """The square of the magnitude of (re + i im) >> shift; both are overwritten."""
    for part in (re, im):
        part *= 2.0**-shift
        np.floor(part, out=part)
        part *= part
    re += im
    return re


def mel_energies(front_end: FrontEnd, p: Float64Array) -> Float64Array:
    """P (points, frames) to E (bands, frames), in steps of 2^-8 of P, below 2^48."""
    energies: Float64Array = front_end.tables.mel_bank @ p
    return energies


def log2_q8(front_end: FrontEnd, energy: Float64Array) -> Int64Array:
    """log2 of whole numbers in steps of 2^-8, from the highest bit and the 7 bits below it; of 0 as of 1, but 0."""
    mantissa, exponent = np.frexp(energy)  # mantissa in [1/2, 1), or 0
    index = (mantissa * (2.0 * LOG_ENTRIES)).astype(np.int64) - LOG_ENTRIES
    level: Int64Array = ((exponent.astype(np.int64) - 1) << LEVEL_BITS) + front_end.tables.log_q8[np.maximum(index, 0)]
    return np.where(energy == 0.0, 0, level)


# ---- levels to words and features


def audible(front_end: FrontEnd, level: Int32Array) -> Int32Array:
    """(..., frames, bands) as the endpointer hears them: silence of zeros is as quiet as a quiet converter.

    A floor that had sunk to the level of zeros would take the next microphone's own noise for speech.
    """
    return np.maximum(level, np.int32(front_end.least_audible))


def references(front_end: FrontEnd, level: Int32Array) -> Int32Array:
    """(..., frames, bands) to (..., frames): the highest level of a word so far, falling by `decay` per frame."""
    fallen = front_end.decay * np.arange(level.shape[-2], dtype=np.int64)
    highest = np.maximum.accumulate(level.max(axis=-1) + fallen, axis=-1) - fallen
    return np.maximum(highest, front_end.quietest_level).astype(np.int32)


def relative(front_end: FrontEnd, level: Int32Array) -> Int32Array:
    """(..., frames, bands), from a word's first frame on, to levels below the reference, in +-depth/2."""
    half = front_end.depth // 2
    below: Int32Array = level - references(front_end, level)[..., None] + np.int32(half)
    return np.maximum(below, -half)


def cepstrum(front_end: FrontEnd, relative_level: Int32Array) -> Int32Array:
    """(..., frames, bands) to coefficients A (..., frames, coefficients), at most 2^30 in magnitude."""
    return (relative_level.astype(np.float64) @ _cosines(front_end).T).astype(np.int32)


def _cosines(front_end: FrontEnd) -> Float64Array:
    """(coefficients, bands): cos(pi k (2b + 1) / (2 bands)) from the cosine table."""
    k, band = np.arange(front_end.coefficients)[:, None], np.arange(front_end.bands)
    step = front_end.window // (4 * front_end.bands)
    cosines: Float64Array = front_end.tables.cosine_q14[step * k * (2 * band + 1) % front_end.window].astype(np.float64)
    return cosines


def with_deltas(front_end: FrontEnd, coefficients: Int32Array) -> Int64Array:
    """(..., frames, coefficients) of whole words to (..., frames, channels): changes follow, 0 in the first frame."""
    values = coefficients.astype(np.int64)
    if not front_end.deltas:
        return values
    changes = np.diff(values, axis=-2, prepend=values[..., :1, :])
    return np.concatenate([values, changes], axis=-1)


def channels(front_end: FrontEnd, level: Int32Array) -> Int64Array:
    """(..., frames, bands) of whole words to (..., frames, channels): everything up to the standardization."""
    return with_deltas(front_end, cepstrum(front_end, relative(front_end, level)))


@dataclass(frozen=True, eq=False)
class Standardization:
    """How a network wants its channels: sat8((channel * multiplier / 2^32 + bias) / 2^8), each division rounded."""

    multiplier: Int32Array  # (channels,) half_up(2^44 / std)
    bias: Int32Array  # (channels,) half_up(-2^12 * mean / std)

    @classmethod
    def from_statistics(cls, mean: NDArray[Any], std: NDArray[Any]) -> Standardization:
        """mean, std (channels,) of the channels of training frames.

        Raises:
            FrontEndError: a std that is not positive and finite, or numbers beyond what the device can hold.
        """
        mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
        if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
            raise FrontEndError("mean and std of the channels must be finite, and std positive")
        multiplier = round_half_up(2.0**MULTIPLIER_BITS / std)
        bias = round_half_up(-(2.0**BIAS_BITS) * mean / std)
        _check_standardization(multiplier, bias)
        return cls(multiplier.astype(np.int32), bias.astype(np.int32))

    def __post_init__(self) -> None:
        _check_standardization(self.multiplier, self.bias)

    def __call__(self, channel_values: Int64Array) -> Int8Array:
        """(..., channels) to features in steps of 2^-4, int8."""
        return standardized(channel_values, self.multiplier, self.bias)


def _check_standardization(multiplier: NDArray[Any], bias: NDArray[Any]) -> None:
    bad = (multiplier < 1) | (multiplier > INT32_MAX) | (bias <= -(2**30)) | (bias >= 2**30)
    for channel in np.flatnonzero(bad).tolist():
        raise FrontEndError(
            f"channel {channel}: multiplier {multiplier[channel]} must lie in 1..2^31 - 1 and bias {bias[channel]} "
            "within +-2^30: its values hardly change, or lie far from 0"
        )


def standardized(channel_values: Int64Array, multiplier: Int32Array, bias: Int32Array) -> Int8Array:
    """(..., channels) int64, below 2^31 in magnitude, to int8."""
    scaled = rounding_shift_right(channel_values * multiplier.astype(np.int64), 32)
    return sat8(rounding_shift_right(scaled + bias, BIAS_BITS - FEATURE_BITS))


def features(front_end: FrontEnd, standardization: Standardization, samples: Int16Array) -> Int8Array:
    """A clip that stands alone: (samples,) int16 to (frames, channels) int8, in steps of 2^-4."""
    return standardization(channels(front_end, levels(front_end, samples)))
