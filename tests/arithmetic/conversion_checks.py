"""Small checks of conversion and ranges, in the style of directed_checks.py."""

from __future__ import annotations

from typing import Any

import example_models
import numpy as np
from code_checks import code_of
from directed_checks import equal, refuses

# --- conversion ---


def check_multipliers(p: Any) -> None:
    multipliers = p.quantize.row_multipliers
    names = ["one", "two"]
    for scales, expected, shift in (
        ([2.0**-6, 2.0**-7], [2**30, 2**29], 32),
        ([(2.0**31 - 1) / 2.0**36, 2.5 / 2.0**36], [2**31 - 1, 3], 32),
        ([(2.0**31 - 0.5) / 2.0**36, 2.0**-7], [2**30, 2**28], 31),
        ([2.0**-5, 2.0**-7], [2**30, 2**28], 31),
        ([2.0**25, 2.0**25], [2**30, 2**30], 1),
    ):
        got, got_shift = multipliers(np.array(scales), names)
        equal(got, expected)
        assert got_shift == shift and got.dtype == np.int32
    refuses(p.ranges.RangeError, "two", multipliers, np.array([1.0, 2.0**26]), names)


def check_multiples(p: Any) -> None:
    """Multipliers of narrow rows: m * 2^16, m rounded half up, at most 2^15 - 1."""
    for scales, expected, shift in (
        ([2.0**-6, 2.0**-7], [2**14, 2**13], 32),
        ([32767.4 / 2.0**20, 2.5 / 2.0**20, 0.4 / 2.0**20], [32767, 3, 0], 32),
        ([32767.5 / 2.0**20, 3 / 2.0**20], [2**14, 2], 31),
        ([2.0**25, 2.0**24], [2**14, 2**13], 1),
    ):
        got, got_shift = p.quantize.row_multipliers(np.array(scales), ["one", "two", "three"], 16)
        equal(got, np.array(expected) * 2**16)
        assert got_shift == shift and got.dtype == np.int32
    refuses(p.ranges.RangeError, "one", p.quantize.row_multipliers, np.array([2.0**26, 1.0]), ["one", "two"], 16)


def check_narrow_rescaling(p: Any) -> None:
    """Room for the bias, then at least 2^-8 of the largest and 2^-14, then the scale of the nearest m."""
    names = ["one", "two", "three", "four"]

    def rescaling(scales: list[float], bias: list[float]) -> Any:
        return p.quantize.narrow_rescaling(np.array(scales), np.array(bias), names)

    made = rescaling([2.0**-6, 2.0**-13, 2.0**-15, 2.0**-16], [0.0, -1.0, 0.0, 0.0])
    equal(made.multiplier, np.array([2**14, round(2**20 / 250), 64, 64]) << 16)
    equal(made.scales, [2.0**-6, round(2**20 / 250) / 2.0**20, 2.0**-14, 2.0**-14])
    assert made.shift == 32
    made = rescaling([0.25, 2.0**-10, 2.0**-16, 0.1], [62.5, 0.0, 0.1, 50.0])
    equal(made.multiplier, np.array([2**14, 64, 64, 13107]) << 16)
    equal(made.scales, [0.25, 2.0**-10, 2.0**-10, 13107 / 2.0**16])
    assert made.shift == 28
    made = rescaling([2.0**-7, 2.0**-15], [0.0, 0.0])
    equal(made.multiplier, np.array([2**13, 64]) << 16)
    wide = p.quantize.wide_rescaling(np.array([0.25, 2.0**-16]), np.array([900.0, 0.0]), names)
    equal(wide.scales, [0.25, 2.0**-16])
    equal(wide.multiplier, [2**30, 2**16])


def check_narrow_layer(p: Any) -> None:
    """Levels and bias are multiples of the moved scale: one unit, gates with weights 1, 1/2, 0 and 0."""
    code = code_of(p, "int4")
    column = np.array([[1.0], [-0.5], [0.0], [0.0]])
    layer = p.quantize.FloatLayer(column, 0 * column, np.array([1.0, 0.0, -3.0, 0.5]), np.zeros(4))
    made = p.quantize.quantize_layer(layer, code, 0)
    scales = made.multiplier / 2.0 ** (4 + made.shift)
    nearest = [round(2**17 / 7), round(2**16 / 7), round(2**17 * 3 / 250), round(2**16 / 250)]
    equal(made.multiplier, np.array(nearest) << 16)
    assert made.shift == 29
    equal(made.weights, [[7, 0], [-7, 0], [0, 0], [0, 0]])
    equal(made.bias, np.floor(np.array([1.0, 0.0, -3.0, 0.5]) / scales * 128 + 0.5))
    wide = p.quantize.quantize_layer(layer, code_of(p, "int8"), 0)
    assert (wide.bias == [127 * 128, 0, -3 * 2**23, 2**22]).all()
    model = p.quantize.FloatModel((layer,), np.ones((2, 1)), np.array([4000.0, 0.0]))
    output = p.quantize.convert(model, code).output
    equal(output.bias, [4000 * 7 * 128, 0])  # not narrow


def check_bias(p: Any) -> None:
    quantize_bias = p.quantize.quantize_bias
    names = ["one", "two"]
    equal(quantize_bias(np.array([2.5 / 128, -2.5 / 128]), np.array([1.0, 1.0]), names), [3, -2])
    equal(quantize_bias(np.array([1.0, -1.0]), np.array([0.5, 2.0]), names), [256, -64])
    largest = 2.0**31 - 1
    equal(quantize_bias(np.array([largest, -largest]) / 128, np.array([1.0, 1.0]), names), [2**31 - 1, -(2**31 - 1)])
    refuses(p.ranges.RangeError, "two", quantize_bias, np.array([0.0, 2.0**24]), np.array([1.0, 1.0]), names)
    refuses(p.ranges.RangeError, "one", quantize_bias, np.array([-(2.0**24), 0.0]), np.array([1.0, 1.0]), names)


def check_conversion(p: Any) -> None:
    """Columns [W_ih | W_hh], biases added, one scale for the output matrix, torch's names."""
    ones = np.ones(4, np.float32)
    lstm = {
        "weight_ih_l0": np.array([[0.5], [1.0], [-2.0], [0.0]], np.float32),
        "weight_hh_l0": np.array([[1.0], [-0.5], [1.0], [0.0]], np.float32),
        "bias_ih_l0": ones,
        "bias_hh_l0": ones / 2,
        "weight_ih_l1": np.ones((4, 1), np.float32),
        "weight_hh_l1": -np.ones((4, 1), np.float32),
        "bias_ih_l1": ones,
        "bias_hh_l1": -ones,
    }
    output = {"weight": np.array([[2.0], [-0.5]], np.float32), "bias": np.array([1.0, 0.0], np.float32)}
    model = p.quantize.convert(p.quantize.float_model(lstm, output), code_of(p, "int8_pot_scale"))
    first, second = model.layers
    equal(first.weights, [[32, 64], [64, -32], [-64, 32], [0, 0]])
    equal(first.bias, [12288, 12288, 6144, 3 * 2**22])
    equal(first.multiplier, [2**29, 2**29, 2**30, 2**19])
    assert first.shift == 31
    equal(first.row_shifts, [2, 2, 1, 12])
    equal(second.weights, [[64, -64]] * 4)
    equal(second.bias, [0] * 4)
    assert second.shift == 32 and (first.input_size, first.hidden_size) == (1, 1)
    equal(model.output.weights, [[64], [-16]])
    equal(model.output.bias, [4096, 0])
    assert model.output.scale == 2.0**-5
    assert (model.weight_code, model.input_size, model.classes) == ("int8_pot_scale", 1, 2)


def check_refused_weights(p: Any) -> None:
    for field, row, name in (("weight_ih", 5, "gate f, unit 1"), ("bias_hh", 14, "gate o, unit 2")):
        model = example_models.random_float_model(p.quantize, 1)
        getattr(model.layers[1], field)[row] = np.nan
        refuses(p.ranges.RangeError, f"layer 2, {name}", p.quantize.convert, model, code_of(p, "int8"))
    model = example_models.random_float_model(p.quantize, 1, classes=7)
    model.output_weight[6, 0] = np.inf
    refuses(p.ranges.RangeError, "output layer, class 6", p.quantize.convert, model, code_of(p, "int8"))
    model = example_models.random_float_model(p.quantize, 1)
    model.layers[0].bias_ih[9] = 1e9
    refuses(p.ranges.RangeError, "layer 1, gate g, unit 1", p.quantize.convert, model, code_of(p, "int8"))


# --- ranges ---


def layer_of(p: Any, bias: int, *, multiplier: int = 1, shift: int = 32, row: int = 3) -> Any:
    """One unit, two inputs; row `row` has levels 100, -27, -127 and this bias: it reaches 127 * 1024 + 127 * 128."""
    weights = np.zeros((4, 3), np.int8)
    weights[row] = [100, -27, -127]
    biases, multipliers = np.zeros(4, np.int32), np.ones(4, np.int32)
    biases[row], multipliers[row] = bias, multiplier
    return p.integer_model.IntegerLayer(weights, biases, multipliers, shift)


def check_accumulator_range(p: Any) -> None:
    check, error = p.ranges.check_layer, p.ranges.RangeError
    for index, reach in ((0, 127 * 1024 + 127 * 128), (1, 127 * 128 + 127 * 128)):
        for shift in (32, 31, 28):
            room = ((2**31 - 1) >> (32 - shift)) - reach
            for sign in (1, -1):
                check(layer_of(p, sign * room, shift=shift), index)
                wrong = layer_of(p, sign * (room + 1), shift=shift)
                refuses(error, f"layer {index + 1}, gate o, unit 0", check, wrong, index)
    refuses(error, "gate o", check, layer_of(p, 0, shift=1), 0)


def check_shift_and_multiplier_range(p: Any) -> None:
    check, error = p.ranges.check_layer, p.ranges.RangeError
    zero = np.zeros((4, 2), np.int8)
    for shift in (1, 32):
        check(p.integer_model.IntegerLayer(zero, np.zeros(4, np.int32), np.ones(4, np.int32), shift), 0)
    for shift in (0, 33):
        wrong = p.integer_model.IntegerLayer(zero, np.zeros(4, np.int32), np.ones(4, np.int32), shift)
        refuses(error, f"layer 1: shift {shift} is not in 1..32", check, wrong, 0)
    refuses(error, "layer 1, gate f, unit 0: the multiplier 0", check, layer_of(p, 0, multiplier=0, row=1), 0)


def check_narrow_range(p: Any) -> None:
    check, error = p.ranges.require_narrow_rows, p.ranges.NarrowRowsError

    def model_of(code: str, bias: int, multiplier: int, row: int = 2) -> Any:
        zero = np.zeros((4, 2), np.int8)
        biases, multipliers = np.zeros(4, np.int32), np.full(4, 2**16, np.int32)
        good = p.integer_model.IntegerLayer(zero, biases.copy(), multipliers.copy(), 32)
        biases[row], multipliers[row] = bias, multiplier
        wide = p.integer_model.IntegerLayer(zero, biases, multipliers, 32)
        output = p.integer_model.IntegerOutput(np.zeros((1, 1), np.int8), np.array([2**30], np.int32), 1.0)
        return p.integer_model.IntegerModel((good, wide), output, code)

    for code in ("int4", "pot", "ternary"):
        for bias, m in ((2**15 - 1, 1), (-(2**15), 2**15 - 1)):
            check(model_of(code, bias, m * 2**16))
            assert p.ranges.has_storable_rows(model_of(code, bias, m * 2**16))
        for bias, multiplier in (
            (2**15, 2**16),
            (-(2**15) - 1, 2**16),
            (0, 2**16 + 1),
            (0, 2**15),
            (0, 0),
            (0, -(2**16)),
        ):
            for row, gate in ((0, "i"), (3, "o")):
                refuses(
                    error, f"layer 2, gate {gate}, unit 0: bias {bias}", check, model_of(code, bias, multiplier, row)
                )
            assert not p.ranges.has_storable_rows(model_of(code, bias, multiplier))
    for code in ("int8", "int8_pot_scale"):
        check(model_of(code, 2**15, 2**15))
        assert p.ranges.has_storable_rows(model_of(code, 2**15, 3))
    assert [code_of(p, name).narrow_rows for name in ("int8", "int8_pot_scale")] == [False, False]


def check_logit_range(p: Any) -> None:
    weights = np.array([[0, 0], [100, -27]], np.int8)
    room = 2**31 - 1 - 127 * 128
    for sign in (1, -1):
        p.ranges.check_output(p.integer_model.IntegerOutput(weights, np.array([0, sign * room], np.int32), 1.0))
        wrong = p.integer_model.IntegerOutput(weights, np.array([0, sign * (room + 1)], np.int32), 1.0)
        refuses(p.ranges.RangeError, "output layer, class 1", p.ranges.check_output, wrong)
        layers = (p.integer_model.IntegerLayer(np.zeros((8, 3), np.int8), *[np.ones(8, np.int32)] * 2, 32),)
        model = p.integer_model.IntegerModel(layers, wrong, "int8")
        refuses(p.ranges.RangeError, "output layer, class 1", p.ranges.check_model, model)


def check_shapes(p: Any) -> None:
    layer, output = p.integer_model.IntegerLayer, p.integer_model.IntegerOutput
    four, weights = np.ones(4, np.int32), np.zeros((4, 2), np.int8)
    good = layer(weights, four, four.copy(), 32)
    assert (good.input_size, good.hidden_size) == (1, 1)
    refuses(ValueError, "(4H, I + H)", layer, np.zeros((5, 3), np.int8), np.ones(5, np.int32), np.ones(5, np.int32), 32)
    refuses(ValueError, "(4H, I + H)", layer, np.zeros((4, 1), np.int8), four, four, 32)
    refuses(ValueError, "(4H, I + H)", layer, np.zeros((0, 3), np.int8), four[:0], four[:0], 32)
    refuses(ValueError, "4 entries", layer, weights, four[:3], four, 32)
    refuses(ValueError, "4 entries", layer, weights, four, four[:3], 32)
    refuses(ValueError, "weights must be int8", layer, weights.astype(np.int16), four, four, 32)
    refuses(ValueError, "bias must be int32", layer, weights, four.astype(np.int64), four, 32)
    refuses(ValueError, "multiplier must be int32", layer, weights, four, four[None], 32)
    refuses(ValueError, "2 entries", output, np.zeros((2, 1), np.int8), four[:1], 1.0)
    refuses(ValueError, "output weights", output, np.zeros(2, np.int8), four[:2], 1.0)
    refuses(ValueError, "output bias", output, np.zeros((2, 1), np.int8), four[:2].astype(np.int8), 1.0)
    one = output(np.zeros((2, 1), np.int8), four[:2], 1.0)
    model = p.integer_model.IntegerModel
    refuses(ValueError, "at least one layer", model, (), one, "int8")
    refuses(ValueError, "layer below", model, (good, layer(np.zeros((4, 3), np.int8), four, four, 32)), one, "int8")
    refuses(ValueError, "layer below", model, (good,), output(np.zeros((2, 2), np.int8), four[:2], 1.0), "int8")
    wide = layer(np.zeros((8, 3), np.int8), np.ones(8, np.int32), np.ones(8, np.int32), 32)
    refuses(ValueError, "same hidden size", model, (good, wide), one, "int8")
    refuses(ValueError, "read-only", good.weights.__setitem__, (0, 0), 1)
    refuses(ValueError, "no power of two", lambda: layer(weights, four, four * 3, 32).row_shifts)
    equal(layer(weights, four, np.array([1, 2, 2**30, 64], np.int32), 28).row_shifts, [28, 27, -2, 22])


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_"))
