"""Parameters and MACs against PyTorch's own modules and the formulas of the design."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import any_shape
from torch import nn

from fsdd_lightning.memory.shape import NetworkShape


def digits(hidden_size: int, layers: int) -> NetworkShape:
    return NetworkShape(inputs=13, hidden_size=hidden_size, layers=layers, classes=10)


def torch_modules(shape: NetworkShape) -> tuple[nn.LSTM, nn.Linear]:
    with torch.device("meta"):  # counts need no values
        lstm = nn.LSTM(shape.inputs, shape.hidden_size, shape.layers)
        return lstm, nn.Linear(shape.hidden_size, shape.classes)


@pytest.mark.parametrize(("hidden_size", "parameters"), [(128, 206_602), (24, 8_794)])
def test_parameters_of_the_known_networks(hidden_size: int, parameters: int) -> None:
    assert digits(hidden_size, layers=2).parameters == parameters


@given(st.integers(1, 1000))
def test_parameters_follow_the_closed_forms(h: int) -> None:
    assert digits(h, layers=2).parameters == 12 * h**2 + 78 * h + 10
    assert digits(h, layers=1).parameters == 4 * h**2 + 70 * h + 10


@settings(max_examples=50, deadline=None)
@given(any_shape(hidden_size=40))
def test_parameters_equal_torchs(shape: NetworkShape) -> None:
    lstm, linear = torch_modules(shape)
    assert shape.output_parameters == sum(p.numel() for p in linear.parameters())
    assert shape.parameters - shape.output_parameters == sum(p.numel() for p in lstm.parameters())
    for layer in range(shape.layers):
        own = (p.numel() for name, p in lstm.named_parameters() if name.endswith(f"_l{layer}"))
        assert shape.layer_parameters(layer) == sum(own)


@settings(max_examples=50, deadline=None)
@given(any_shape(hidden_size=40), st.integers(1, 60))
def test_macs_are_one_per_weight_and_frame_and_the_output_once(shape: NetworkShape, frames: int) -> None:
    lstm, linear = torch_modules(shape)
    recurrent = sum(p.numel() for name, p in lstm.named_parameters() if name.startswith("weight"))
    assert shape.macs_per_clip(frames) == frames * recurrent + linear.weight.numel()


def test_macs_counted_by_hand() -> None:
    assert digits(24, layers=2).macs_per_clip(36) == 36 * (96 * 37 + 96 * 48) + 240 == 294_000
