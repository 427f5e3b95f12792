"""The integer LSTM again, from the specification alone: Python ints, one number at a time, no shared code."""

from __future__ import annotations

import math
from typing import Any, NamedTuple


class ScalarRun(NamedTuple):
    z: list[Any]  # [layer][step][4H]
    c: list[Any]  # [layer][step][H]
    h: list[Any]  # [layer][step][H]
    logits: list[int]


def rshift(value: int, bits: int) -> int:
    return (value + 2 ** (bits - 1)) // 2**bits  # // rounds down, for negative values too


def saturated(value: int, low: int, high: int) -> int:
    return low if value < low else high if value > high else value


SIGMOID = [min(32767, math.floor(16384 * (1 + math.tanh((k / 8 - 16) / 2)) + 0.5)) for k in range(257)]
TANH = [min(32767, math.floor(32768 * math.tanh(k / 16 - 8) + 0.5)) for k in range(257)]


def sigmoid(z: int) -> int:
    index, fraction = divmod(z + 32768, 256)
    return SIGMOID[index] + rshift((SIGMOID[index + 1] - SIGMOID[index]) * fraction, 8)


def tanh(z: int) -> int:
    index, fraction = divmod(saturated(z, -16384, 16383) + 16384, 128)
    return TANH[index] + rshift((TANH[index + 1] - TANH[index]) * fraction, 7)


def step(layer: Any, v: list[int], c: list[int]) -> tuple[list[int], list[int], list[int]]:
    """The pre-activations (4H), the next cells and the next hidden values of one layer."""
    z = []
    for row, bias, multiplier in zip(
        layer.weights.tolist(), layer.bias.tolist(), layer.multiplier.tolist(), strict=True
    ):
        accumulator = bias + sum(weight * value for weight, value in zip(row, v, strict=True))
        assert -(2**31) <= accumulator < 2**31
        z.append(saturated(rshift(accumulator * multiplier, layer.shift), -32768, 32767))
    units = len(c)
    next_c, next_h = [], []
    for k in range(units):
        i, f, g, o = sigmoid(z[k]), sigmoid(z[units + k]), tanh(z[2 * units + k]), sigmoid(z[3 * units + k])
        next_c.append(saturated(rshift(f * c[k], 15) + rshift(i * g, 19), -32768, 32767))
        next_h.append(saturated(rshift(o * tanh(next_c[k]), 23), -128, 127))
    return z, next_c, next_h


def run(model: Any, frames: list[list[int]]) -> ScalarRun:
    """One clip: `frames` [T][F] of x in steps of 2^-4; logits after the last frame."""
    result = ScalarRun([[] for _ in model.layers], [[] for _ in model.layers], [[] for _ in model.layers], [])
    c = [[0] * (len(layer.bias) // 4) for layer in model.layers]
    h = [list(cells) for cells in c]
    for frame in frames:
        below = [8 * x for x in frame]
        for k, layer in enumerate(model.layers):
            z, c[k], h[k] = step(layer, below + h[k], c[k])
            result.z[k].append(z)
            result.c[k].append(c[k])
            result.h[k].append(h[k])
            below = h[k]
    for row, bias in zip(model.output.weights.tolist(), model.output.bias.tolist(), strict=True):
        result.logits.append(bias + sum(weight * value for weight, value in zip(row, h[-1], strict=True)))
    return result
