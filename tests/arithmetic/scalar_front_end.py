"""The front end again, from the specification alone: Python ints, one number at a time, no shared code."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

from scalar_reference import rshift, saturated

Complex = tuple[int, int]


class Tables(NamedTuple):
    cosine: list[int]
    segment: list[int]  # of bin k
    rise: list[int]
    width: list[int]
    log: list[int]


def half_up(value: float) -> int:
    return math.floor(value + 0.5)


def mel(hertz: float) -> float:
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def hertz(mels: float) -> float:
    return 200 * mels / 3 if mels < 15 else 1000 * math.exp((mels - 15) * math.log(6.4) / 27)


@cache
def tables(sample_rate_hz: int, window: int, bands: int) -> Tables:
    points = window // 2
    top = mel(sample_rate_hz / 2)
    p = [hertz(top * i / (bands + 1)) * window / sample_rate_hz for i in range(bands + 2)]
    p[0], p[-1] = 0.0, float(points)
    segment = [sum(center <= k for center in p[1:-1]) for k in range(points)]
    rise = [min(255, half_up(256 * (k - p[s]) / (p[s + 1] - p[s]))) for k, s in enumerate(segment)]
    width = [half_up(256 * math.log2(p[b + 2] - p[b])) for b in range(bands)]
    log = [half_up(256 * math.log2(1 + (k + 0.5) / 128)) for k in range(128)]
    cosine = [half_up(2**14 * math.cos(2 * math.pi * k / window)) for k in range(window)]
    return Tables(cosine, segment, rise, width, log)


def tables_of(front_end: Any) -> Tables:
    return tables(front_end.sample_rate_hz, front_end.window, front_end.bands)


# --- a frame: samples to levels ---


def mean_of(x: list[int]) -> int:
    return rshift(sum(x), len(x).bit_length() - 1)


def bits_of(x: list[int]) -> int:
    return 1 + max(1, *(sample if sample >= 0 else -1 - sample for sample in x)).bit_length()


def windowed(front_end: Any, x: list[int]) -> tuple[list[int], int]:
    mean, bits, cosine = mean_of(x), bits_of(x), tables_of(front_end).cosine
    return [rshift((sample - mean) * (16384 - cosine[n]), bits) for n, sample in enumerate(x)], bits


def rotate(front_end: Any, value: Complex, k: int) -> Complex:
    """value * exp(-2 pi i k / window)."""
    cosine = tables_of(front_end).cosine
    (u, v), c, s = value, cosine[k], cosine[k + front_end.window // 4]
    return (u * c - v * s) >> 14, (v * c + u * s) >> 14


def transform(front_end: Any, z: list[int]) -> list[Complex]:
    points = len(z) // 2
    c = [(0, 0)] * points
    bits = points.bit_length() - 1
    for i in range(points):
        c[int(format(i, f"0{bits}b")[::-1], 2)] = (z[2 * i], z[2 * i + 1])
    half = 1
    while half < points:
        for group in range(0, points, 2 * half):
            for r in range(half):
                low, high = group + r, group + r + half
                t = rotate(front_end, c[high], r * points // half)
                (a, b) = c[low]
                c[low], c[high] = (a + t[0], b + t[1]), (a - t[0], b - t[1])
        half *= 2
    return c


def power(front_end: Any, c: list[Complex]) -> list[int]:
    """P; P[0] is never read."""
    points, shift = len(c), front_end.window.bit_length() - 2
    result = [0] * points
    for k in range(1, points // 2 + 1):
        (re_k, im_k), (re_n, im_n) = c[k], c[points - k]
        a, b = re_k + re_n, im_k - im_n
        h, g = rotate(front_end, (re_k - re_n, im_k + im_n), k)
        result[points - k] = ((a - g) >> shift) ** 2 + ((b + h) >> shift) ** 2
        result[k] = ((a + g) >> shift) ** 2 + ((b - h) >> shift) ** 2
    return result


def mel_energies(front_end: Any, p: list[int]) -> list[int]:
    table = tables_of(front_end)
    whole = [0] * (front_end.bands + 1)
    risen = [0] * (front_end.bands + 1)
    for k in range(1, len(p)):
        whole[table.segment[k]] += p[k]
        risen[table.segment[k]] += p[k] * table.rise[k]
    return [risen[b] + 256 * whole[b + 1] - risen[b + 1] for b in range(front_end.bands)]


def log2_q8(front_end: Any, energy: int) -> int:
    if energy == 0:
        return 0
    exponent = energy.bit_length() - 1
    below = (energy << 7 >> exponent) - 128  # the 7 bits below the highest one
    return 256 * exponent + tables_of(front_end).log[below]


def frame_levels(front_end: Any, x: list[int]) -> list[int]:
    """L of one frame of samples, oldest first."""
    z, bits = windowed(front_end, x)
    energies = mel_energies(front_end, power(front_end, transform(front_end, z)))
    width = tables_of(front_end).width
    return [log2_q8(front_end, energies[b]) + 512 * bits - width[b] for b in range(front_end.bands)]


# --- frames: levels to features ---


class Word:
    """What is remembered from frame to frame of a word."""

    def __init__(self, front_end: Any) -> None:
        self.front_end, self.reference = front_end, front_end.quietest_level
        self.before: list[int] | None = None  # A of the frame before

    def relative(self, level: list[int]) -> list[int]:
        half = self.front_end.floor_octaves * 128
        self.reference = max(*level, self.reference - self.front_end.decay, self.front_end.quietest_level)
        return [max(value - self.reference + half, -half) for value in level]

    def channels(self, level: list[int]) -> list[int]:
        """A of one frame, and with deltas its changes."""
        a = cepstrum(self.front_end, self.relative(level))
        before, self.before = self.before or a, a
        changes = [now - then for now, then in zip(a, before, strict=True)]
        return a + changes if self.front_end.deltas else a


def cepstrum(front_end: Any, y: list[int]) -> list[int]:
    window, bands, cosine = front_end.window, front_end.bands, tables_of(front_end).cosine
    step = window // (4 * bands)
    return [
        sum(y[b] * cosine[step * k * (2 * b + 1) % window] for b in range(bands)) for k in range(front_end.coefficients)
    ]


def standardized(value: int, multiplier: int, bias: int) -> int:
    return saturated(rshift(rshift(value * multiplier, 32) + bias, 8), -128, 127)


def features(front_end: Any, multiplier: list[int], bias: list[int], samples: list[int]) -> list[list[int]]:
    """Of a clip that stands alone, sample by sample."""
    word, kept, result = Word(front_end), [], []
    for sample in samples:
        kept.append(sample)
        if len(kept) == front_end.window:
            values = word.channels(frame_levels(front_end, kept))
            result.append([standardized(*row) for row in zip(values, multiplier, bias, strict=True)])
            kept = kept[front_end.hop :]
    return result
