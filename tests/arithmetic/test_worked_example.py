"""The example in the specification, number by number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import fsdd_lightning.arithmetic
from fsdd_lightning.arithmetic import integer_lstm, quantize, weight_codes
from fsdd_lightning.arithmetic.activation_tables import sigmoid_q15, tanh_q15

README = Path(fsdd_lightning.arithmetic.__file__).with_name("README.md")


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def example() -> dict[str, list[int]]:
    """The results of the code for the example's network and its two frames."""
    zeros = np.zeros(4)
    layer = quantize.FloatLayer(
        column(0.5, 0.3, 1.0, 0.8), column(0.25, -0.6, 0.5, 0.45), np.array([0.1, 1.0, 0.0, -0.2]), zeros
    )
    floats = quantize.FloatModel((layer,), column(1.0, -0.5), np.array([0.0, 0.3]))
    model = quantize.convert(floats, weight_codes.weight_code("int8"))
    numbers = constants(model)
    states = (integer_lstm.zero_state(model.layers[0]),)
    for step, value in ((1, 1.3), (2, -0.7)):
        frame = integer_lstm.quantize_features(np.array([value], np.float32))
        numbers |= {f"{name}{step}": n for name, n in gates(model, frame, states[0]).items()}
        states = integer_lstm.network_step(model, frame, states)
        numbers[f"c{step}"] = states[0].cell_q11.tolist()
        numbers[f"tanh_c{step}"] = tanh_q15(states[0].cell_q11).tolist()
        numbers[f"h{step}"] = states[0].hidden_q7.tolist()
    logits = integer_lstm.output_logits(model.output, states[0].hidden_q7)
    return numbers | {"logits": logits.tolist(), "class": [int(integer_lstm.classify(logits))]}


def constants(model: integer_lstm.IntegerModel) -> dict[str, list[int]]:
    layer = model.layers[0]
    return {f"weights_{gate}": layer.weights[k].tolist() for k, gate in enumerate("ifgo")} | {
        "bias": layer.bias.tolist(),
        "multiplier": layer.multiplier.tolist(),
        "shift": [layer.shift],
        "output_weights": model.output.weights[:, 0].tolist(),
        "output_bias": model.output.bias.tolist(),
    }


def gates(model: integer_lstm.IntegerModel, frame: np.ndarray, state: integer_lstm.LstmState) -> dict[str, list[int]]:
    layer = model.layers[0]
    v = np.concatenate([frame.astype(np.int16) << 3, state.hidden_q7])
    z = [integer_lstm.lstm_gate(layer, k, v) for k in range(4)]
    return {
        "x": frame.tolist(),
        "v": v.tolist(),
        "acc": integer_lstm.accumulate(layer.weights, v, layer.bias).tolist(),
        "z": [int(value[0]) for value in z],
        "y": [int((tanh_q15 if k == 2 else sigmoid_q15)(value)[0]) for k, value in enumerate(z)],
    }


def test_every_number_of_the_example() -> None:
    text = README.read_text()
    text = text[text.index("## One worked example") :]
    printed = {
        name: [int(n) for n in numbers.split()] for name, numbers in re.findall(r"^    (\w+) = (.+)$", text, re.M)
    }
    assert printed == example()


def test_sums_in_the_prose_of_the_example() -> None:
    """Every `rshift(a * b, n)` and the `= n` beside it."""
    assert 3251 + 127 * 168 == 24587
    assert (24587 * 270549121 + 2**31) >> 32 == 1549
    assert 1549 + 32768 == 134 * 256 + 13
    assert 22255 + ((872 * 13 + 128) >> 8) == 22255 + 44 == 22299
    assert (22299 * 28341, 22953 * 17313) == (631975959, 397385289)
    assert ((631975959 + 2**18) >> 19, (397385289 + 2**22) >> 23) == (1205, 47)
    assert ((20941 * 1205 + 2**14) >> 15, (15147 * -15204 + 2**18) >> 19) == (770, -439)
