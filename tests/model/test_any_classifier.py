"""`quantize` works on any module with one nn.LSTM and one nn.Linear, and names what it does not know."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fsdd_lightning.arithmetic.integer_lstm import network_logits, quantize_features
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.fake_quantization import quantize
from fsdd_lightning.model.network import LSTMClassifier, classifier_parts


class SomebodyElses(nn.Module):
    """Time first, other names, a container in between."""

    def __init__(self, **lstm: object) -> None:
        super().__init__()
        self.body = nn.ModuleDict({"rnn": nn.LSTM(5, 6, num_layers=2, **lstm)})  # type: ignore[arg-type]
        self.head = nn.Sequential(nn.Dropout(0.25), nn.Linear(6, 3))

    def forward(self, frames: Tensor) -> Tensor:
        hidden, _ = self.body["rnn"](frames)
        return self.head(hidden[-1])  # type: ignore[no-any-return]


@pytest.fixture
def clips() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(7, 9, 5), torch.full((7,), 9)


@pytest.mark.parametrize("code", ["int8", "int8_pot_scale", "int4", "pot", "ternary"])
def test_a_foreign_classifier_computes_the_integers_of_its_weights(clips: tuple[Tensor, Tensor], code: str) -> None:
    torch.manual_seed(2)
    view = quantize(SomebodyElses(), code)
    expected = network_logits(view.integer_model(), quantize_features(clips[0].numpy()), clips[1].numpy())
    assert np.array_equal(view.integer_logits(*clips).numpy(), expected)


def test_it_is_our_classifier_with_the_same_weights(clips: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(3)
    foreign, ours = SomebodyElses(), LSTMClassifier(NetworkShape(5, 6, 2, 3))
    parts = classifier_parts(foreign)
    ours.lstm.load_state_dict(parts.lstm.state_dict())
    ours.output.load_state_dict(parts.output.state_dict())
    assert torch.equal(quantize(foreign)(*clips), quantize(ours)(*clips))
    assert parts.dropout.p == 0.25 and classifier_parts(nn.Sequential(nn.LSTM(1, 2), nn.Linear(2, 2))).dropout.p == 0


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Linear(2, 2), "exactly one nn.LSTM, but it has 0"),
        (nn.Sequential(nn.LSTM(1, 2), nn.LSTM(2, 2), nn.Linear(2, 2)), "exactly one nn.LSTM, but it has 2"),
        (nn.Sequential(nn.LSTM(1, 2)), "exactly one nn.Linear, but it has 0"),
        (SomebodyElses(bidirectional=True), "bidirectional"),
        (SomebodyElses(proj_size=3), "proj_size"),
        (SomebodyElses(bias=False), "bias=False"),
        (nn.Sequential(nn.LSTM(1, 2), nn.Linear(3, 2)), "read the 2 hidden units, not 3 values"),
        (nn.Sequential(nn.LSTM(1, 2), nn.Linear(2, 2, bias=False)), "must have a bias"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_integer_arithmetic_is_named(network: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quantize(network)


def test_an_unknown_code_and_weights_that_are_no_numbers_are_named() -> None:
    network = SomebodyElses()
    with pytest.raises(ValueError, match="unknown weight code 'int3'"):
        quantize(network, "int3")
    with torch.no_grad():
        network.head[1].weight[0, 0] = torch.nan  # type: ignore[index,union-attr]
    with pytest.raises(ValueError, match="not a number"):
        quantize(network)
