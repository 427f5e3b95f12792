"""Models and clips that together notice every constant of the C runtime: random ones, and ones that live on ties."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import example_models
import numpy as np
from example_deployment import PACKAGE

from fsdd_lightning.arithmetic import integer_model, quantize, weight_codes
from fsdd_lightning.arithmetic.integer_lstm import (
    LstmState,
    classify,
    network_logits,
    network_step,
    output_logits,
    zero_state,
)
from fsdd_lightning.arithmetic.integer_model import IntegerLayer, IntegerModel, IntegerOutput

# inputs, hidden units, layers: one unit, a state that ends one word behind its vector, rows that end within a byte or a
# word; for hosts with vectors of 8, 16 and 32 numbers: as many columns, one more, one less, several vectors, and units
# that are left over; more columns than any of these takes.
SHAPES = (
    *((1, 1, 1), (7, 1, 1), (3, 5, 3), (7, 8, 1), (8, 8, 1)),
    *((9, 8, 1), (3, 16, 2), (13, 24, 2), (40, 2, 1), (3, 40, 2), (6, 35, 2), (990, 2, 1)),
)
# Pre-activations and cells at which tables end, saturations begin, and products are ties.
EDGES = (0, 1, -1, 3, -3, 16, -16, 49, 255, 256, -256, 16382, 16383, 16384, -16384, -16385, 30718, 32767, -32768)


@dataclass(frozen=True)
class Clip:
    """One clip for one model; `start` None: from zero."""

    features_q4: np.ndarray  # (T, F)
    start: tuple[LstmState, ...] | None


def random_model(code: str, shape: tuple[int, int, int], spread: float = 0.4) -> IntegerModel:
    inputs, hidden, layers = shape
    sizes = {"inputs": inputs, "hidden": hidden, "layers": layers, "classes": 4}
    floats = example_models.random_float_model(quantize, sum(shape), spread=spread, **sizes)
    return quantize.convert(floats, weight_codes.weight_code(code))


def constant_gates() -> IntegerModel:
    """Every unit has its own pre-activations, whatever it reads: EDGES in many combinations, f often nearly 1."""
    random = np.random.default_rng(5)
    z = random.choice(EDGES, (4, 100))
    z[1, ::3] = 32767
    z[3, ::2] = 0
    z[:, 0], z[:, 1] = (0, 0, 1, 0), (0, 0, -1, 0)  # i * g is half a step of c, up and down
    return zero_weights(z.reshape(-1), 2**30, 30)


def gate_ties() -> IntegerModel:
    """z = acc / 2, on ties and about its saturation."""
    acc = np.array([3, -3, 1, -1, 65533, 65534, 65535, 65536, -65536, -65537, -65538, 400000], np.int32)
    return zero_weights(np.tile(acc, 4), 2**20, 21)


def zero_weights(bias: np.ndarray, multiplier: int, shift: int, code: str = "int8") -> IntegerModel:
    rows = len(bias)
    layer = IntegerLayer(
        np.zeros((rows, 1 + rows // 4), np.int8), bias.astype(np.int32), np.full(rows, multiplier, np.int32), shift
    )
    return IntegerModel((layer,), example_models.tie_output(integer_model, rows // 4), code)


def row_shifts(shift: int) -> IntegerModel:
    """int8_pot_scale: every right shift that a layer of this shift can have, also those to the left."""
    random = np.random.default_rng(shift)
    largest = (2**31 - 1) >> (32 - shift)
    powers = np.tile(np.repeat(2 ** np.arange(31), 2), 4)  # the same for the gates of a unit
    ties = (2 ** (shift - 1) // powers) * random.choice([-3, -1, 1, 3], len(powers))
    others = random.choice([1, -1, 2, 3, 100, -1000, 2**20, -(2**20), 2**31 - 1, -(2**31) + 1], len(powers))
    bias = np.where(np.arange(len(powers)) % 2, ties, others)
    bias[powers == 2**shift] = random.choice([20000, -20000], np.count_nonzero(powers == 2**shift))  # z as it is
    bias = np.clip(bias, -largest, largest)
    model = zero_weights(bias, 1, shift, "int8_pot_scale")
    layer = IntegerLayer(model.layers[0].weights, model.layers[0].bias, powers.astype(np.int32), shift)
    return IntegerModel((layer,), model.output, model.weight_code)


def wide_levels(code: str) -> IntegerModel:
    """Every level of a code in every place of a word and of a tail, heard alone in a gate's z."""
    levels = np.array(weight_codes.weight_code(code).levels, np.int8)
    hidden, inputs = 16, 21
    random = np.random.default_rng(6)
    weights = random.choice(levels, (4 * hidden, inputs + hidden))
    layer = IntegerLayer(weights, np.arange(4 * hidden, dtype=np.int32), np.full(4 * hidden, 2**28, np.int32), 29)
    output = IntegerOutput(random.choice(levels, (3, hidden)), np.array([5, -5, 0], np.int32), 1.0)
    return IntegerModel((layer,), output, code)


@cache
def all_models() -> dict[str, IntegerModel]:
    models = example_models.all_models(PACKAGE)
    models["never"] = zero_weights(np.zeros(8, np.int32), 3, 1)  # shift 1 is proven only where all is zero
    for code in weight_codes.WEIGHT_CODES:
        models |= {f"{code}, {shape}": random_model(code, shape) for shape in SHAPES}
        models[f"{code}, levels"] = wide_levels(code)
        models[f"{code}, wild"] = random_model(code, (3, 5, 3), spread=6.0)
    models |= {"constant gates": constant_gates(), "gate ties": gate_ties()}
    return models | {f"row shifts, {shift}": row_shifts(shift) for shift in (32, 31, 30, 20, 9)}


def clips_of(model: IntegerModel, seed: int) -> list[Clip]:
    """From zero: ordinary, uniform and extreme features; from random and extreme states: a frame or two."""
    random = np.random.default_rng(seed)
    frames = 3 if model.layers[0].hidden_size > 50 else 12
    clips = [Clip(clip, None) for clip in example_models.clips(seed, 3, frames, model.input_size)]
    for features in example_models.clips(seed + 1, 3, 2, model.input_size):
        states = [_random_state(random, layer.hidden_size) for layer in model.layers]
        clips.append(Clip(features, tuple(states)))
    return clips


def _random_state(random: np.random.Generator, hidden_size: int) -> LstmState:
    edges, uniform = random.choice(EDGES, hidden_size), random.integers(-32768, 32768, hidden_size)
    cell_q11 = np.where(random.random(hidden_size) < 0.7, edges, uniform).astype(np.int16)
    return LstmState(cell_q11, random.choice([-128, 127, 0, 1, -1, 77], hidden_size).astype(np.int8))


def clip_record(index: int, clip: Clip) -> bytes:
    """What the C program reads; what a start state has before its first step is 99, and must not matter."""
    head = np.array([index, len(clip.features_q4), clip.start is not None], "<i4").tobytes()
    start = b""
    if clip.start is not None:
        words = example_models.state_words(np.zeros(clip.features_q4.shape[1], np.int8), clip.start)
        hidden = len(clip.start[0].cell_q11)
        inputs = hidden + hidden % 2  # behind the next hidden values, which are padded
        words[:hidden] = words[inputs : inputs + clip.features_q4.shape[1]] = 99
        start = words.tobytes()
    return head + start + clip.features_q4.tobytes()


def expected_output(model: IntegerModel, clip: Clip) -> bytes:
    """What the C program must write, by numpy."""
    states = clip.start or tuple(zero_state(layer) for layer in model.layers)
    parts = []
    for frame in clip.features_q4:
        states = network_step(model, frame, states)
        parts.append(example_models.state_words(frame, states).tobytes())
    logits = output_logits(model.output, states[-1].hidden_q7)
    decision = logits.astype("<i4").tobytes() + np.array(classify(logits), "<i4").tobytes()
    if clip.start is None:
        np.testing.assert_array_equal(logits, network_logits(model, clip.features_q4, len(clip.features_q4)))
        decision *= 2
    return b"".join([*parts, decision])
