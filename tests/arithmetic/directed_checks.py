"""Small checks of every constant of the arithmetic, as functions of the package: run on it, and on its mutants.

`p` holds the modules of the package by name. A check raises any exception if something is wrong.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import example_models
import numpy as np
import scalar_reference


def equal(actual: Any, expected: Any) -> None:
    np.testing.assert_array_equal(actual, expected)


def refuses(error: type[Exception], text: str, call: Any, *arguments: Any) -> None:
    try:
        call(*arguments)
    except error as raised:
        assert text in str(raised), str(raised)
        return
    raise AssertionError(f"{call} accepted {arguments}")


# --- fixed point ---


def check_round_half_up(p: Any) -> None:
    just_below = math.nextafter(0.5, 0)
    values = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, just_below, -just_below, -0.51, 0.51, 7.0, 2.25, 2.75, 1e300, -1e300]
    expected = [-2, -1, 0, 1, 2, 3, 0, 0, -1, 1, 7, 2, 3, 2**62, -(2**62)]
    equal(p.fixed_point.round_half_up(np.array(values)), expected)
    refuses(ValueError, "not a number", p.fixed_point.round_half_up, np.array([1.0, np.nan]))


def check_rounding_shift(p: Any) -> None:
    shift = p.fixed_point.rounding_shift_right
    for value, bits, expected in [(3, 1, 2), (-3, 1, -1), (1, 2, 0), (2, 2, 1), (-2, 2, 0), (-3, 2, -1), (5, 0, 5)]:
        assert shift(value, bits) == expected
        equal(shift(np.array([value], np.int64), bits), [expected])


def check_saturate(p: Any) -> None:
    for bits in (8, 15, 16):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        values, expected = [low - 1, low, -1, 0, high, high + 1], [low, low, -1, 0, high, high]
        equal(p.fixed_point.saturate(np.array(values, np.int64), bits), expected)
        assert [p.fixed_point.saturate(value, bits) for value in values] == expected
    wide = np.array([-40000, -32769, -200, -129, 128, 200, 32768, 40000])
    equal(p.fixed_point.sat16(wide), [-32768, -32768, -200, -129, 128, 200, 32767, 32767])
    equal(p.fixed_point.sat8(wide), [-128, -128, -128, -128, 127, 127, 127, 127])


def check_formats(p: Any) -> None:
    fp = p.fixed_point
    assert (fp.FEATURE_BITS, fp.HIDDEN_BITS, fp.CELL_BITS, fp.ACTIVATION_BITS) == (4, 7, 11, 15)
    assert (fp.FEATURE_SHIFT, fp.FORGET_SHIFT, fp.INPUT_SHIFT, fp.HIDDEN_SHIFT) == (3, 15, 19, 23)


# --- activation tables ---


@cache
def expected_activations() -> tuple[np.ndarray, np.ndarray]:
    inputs = range(-32768, 32768)
    return np.array([scalar_reference.sigmoid(z) for z in inputs]), np.array([scalar_reference.tanh(z) for z in inputs])


def check_activations(p: Any) -> None:
    tables = p.activation_tables
    sigmoid, tanh = expected_activations()
    equal(tables.sigmoid_table(), scalar_reference.SIGMOID)
    equal(tables.tanh_table(), scalar_reference.TANH)
    equal(tables.full_table(tables.sigmoid_q15), sigmoid)
    equal(tables.full_table(tables.tanh_q15), tanh)
    for z in (-32768, -16385, -16384, 16383, 16384, 32767):  # the ends of the tables and of tanh's domain
        equal(tables.tanh_q15(np.array(z, np.int16)), tanh[z + 32768])
        equal(tables.sigmoid_q15(np.array(z, np.int16)), sigmoid[z + 32768])


def check_stated_errors(p: Any) -> None:
    """The stated bounds hold, and exceed the worst error by at most half a step."""
    z = np.arange(-32768, 32768) / 2048
    sigmoid, tanh = expected_activations()
    worst_sigmoid = np.abs(sigmoid - 32768 / (1 + np.exp(-z))).max()
    worst_tanh = np.abs(tanh - 32768 * np.tanh(z)).max()
    assert 0 <= p.activation_tables.SIGMOID_WORST_ERROR_Q15 - worst_sigmoid < 0.5
    assert 0 <= p.activation_tables.TANH_WORST_ERROR_Q15 - worst_tanh < 0.5


# --- the LSTM ---


def gate_layer(p: Any, z: tuple[int, int, int, int]) -> Any:
    """One unit, one input, whose pre-activations are these constants."""
    return p.integer_model.IntegerLayer(
        np.zeros((4, 2), np.int8), np.array(z, np.int32), np.full(4, 2**30, np.int32), 30
    )


def one_step(p: Any, z: tuple[int, int, int, int], cell: int) -> tuple[int, int]:
    state = p.integer_lstm.LstmState(np.array([cell], np.int16), np.zeros(1, np.int8))
    after = p.integer_lstm.lstm_step(gate_layer(p, z), np.zeros(1, np.int16), state)
    return int(after.cell_q11[0]), int(after.hidden_q7[0])


def check_gate_ties_and_saturation(p: Any) -> None:
    biases = [3, -3, 1, -1, 65533, 65534, 65535, 65536, -65536, -65537, -65538, 400000]
    expected = [2, -1, 1, 0, 32767, 32767, 32767, 32767, -32768, -32768, -32768, 32767]
    for bias, z in zip(biases, expected, strict=True):
        layer = p.integer_model.IntegerLayer(
            np.zeros((4, 2), np.int8), np.full(4, bias, np.int32), np.full(4, 2**20, np.int32), 21
        )
        for gate in range(4):
            equal(p.integer_lstm.lstm_gate(layer, gate, np.zeros(2, np.int16)), [z])


def check_cell_ties(p: Any) -> None:
    """z = 0 makes f and i one half; tanh is 16 steps at z = 1, so i * g is half a step of c."""
    assert one_step(p, (0, 0, 0, 0), 3)[0] == 2  # 1.5
    assert one_step(p, (0, 0, 0, 0), -3)[0] == -1  # -1.5
    assert one_step(p, (0, 0, 1, 0), 0)[0] == 1  # 0.5
    assert one_step(p, (0, 0, -1, 0), 0)[0] == 0  # -0.5
    assert one_step(p, (0, 0, 1, 0), 1)[0] == 2  # 0.5 + 0.5, rounded before they are added
    assert one_step(p, (0, 0, -1, 0), -1)[0] == 0


def check_cell_saturation(p: Any) -> None:
    top = 32767
    assert one_step(p, (top, top, top, 0), 32767)[0] == 32767
    assert one_step(p, (top, top, -32768, 0), -32768)[0] == -32768
    assert one_step(p, (top, top, top, 0), 30718)[0] == 30717 + 2048
    assert one_step(p, (top, top, -32768, 0), -30720)[0] == -30719 - 2048


def check_hidden_ties_and_saturation(p: Any) -> None:
    """With f at 32767 a small cell stays; tanh of 16 steps is 256, so half of it is half a step of h."""
    assert one_step(p, (0, 32767, 0, 0), 16) == (16, 1)  # 0.5
    assert one_step(p, (0, 32767, 0, 0), -16) == (-16, 0)  # -0.5
    assert one_step(p, (0, 32767, 0, 0), 49) == (49, 2)
    assert one_step(p, (0, 32767, 0, 32767), 32767)[1] == 127  # 127.99 rounds to 128 and saturates
    assert one_step(p, (0, 32767, 0, 32767), -32768)[1] == -128


def check_feature_quantization(p: Any) -> None:
    values = [1 / 32, -1 / 32, 3 / 32, -3 / 32, 0.0, 7.9375, 7.96875, 8.0, 100.0, -8.0, -8.03125, -8.1, -np.inf, np.inf]
    expected = [1, 0, 2, -1, 0, 127, 127, 127, 127, -128, -128, -128, -128, 127]
    equal(p.integer_lstm.quantize_features(np.array(values, np.float32)), expected)
    refuses(ValueError, "not a number", p.integer_lstm.quantize_features, np.array([np.nan]))
    standardized = p.integer_lstm.standardize_features(
        np.array([[5.0, 1.0]]), np.array([1.0, 2.0]), np.array([2.0, 4.0])
    )
    equal(standardized, np.array([[2.0, -0.25]], np.float32))


def check_argmax_tie(p: Any) -> None:
    logits = np.array([[1, 5, 5], [7, 7, 7], [-3, -2, -1]], np.int32)
    equal(p.integer_lstm.classify(logits), [1, 0, 2])
    assert p.integer_lstm.classify(logits[0]) == 1


def check_against_scalar_reference(p: Any) -> None:
    """Every z, c, h and logit of every example network."""
    features = example_models.clips(1, 6, 4)
    for name, model in example_models.all_models(p).items():
        for clip in features:
            expected = scalar_reference.run(model, clip.tolist())
            traces = p.integer_lstm.network_trace(model, clip)
            for k, trace in enumerate(traces):
                np.testing.assert_array_equal(trace.cell_q11, expected.c[k], err_msg=name)
                np.testing.assert_array_equal(trace.hidden_q7, expected.h[k], err_msg=name)
            equal(p.integer_lstm.network_logits(model, clip, len(clip)), expected.logits)


def check_streaming_and_lengths(p: Any) -> None:
    model = example_models.tie_model(p.integer_model, 5, layers=3)
    features = example_models.clips(2, 3, 5)
    lengths = np.array([1, 5, 3])
    batch = p.integer_lstm.network_logits(model, features, lengths)
    for clip, length, logits in zip(features, lengths, batch, strict=True):
        states = tuple(p.integer_lstm.zero_state(layer) for layer in model.layers)
        for frame in clip[:length]:
            states = p.integer_lstm.network_step(model, frame, states)
        equal(p.integer_lstm.output_logits(model.output, states[-1].hidden_q7), logits)
        equal(p.integer_lstm.network_logits(model, clip[:length], length), logits)
    for wrong in (np.array([0, 1, 1]), np.array([1, 6, 1])):
        refuses(ValueError, "1..5", p.integer_lstm.network_logits, model, features, wrong)
    refuses(ValueError, "as many lengths", p.integer_lstm.network_logits, model, features, np.array([1, 1]))
    refuses(ValueError, "int8 (..., 5)", p.integer_lstm.network_logits, model, features[..., :4], lengths)
    refuses(ValueError, "int8 (..., 5)", p.integer_lstm.network_logits, model, features.astype(np.int16), lengths)


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_"))
