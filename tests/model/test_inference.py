"""Logits of many clips at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.inference import float_logits
from fsdd_lightning.model.network import LSTMClassifier


@pytest.fixture(scope="module")
def network() -> LSTMClassifier:
    torch.manual_seed(0)
    return LSTMClassifier(NetworkShape(13, 8, 2, 10), 0.5)


def clips(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.standard_normal((count, 20, 13), dtype=np.float32), random.integers(1, 21, count)


@pytest.mark.parametrize("count", [1, 511, 512, 513, 1030])
def test_no_clip_is_lost_at_the_border_of_batches(network: LSTMClassifier, count: int) -> None:
    features, lengths = clips(count)
    logits = float_logits(network, features, lengths)
    assert (logits.shape, logits.dtype) == ((count, 10), np.float32)
    for clip in {0, min(511, count - 1), min(512, count - 1), count - 1}:
        alone = float_logits(network, features[clip : clip + 1], lengths[clip : clip + 1])[0]
        np.testing.assert_allclose(logits[clip], alone, atol=1e-6)


def test_dropout_is_off_even_for_a_network_in_training(network: LSTMClassifier) -> None:
    features, lengths = clips(4)
    network.train()
    assert np.array_equal(float_logits(network, features, lengths), float_logits(network, features, lengths))


def test_no_clips_give_no_logits(network: LSTMClassifier) -> None:
    assert len(float_logits(network, *clips(0))) == 0
