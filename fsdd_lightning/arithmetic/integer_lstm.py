"""The integer LSTM. The same functions, in the same order, exist in torch (training) and in C (the device).

Leading axes, written ..., are any batch shape, also none. A clip is read frame by frame, without look-ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.activation_tables import sigmoid_q15, tanh_q15
from fsdd_lightning.arithmetic.fixed_point import (
    FEATURE_BITS,
    FEATURE_SHIFT,
    FORGET_SHIFT,
    HIDDEN_SHIFT,
    INPUT_SHIFT,
    Int8Array,
    Int16Array,
    Int32Array,
    Int64Array,
    round_half_up,
    rounding_shift_right,
    sat8,
    sat16,
    widening_product,
)
from fsdd_lightning.arithmetic.integer_model import IntegerLayer, IntegerModel, IntegerOutput


@dataclass(frozen=True, eq=False)
class LstmState:
    """The state of one layer; for a whole sequence, with a time axis before the last axis."""

    cell_q11: Int16Array  # (..., H) or (..., T, H)
    hidden_q7: Int8Array  # (..., H) or (..., T, H)


def standardize_features(mfcc: NDArray[Any], mean: NDArray[Any], std: NDArray[Any]) -> NDArray[np.float32]:
    """(m - mean) / std in float32: the last float operations before the integer arithmetic. mean, std: (F,)."""
    mfcc, mean, std = (np.asarray(a, dtype=np.float32) for a in (mfcc, mean, std))
    standardized: NDArray[np.float32] = (mfcc - mean) / std
    return standardized


def quantize_features(standardized: NDArray[Any]) -> Int8Array:
    """x, step 2^-4, any shape: rounded half up, saturated to [-8, 8); NaN raises ValueError."""
    return sat8(round_half_up(np.asarray(standardized, dtype=np.float64) * 2**FEATURE_BITS))


def accumulate(weights: Int8Array, vector: NDArray[Any], bias: Int32Array) -> Int64Array:
    """weights (R, C) @ vector (..., C) + bias (R,) -> (..., R), exactly.

    In float64 because BLAS has no integers: every partial sum is an integer below 2^31 (ranges.py proves it),
    far below 2^53, so no order of summation rounds anything.
    """
    products: Int64Array = (vector.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)
    return products + bias


def lstm_gate(layer: IntegerLayer, gate: int, vector_q7: Int16Array) -> Int16Array:
    """Pre-activation z (..., H), step 2^-11, of one gate (0..3: i, f, g, o); vector_q7 (..., I + H) is
    [input, hidden].
    """
    rows = slice(gate * layer.hidden_size, (gate + 1) * layer.hidden_size)
    accumulator = accumulate(layer.weights[rows], vector_q7, layer.bias[rows])
    return sat16(rounding_shift_right(widening_product(accumulator, layer.multiplier[rows]), layer.shift))


def lstm_step(layer: IntegerLayer, input_q7: Int16Array, state: LstmState) -> LstmState:
    """One frame through one layer; input_q7 (..., I), step 2^-7."""
    vector_q7 = np.concatenate([input_q7, state.hidden_q7.astype(np.int16)], axis=-1)
    i_q15 = sigmoid_q15(lstm_gate(layer, 0, vector_q7))
    f_q15 = sigmoid_q15(lstm_gate(layer, 1, vector_q7))
    g_q15 = tanh_q15(lstm_gate(layer, 2, vector_q7))
    o_q15 = sigmoid_q15(lstm_gate(layer, 3, vector_q7))
    kept = rounding_shift_right(widening_product(f_q15, state.cell_q11), FORGET_SHIFT)
    added = rounding_shift_right(widening_product(i_q15, g_q15), INPUT_SHIFT)
    cell_q11 = sat16(kept + added)
    hidden_q7 = sat8(rounding_shift_right(widening_product(o_q15, tanh_q15(cell_q11)), HIDDEN_SHIFT))
    return LstmState(cell_q11, hidden_q7)


def lstm_sequence(layer: IntegerLayer, inputs_q7: Int16Array) -> LstmState:
    """One layer over inputs (..., T, I) from a zero state: every cell and every hidden state, (..., T, H)."""
    shape = (*inputs_q7.shape[:-1], layer.hidden_size)
    trace = LstmState(np.zeros(shape, np.int16), np.zeros(shape, np.int8))
    state = zero_state(layer, inputs_q7.shape[:-2])
    for t in range(inputs_q7.shape[-2]):
        state = lstm_step(layer, inputs_q7[..., t, :], state)
        trace.cell_q11[..., t, :] = state.cell_q11
        trace.hidden_q7[..., t, :] = state.hidden_q7
    return trace


def output_logits(output: IntegerOutput, hidden_q7: Int8Array) -> Int32Array:
    """(..., classes) int32 from the top layer's hidden state (..., H)."""
    return accumulate(output.weights, hidden_q7, output.bias).astype(np.int32)


def classify(logits: Int32Array) -> NDArray[np.intp]:
    """The class of each (..., classes): the largest logit, the lowest index on ties."""
    return np.asarray(np.argmax(logits, axis=-1))


def zero_state(layer: IntegerLayer, batch_shape: tuple[int, ...] = ()) -> LstmState:
    shape = (*batch_shape, layer.hidden_size)
    return LstmState(np.zeros(shape, np.int16), np.zeros(shape, np.int8))


def network_step(model: IntegerModel, frame_q4: Int8Array, states: tuple[LstmState, ...]) -> tuple[LstmState, ...]:
    """Streaming: one frame (..., F) through all layers. Start from the `zero_state` of every layer."""
    below_q7 = _features_q7(model, frame_q4)
    stepped = []
    for layer, state in zip(model.layers, states, strict=True):
        stepped.append(lstm_step(layer, below_q7, state))
        below_q7 = stepped[-1].hidden_q7.astype(np.int16)
    return tuple(stepped)


def network_trace(model: IntegerModel, features_q4: Int8Array) -> tuple[LstmState, ...]:
    """Every c and h of every layer, (..., T, H), for features (..., T, F). Frames after a clip's end are
    meaningless.
    """
    below_q7 = _features_q7(model, features_q4)
    traces = []
    for layer in model.layers:
        traces.append(lstm_sequence(layer, below_q7))
        below_q7 = traces[-1].hidden_q7.astype(np.int16)
    return tuple(traces)


def network_logits(model: IntegerModel, features_q4: Int8Array, lengths: NDArray[Any] | int) -> Int32Array:
    """(..., classes) int32 for features (..., T, F): read at each clip's last valid frame; lengths (...) in 1..T."""
    lengths = np.asarray(lengths)
    if lengths.shape != features_q4.shape[:-2]:
        raise ValueError(f"{features_q4.shape[:-2]} clips need as many lengths, not {lengths.shape}")
    if lengths.size and not 1 <= lengths.min() <= lengths.max() <= features_q4.shape[-2]:
        raise ValueError(f"lengths must lie in 1..{features_q4.shape[-2]}, not {lengths.min()}..{lengths.max()}")
    hidden_q7 = network_trace(model, features_q4)[-1].hidden_q7
    last_q7 = np.take_along_axis(hidden_q7, (lengths - 1)[..., None, None], axis=-2)[..., 0, :]
    return output_logits(model.output, last_q7)


def _features_q7(model: IntegerModel, features_q4: Int8Array) -> Int16Array:
    if features_q4.dtype != np.int8 or features_q4.shape[-1] != model.input_size:
        raise ValueError(
            f"features must be int8 (..., {model.input_size}), not {features_q4.dtype} {features_q4.shape}"
        )
    return features_q4.astype(np.int16) << np.int16(FEATURE_SHIFT)
