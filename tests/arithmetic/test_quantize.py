"""The integer network approximates the float one; every constant is checked in conversion_checks.py."""

from __future__ import annotations

import example_models
import numpy as np
import pytest

from fsdd_lightning.arithmetic import integer_lstm, quantize, weight_codes


def float_logits(model: quantize.FloatModel, features: np.ndarray) -> np.ndarray:
    """A plain float LSTM, as torch computes it; features (T, F)."""
    inputs = features
    for layer in model.layers:
        c = h = np.zeros(layer.weight_hh.shape[1])
        outputs = []
        for x in inputs:
            z = layer.weight_ih @ x + layer.weight_hh @ h + layer.bias_ih + layer.bias_hh
            i, f, g, o = np.split(z, 4)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
            outputs.append(h)
        inputs = np.array(outputs)
    return model.output_weight @ inputs[-1] + model.output_bias


@pytest.mark.parametrize(("code", "tolerance"), [("int8", 0.03), ("int8_pot_scale", 0.03), ("int4", 0.2)])
def test_integer_logits_approach_the_float_logits(code: str, tolerance: float) -> None:
    """Eight bits of h and x leave less than half of this; a wrong gate order, scale or bias is far off."""
    floats = example_models.random_float_model(quantize, 8, inputs=13, hidden=24, classes=10, spread=0.3)
    model = quantize.convert(floats, weight_codes.weight_code(code))
    features = np.random.default_rng(1).normal(0, 1, (20, 13))
    integers = integer_lstm.network_logits(model, integer_lstm.quantize_features(features), 20)
    error = integers * model.output.scale / 128 - float_logits(floats, features)
    assert np.abs(error).max() < tolerance


def test_conversion_does_not_change_the_float_weights() -> None:
    model = example_models.random_float_model(quantize, 9)
    before = model.layers[0].weight_ih.copy()
    quantize.convert(model, weight_codes.weight_code("pot"))
    np.testing.assert_array_equal(model.layers[0].weight_ih, before)
    model.layers[0].weight_ih[0, 0] = 1.0  # still writable


def test_float32_and_float64_of_the_same_values_agree() -> None:
    narrow = example_models.random_float_model(quantize, 10)
    wide = quantize.FloatModel(
        tuple(quantize.FloatLayer(*(a.astype(np.float64) for a in vars(layer).values())) for layer in narrow.layers),
        narrow.output_weight.astype(np.float64),
        narrow.output_bias.astype(np.float64),
    )
    for code in weight_codes.WEIGHT_CODES.values():
        one, other = quantize.convert(narrow, code), quantize.convert(wide, code)
        for a, b in zip(one.layers, other.layers, strict=True):
            for key in ("weights", "bias", "multiplier", "shift"):
                np.testing.assert_array_equal(getattr(a, key), getattr(b, key))
