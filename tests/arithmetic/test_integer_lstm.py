"""Shapes, batches and the exactness of the float64 product; every number is checked in directed_checks.py."""

from __future__ import annotations

import example_models
import numpy as np
import pytest
import scalar_reference
from example_deployment import PACKAGE
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdd_lightning.arithmetic import integer_lstm, quantize, weight_codes

MODELS = example_models.all_models(PACKAGE)
CODES = sorted(weight_codes.WEIGHT_CODES)


@pytest.mark.parametrize("name", MODELS)
def test_adversarial_networks_reach_ties_and_saturation(name: str) -> None:
    """They equal the scalar reference in directed_checks.py; here: saturation, ties and both signs do occur."""
    runs = [scalar_reference.run(MODELS[name], clip.tolist()) for clip in example_models.clips(7, 9, 6)]
    z = np.array([run.z for run in runs])
    if name in ("saturating", "largest", "largest, negated"):
        assert (z == 32767).any() and (z == -32768).any()
    assert (z > 0).any() and (z < 0).any()
    assert len({tuple(run.logits) for run in runs}) > 1
    if name == "ties":
        assert all(run.logits[0] == run.logits[1] for run in runs)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    inputs=st.integers(1, 7),
    hidden=st.integers(1, 6),
    layers=st.integers(1, 3),
    classes=st.integers(1, 4),
    frames=st.integers(1, 5),
    code=st.sampled_from(CODES),
    seed=st.integers(0, 1000),
)
def test_any_shape_equals_the_scalar_reference(
    inputs: int, hidden: int, layers: int, classes: int, frames: int, code: str, seed: int
) -> None:
    floats = example_models.random_float_model(
        quantize, seed, inputs=inputs, hidden=hidden, layers=layers, classes=classes, spread=1.0
    )
    model = quantize.convert(floats, weight_codes.weight_code(code))
    clip = example_models.clips(seed, 3, frames, inputs)[seed % 3]
    expected = scalar_reference.run(model, clip.tolist())
    for trace, c, h in zip(integer_lstm.network_trace(model, clip), expected.c, expected.h, strict=True):
        assert trace.cell_q11.tolist() == c
        assert trace.hidden_q7.tolist() == h
    assert integer_lstm.network_logits(model, clip, frames).tolist() == expected.logits


def test_frames_after_the_last_valid_one_do_not_matter() -> None:
    features = example_models.clips(3, 4, 6)
    lengths = np.array([1, 3, 6, 2])
    other = features.copy()
    for clip, length in zip(other, lengths, strict=True):
        clip[length:] = -128
    assert (other != features).any()
    for model in MODELS.values():
        logits = integer_lstm.network_logits(model, features, lengths)
        np.testing.assert_array_equal(integer_lstm.network_logits(model, other, lengths), logits)


def test_any_batch_shape() -> None:
    features = example_models.clips(4, 6, 5)
    lengths = np.array([5, 4, 3, 2, 1, 5])
    model = MODELS["int4"]
    flat = integer_lstm.network_logits(model, features, lengths)
    assert flat.dtype == np.int32 and flat.shape == (6, 3)
    grid = integer_lstm.network_logits(model, features.reshape(2, 3, 5, 5), lengths.reshape(2, 3))
    np.testing.assert_array_equal(grid.reshape(6, 3), flat)
    assert integer_lstm.network_logits(model, features[:0], lengths[:0]).shape == (0, 3)


def test_product_in_float64_equals_the_plain_integer_product() -> None:
    """Also at the largest sums that the ranges allow."""
    random = np.random.default_rng(0)
    weights = random.choice([-127, 127], (8, 16000)).astype(np.int8)
    vector = random.choice([-1024, 1016], (3, 16000)).astype(np.int16)
    vector[0] = np.where(weights[0] > 0, 1016, -1024)  # all terms of row 0 have one sign: 2.07e9
    bias = random.integers(-(2**31), 2**31, 8).astype(np.int32)
    plain = vector.astype(np.int64) @ weights.T.astype(np.int64) + bias
    np.testing.assert_array_equal(integer_lstm.accumulate(weights, vector, bias), plain)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(shift=st.integers(1, 32), multiplier=st.integers(1, 2**31 - 1), fraction=st.floats(-1, 1))
def test_a_device_may_take_the_high_word(shift: int, multiplier: int, fraction: float) -> None:
    """The identity in ranges.check_layer, for every accumulator that it allows."""
    accumulator = int(fraction * ((2**31 - 1) >> (32 - shift)))
    high_word = ((accumulator << (32 - shift)) * multiplier + 2**31) >> 32
    assert high_word == scalar_reference.rshift(accumulator * multiplier, shift)


def test_power_of_two_scales_rescale_by_a_pure_shift() -> None:
    model = MODELS["int8_pot_scale"]
    random = np.random.default_rng(1)
    for layer in model.layers:
        vector = random.integers(-128, 128, layer.weights.shape[1]).astype(np.int16)
        for row, shift in enumerate(layer.row_shifts):
            accumulator = int(layer.weights[row].astype(int) @ vector) + int(layer.bias[row])
            expected = scalar_reference.saturated(scalar_reference.rshift(accumulator, int(shift)), -32768, 32767)
            gate, unit = divmod(row, layer.hidden_size)
            assert integer_lstm.lstm_gate(layer, gate, vector)[unit] == expected
