"""The examples in the specification, number by number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import worked_front_end
import yaml

import fsdd_lightning.arithmetic
from fsdd_lightning.arithmetic import front_end, integer_lstm, quantize, weight_codes
from fsdd_lightning.arithmetic.activation_tables import sigmoid_q15, tanh_q15
from fsdd_lightning.config.load import config_directory
from fsdd_lightning.config.schema import IntegerFeatureConfig

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


def printed(heading: str) -> dict[str, list[int]]:
    """The numbers of a chapter."""
    text = README.read_text().split(f"\n## {heading}, by hand\n")[1].split("\n## ")[0]
    return {name: [int(n) for n in numbers.split()] for name, numbers in re.findall(r"^    (\w+) = (.+)$", text, re.M)}


def test_every_number_of_the_network() -> None:
    assert printed("One worked example of the network") == example()


def test_every_number_of_the_front_end() -> None:
    assert printed("One worked example of the front end") == worked_front_end.example()


@pytest.mark.parametrize(("group", "name"), [("features", "integer"), ("listener", "default")])
def test_shipped_constants_are_those_of_conf(group: str, name: str) -> None:
    """In the tables of constants, the third column."""
    content = yaml.safe_load((config_directory() / group / f"{name}.yaml").read_text())
    if group == "features":  # whose durations are given in milliseconds
        content |= IntegerFeatureConfig(**content).described()
    rows = re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\| (\d+|no|yes) \|", README.read_text(), re.M)
    shipped = {key: yaml.safe_load(value) for key, value in rows if key in content}
    assert shipped == {key: value for key, value in content.items() if key in shipped}
    assert len(shipped) == {"features": 9, "listener": 10}[group]


def test_the_endpointer_hears_no_level_below_one_that_the_page_names() -> None:
    depths = re.findall(r"quietest_level - (\d+)", README.read_text())
    assert [int(depth) for depth in depths] == [front_end.AUDIBLE_DEPTH] * 2
    assert f"({front_end.AUDIBLE_DEPTH >> 8} octaves of power, {10 * np.log10(2.0**8):.0f} dB)" in README.read_text()


def test_sums_in_the_prose_of_the_example() -> None:
    """Every `rshift(a * b, n)` and the `= n` beside it."""
    assert 3251 + 127 * 168 == 24587
    assert (24587 * 270549121 + 2**31) >> 32 == 1549
    assert 1549 + 32768 == 134 * 256 + 13
    assert 22255 + ((872 * 13 + 128) >> 8) == 22255 + 44 == 22299
    assert (22299 * 28341, 22953 * 17313) == (631975959, 397385289)
    assert ((631975959 + 2**18) >> 19, (397385289 + 2**22) >> 23) == (1205, 47)
    assert ((20941 * 1205 + 2**14) >> 15, (15147 * -15204 + 2**18) >> 19) == (770, -439)


def test_sums_in_the_prose_of_the_front_end() -> None:
    numbers = worked_front_end.example()
    assert (worked_front_end.samples()[:128].sum(), (-4998 + 64) >> 7) == (-4998, -39)
    assert (820 + 39) * (16384 + 6270) == 19459786
    assert (19459786 + 2**13) >> 14 == 1188 == numbers["z1"][0]
    (re1, im1), (re63, im63) = numbers["C1"][:2], numbers["C1"][-2:]
    assert (re1 + re63, im1 - im63, re1 - re63, im1 + im63) == (-12166, -50703, 45440, 23421)
    assert ((45440 * 16364 + 23421 * 804) >> 14, (23421 * 16364 - 45440 * 804) >> 14) == (46533, 21162)
    assert ((-12166 + 21162) >> 6, (-50703 - 46533) >> 6) == (140, -1520)
    assert 140**2 + 1520**2 == 2330000 == numbers["P1"][0]
    assert (numbers["E1"][0] >> 32, numbers["E1"][0] >> 25) == (1, 128 + 18)
    assert 256 * 32 + 50 + 512 * 14 - 783 == 14627 == numbers["L1"][0] == max(numbers["L1"])
    assert (sum(numbers["y1"]), 16384 * -1397) == (-1397, numbers["A1"][0])
    assert ((-22888448 * 1500000 + 2**31) >> 32, (-7994 - 3000 + 128) >> 8) == (-7994, -43)
    assert (max(numbers["L2"]), numbers["R2"]) == (14555, [14627 - 10])
    assert 4259840 + 22888448 == 27148288 == numbers["D2"][0]
    assert 9000 - 2048 == 6952 == worked_front_end.FRONT_END.least_audible < min(numbers["L1"] + numbers["L2"])
    above = [now - then - 100 for now, then in zip(numbers["L2"], numbers["L1"], strict=True)]
    assert [value for value in above if value > 0] == [171, 404, 415, 274, 232, 334]
    assert (171 + 404 + 415 + 274 + 232 + 334, 1830 >> 3) == (1830, 228)
