"""Example networks: of realistic scale, and adversarial ones with ties, saturation and largest values."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np


def random_float_model(
    quantize: ModuleType,
    seed: int,
    *,
    inputs: int = 5,
    hidden: int = 4,
    layers: int = 2,
    classes: int = 3,
    spread: float = 0.4,
    bias_shift: float = 0.0,
) -> Any:
    """A FloatModel with normal weights; `bias_shift` is added to every bias."""
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0.0, spread, shape).astype(np.float32)

    stack = []
    for k in range(layers):
        below = hidden if k else inputs
        biases = normal(4 * hidden) + np.float32(bias_shift), normal(4 * hidden)
        stack.append(quantize.FloatLayer(normal(4 * hidden, below), normal(4 * hidden, hidden), *biases))
    return quantize.FloatModel(tuple(stack), normal(classes, hidden), normal(classes))


INT8_LEVELS = np.arange(-127, 128)


def tie_model(
    integer_model: ModuleType,
    seed: int,
    *,
    inputs: int = 5,
    hidden: int = 4,
    layers: int = 2,
    code: str = "int8",
    levels: Sequence[int] | np.ndarray = INT8_LEVELS,
    steps: int = 16,
) -> Any:
    """z = acc / steps exactly, a power of two: one accumulator in so many lies on a tie."""
    random = np.random.default_rng(seed)
    stack = []
    for k in range(layers):
        columns = (hidden if k else inputs) + hidden
        stack.append(
            integer_model.IntegerLayer(
                random.choice(levels, (4 * hidden, columns)).astype(np.int8),
                random.integers(-4000, 4000, 4 * hidden).astype(np.int32),
                np.full(4 * hidden, 2**29 // steps, np.int32),
                29,
            )
        )
    return integer_model.IntegerModel(tuple(stack), tie_output(integer_model, hidden), code)


def tie_output(integer_model: ModuleType, hidden: int) -> Any:
    """Three classes; the first two always tie."""
    weights = np.ones((3, hidden), np.int8)
    weights[2] = -1
    return integer_model.IntegerOutput(weights, np.zeros(3, np.int32), 1.0)


def largest_model(integer_model: ModuleType, sign: int, *, inputs: int = 5, hidden: int = 4) -> Any:
    """Every level +-127 and the largest multipliers and biases that the ranges allow."""
    rows, columns = 4 * hidden, inputs + hidden
    signs = np.where((np.arange(rows)[:, None] + np.arange(columns)) % 3 == 0, -sign, sign)
    room = 2**31 - 1 - 127 * (inputs * 1024 + hidden * 128)
    bias = np.where(np.arange(rows) % 2 == 0, -sign * room, sign * 1000)
    multiplier = np.full(rows, 2**31 - 1, np.int32)
    layer = integer_model.IntegerLayer((127 * signs).astype(np.int8), bias.astype(np.int32), multiplier, 32)
    output = integer_model.IntegerOutput(
        (127 * signs[:3, :hidden]).astype(np.int8), np.array([2**31 - 1 - 127 * 128 * hidden, -5, 7], np.int32), 1.0
    )
    return integer_model.IntegerModel((layer,), output, "int8")


def largest_narrow_model(
    integer_model: ModuleType, sign: int, code: str, level: int, *, inputs: int = 5, hidden: int = 4
) -> Any:
    """Every level +-`level`, the largest multipliers of narrow rows, and their biases at both ends."""
    rows, columns = 4 * hidden, inputs + hidden
    signs = np.where((np.arange(rows)[:, None] + np.arange(columns)) % 3 == 0, -sign, sign)
    bias = np.array([2**15 - 1, -(2**15), sign * 1000, -sign], np.int32)[np.arange(rows) % 4]
    multiplier = np.full(rows, (2**15 - 1) << 16, np.int32)
    layer = integer_model.IntegerLayer((level * signs).astype(np.int8), bias, multiplier, 30)
    output = integer_model.IntegerOutput(
        (level * signs[:3, :hidden]).astype(np.int8), np.array([9, -5, 7], np.int32), 1.0
    )
    return integer_model.IntegerModel((layer,), output, code)


def narrow_models(p: Any) -> dict[str, Any]:
    """Ties and largest values of every code of narrow rows."""
    models = {}
    for name, code in p.weight_codes.WEIGHT_CODES.items():
        if code.narrow_rows:
            models[f"ties, {name}"] = tie_model(p.integer_model, 24, code=name, levels=code.levels, steps=2)
            models[f"largest, {name}"] = largest_narrow_model(p.integer_model, 1, name, code.largest)
            models[f"largest, negated, {name}"] = largest_narrow_model(p.integer_model, -1, name, code.largest)
    return models


def brim_model(p: Any, code: str, *, inputs: int = 60, hidden: int = 6) -> Any:
    """Accumulators that nearly fill the room of kernels that hold several times a sum, in both directions and in every
    gate: all levels are the largest, biases take what is left."""
    room = {"int8": 2**23, "int8_pot_scale": 2**23, "int4": 2**19, "pot": 2**31, "ternary": 2**17}[code]
    largest = p.weight_codes.WEIGHT_CODES[code].largest
    of_weights = largest * (1024 * inputs + 128 * hidden)
    narrow = code in ("int4", "pot", "ternary")
    left = min(room - 1 - of_weights, 2**15 - 1 if narrow else 2**31 - 1)
    assert left > 0, (code, of_weights)
    rows = np.arange(4 * hidden)
    sign = np.where(rows % 3 == 0, -1, 1)
    weights = np.repeat((largest * sign)[:, None], inputs + hidden, axis=1).astype(np.int8)
    weights[rows % 5 == 4, ::2] *= -1
    multiplier = np.full(4 * hidden, 2**22 if not narrow else 2**26, np.int32)
    layer = p.integer_model.IntegerLayer(weights, (left * sign).astype(np.int32), multiplier, 32)
    output = p.integer_model.IntegerOutput(weights[:3, :hidden].copy(), np.array([3, -3, 0], np.int32), 1.0)
    return p.integer_model.IntegerModel((layer,), output, code)


def all_models(p: Any) -> dict[str, Any]:
    """Name to IntegerModel; `p` holds the modules of the arithmetic package. All read 5 features."""
    models = {}
    for seed, (name, code) in enumerate(p.weight_codes.WEIGHT_CODES.items()):
        models[name] = p.quantize.convert(random_float_model(p.quantize, seed), code)
    int8 = p.weight_codes.WEIGHT_CODES["int8"]
    wild = random_float_model(p.quantize, 20, spread=6.0)
    negative = random_float_model(p.quantize, 21, bias_shift=-1.0)
    models |= {
        "saturating": p.quantize.convert(wild, int8),
        "negative biases": p.quantize.convert(negative, int8),
        "ties": tie_model(p.integer_model, 22),
        "three layers": tie_model(p.integer_model, 23, layers=3),
        "largest": largest_model(p.integer_model, 1),
        "largest, negated": largest_model(p.integer_model, -1),
    }
    return models | narrow_models(p)


def state_words(features_q4: np.ndarray, states: Any) -> np.ndarray:
    """(..., words) int16, in the order of FSDD_STATE_WORDS, after frames (..., F): new hidden, then of every layer
    input and hidden, and cells, each padded to an even number. `states` are of all layers, and have these axes, too."""
    below = features_q4.astype(np.int16) << 3
    words = [_even_words(states[-1].hidden_q7)]
    for state in states:
        words += [_even_words(below, state.hidden_q7), _even_words(state.cell_q11)]
        below = state.hidden_q7
    return np.concatenate(words, axis=-1)


def _even_words(*parts: np.ndarray) -> np.ndarray:
    joined = np.concatenate([part.astype("<i2") for part in parts], axis=-1)
    return np.concatenate([joined, np.zeros_like(joined[..., : joined.shape[-1] % 2])], axis=-1)


def clips(seed: int, count: int, frames: int, inputs: int = 5) -> np.ndarray:
    """(count, frames, inputs) int8: ordinary features, then uniform over int8, then only the two ends, then all of a
    frame at one end."""
    random = np.random.default_rng(seed)
    shape = (count, frames, inputs)
    ordinary = np.clip(np.round(random.normal(0, 16, shape)), -128, 127)
    uniform = random.integers(-128, 128, shape)
    ends = random.choice([-128, 127], shape)
    kind = np.arange(count)[:, None, None] % 4
    return np.choose(kind, [ordinary, uniform, ends, ends[..., :1]]).astype(np.int8)
