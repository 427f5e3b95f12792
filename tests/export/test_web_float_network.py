"""The page's float LSTM against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from web_scripts import needs_node, run_scripts

pytestmark = needs_node

FRAMES, INPUTS, CLASSES = 60, 13, 10
BOUND = 1e-5  # of logits; PyTorch computes in float32, and is off by less than 2e-6 here

STEP_ALL = """
function heard(network, clip) {
  const rows = [];
  for (let at = 0; at < clip.length; at += data.inputs) {
    network.step(clip.subarray(at, at + data.inputs));
    rows.push(...network.logits());
  }
  return Float64Array.from(rows);
}
"""


class Reference(nn.Module):
    """Logits at every frame of one clip."""

    def __init__(self, layers: int, hidden: int, scale: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(INPUTS, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, CLASSES)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.mul_(0.0 if name.startswith("lstm.bias_hh") else scale)  # the page has one bias

    def logits(self, clip: np.ndarray) -> np.ndarray:
        """(frames, inputs) int8 -> (frames, classes)."""
        with torch.no_grad():
            hidden, _ = self.lstm(torch.from_numpy(clip).to(next(self.parameters()).dtype)[None] / 16)
            return self.output(hidden[0]).numpy()


def reference(layers: int, hidden: int, scale: float = 1.0) -> Reference:
    torch.manual_seed(layers)
    return Reference(layers, hidden, scale)


def weights(network: Reference) -> dict[str, Any]:
    state = {name: tensor.numpy().astype(np.float32) for name, tensor in network.state_dict().items()}
    layers = [
        {
            "inputs": state[f"lstm.weight_ih_l{k}"].shape[1],
            "hidden": network.lstm.hidden_size,
            "weightIh": state[f"lstm.weight_ih_l{k}"],
            "weightHh": state[f"lstm.weight_hh_l{k}"],
            "bias": state[f"lstm.bias_ih_l{k}"],
        }
        for k in range(network.lstm.num_layers)
    ]
    return {"layers": layers, "outputWeight": state["output.weight"], "outputBias": state["output.bias"]}


def features(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (FRAMES, INPUTS)).astype(np.int8)


def in_page(network: Reference, clip: np.ndarray, code: str) -> Any:
    data = {"weights": weights(network), "clip": clip, "inputs": INPUTS}
    return run_scripts(["float_network.js"], STEP_ALL + code, data)


def logits_in_page(network: Reference, clip: np.ndarray) -> np.ndarray:
    logits = in_page(network, clip, "answer(heard(new FloatNetwork(data.weights), data.clip))")
    return logits.reshape(len(clip), CLASSES)


@pytest.mark.parametrize("hidden", [1, 24, 128])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_logits_are_those_of_pytorch(layers: int, hidden: int) -> None:
    network, clip = reference(layers, hidden), features()
    expected, logits = network.logits(clip), logits_in_page(network, clip)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=BOUND)
    assert (logits.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_arithmetic_is_double() -> None:
    network, clip = reference(2, 24), features()
    logits = logits_in_page(network, clip)
    np.testing.assert_allclose(logits, network.double().logits(clip), rtol=0, atol=1e-13)


def test_saturated_gates_are_numbers() -> None:
    """Weights of hundreds: exp() overflows, which is a gate that is shut."""
    network = reference(2, 24, scale=1000.0)
    clip = np.where(np.random.default_rng(1).random((FRAMES, INPUTS)) < 0.5, -128, 127).astype(np.int8)
    logits = logits_in_page(network, clip)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits, network.double().logits(clip), rtol=0, atol=1e-6)  # of logits of hundreds


def test_reset_forgets_all() -> None:
    code = """
    const network = new FloatNetwork(data.weights);
    const silent = network.logits();
    const first = heard(network, data.clip);
    network.reset();
    answer({ silent, first, silentAgain: network.logits(), second: heard(network, data.clip) });
    """
    network = reference(3, 24)
    got = in_page(network, features(), code)
    assert (got["first"] == got["second"]).all()
    bias = network.output.bias.detach().numpy()
    assert (got["silent"] == bias).all() and (got["silentAgain"] == bias).all()
    assert not (got["first"][:CLASSES] == got["first"][-CLASSES:]).all()


def test_networks_do_not_share_a_state() -> None:
    code = """
    const [one, other] = [new FloatNetwork(data.weights), new FloatNetwork(data.weights)];
    const before = other.logits();
    heard(one, data.clip);
    answer({ before, after: other.logits() });
    """
    got = in_page(reference(1, 8), features(), code)
    assert (got["before"] == got["after"]).all()
