"""The bounds are true and tight."""

from __future__ import annotations

import example_models
import numpy as np
import pytest

from fsdd_lightning.arithmetic import quantize, ranges, weight_codes


@pytest.mark.parametrize("index", [0, 1])
def test_a_worst_input_reaches_the_bound(index: int) -> None:
    """An input that agrees in sign with a row's weights comes within one eighth of a step of v (1016 for 1024)."""
    floats = example_models.random_float_model(quantize, 3)
    layer = quantize.convert(floats, weight_codes.weight_code("int8")).layers[index]
    largest_input = 128 if index else 1024
    bounds = ranges.accumulator_bounds(layer, largest_input)
    low = np.full(layer.weights.shape[1], -128)
    low[: layer.input_size] = -128 if index else -1024
    high = np.where(low == -1024, 1016, 127)
    weights, bias = layer.weights.astype(int), layer.bias.astype(int)
    top = np.where(weights > 0, weights * high, weights * low).sum(1) + bias
    bottom = np.where(weights > 0, weights * low, weights * high).sum(1) + bias
    reached = np.maximum(np.abs(top), np.abs(bottom))
    assert (reached <= bounds).all()
    assert (reached >= 0.98 * bounds).all()


def test_row_names_count_layers_from_one_and_units_from_zero() -> None:
    assert ranges.row_name(0, 3, 0) == "layer 1, gate i, unit 0"
    assert ranges.row_name(1, 3, 11) == "layer 2, gate o, unit 2"


@pytest.mark.parametrize("code", sorted(weight_codes.WEIGHT_CODES))
def test_zero_rows_with_ordinary_biases_convert(code: str) -> None:
    model = example_models.random_float_model(quantize, 4)
    for layer in model.layers:
        layer.weight_ih[:] = 0
        layer.weight_hh[:] = 0
    converted = quantize.convert(model, weight_codes.weight_code(code))
    for layer, floats in zip(converted.layers, model.layers, strict=True):
        z = layer.bias.astype(np.int64) * layer.multiplier / 2.0**layer.shift
        np.testing.assert_allclose(z / 2048, floats.bias_ih + floats.bias_hh, atol=1e-4)
