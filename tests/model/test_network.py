"""The float network: read at the last valid frame, equal when streamed, as large as the memory bill states."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier, last_valid

STREAMING_BOUND = 1e-5  # float32 sums of at most 148 products below 1, in another order


def network(layers: int = 2, hidden_size: int = 12, dropout: float = 0.0, features: int = 13) -> LSTMClassifier:
    torch.manual_seed(0)
    return LSTMClassifier(NetworkShape(features, hidden_size, layers, 10), dropout).eval()


def clips(count: int = 5, frames: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(count, frames, 13, generator=generator)
    lengths = torch.randint(1, frames + 1, (count,), generator=generator)
    lengths[0], lengths[-1] = 1, frames
    return features, lengths


@pytest.mark.parametrize("filling", [0.0, 1e3, float("inf"), float("nan")])
def test_frames_after_a_clips_end_do_not_matter(filling: float) -> None:
    features, lengths = clips()
    ended = torch.arange(features.shape[1]) >= lengths[:, None]
    padded = features.masked_fill(ended[:, :, None], filling)
    assert torch.equal(network()(features, lengths), network()(padded, lengths))


def test_the_last_valid_frame_itself_matters() -> None:
    features, lengths = clips()
    changed = features.clone()
    changed[torch.arange(len(lengths)), lengths - 1] += 1.0
    assert (network()(features, lengths) != network()(changed, lengths)).any(dim=1).all()


def test_last_valid_takes_frame_length_minus_one() -> None:
    hidden = torch.arange(24.0).reshape(2, 4, 3)
    assert last_valid(hidden, torch.tensor([1, 4])).tolist() == [[0.0, 1.0, 2.0], [21.0, 22.0, 23.0]]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_frame_by_frame_is_the_whole_clip(layers: int) -> None:
    model = network(layers, hidden_size=24)
    features, lengths = clips(frames=36)
    whole = model(features, lengths)
    for clip, length in enumerate(lengths):
        state = None
        for frame in range(int(length)):
            hidden, state = model.lstm(features[clip : clip + 1, frame : frame + 1], state)
        streamed = model.output(hidden[:, -1])[0]
        assert (streamed - whole[clip]).abs().max() < STREAMING_BOUND


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 20))
def test_the_memory_bill_counts_all_parameters(layers: int, hidden_size: int, features: int) -> None:
    counted = sum(p.numel() for p in network(layers, hidden_size, features=features).parameters())
    assert counted == NetworkShape(features, hidden_size, layers, 10).parameters


@pytest.mark.parametrize(("hidden_size", "parameters"), [(24, 8_794), (128, 206_602)])
def test_the_parameter_counts_of_the_notebook(hidden_size: int, parameters: int) -> None:
    assert sum(p.numel() for p in network(2, hidden_size).parameters()) == parameters


def test_dropout_acts_in_training_only_and_before_the_output_too() -> None:
    features, lengths = clips()
    for layers in (1, 2):
        model = network(layers, dropout=0.5)
        assert torch.equal(model(features, lengths), model(features, lengths))
        model.train()
        assert not torch.equal(model(features, lengths), model(features, lengths))


@pytest.mark.filterwarnings("error")
def test_one_layer_with_dropout_gives_no_warning() -> None:
    network(layers=1, dropout=0.3)
