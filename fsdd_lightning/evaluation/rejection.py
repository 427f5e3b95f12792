"""When to answer "none of these": how far the largest logit must lead the second one."""

from __future__ import annotations

import numpy as np

from fsdd_lightning.arithmetic.integer_lstm import network_logits, quantize_features
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.listener import lead
from fsdd_lightning.config.schema import ListenerConfig, WaveformAugmentationConfig
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.waveform_augmentation import endpointed_words

# A device never hears a word as cleanly cut as a recording: the margin is chosen with words in a quiet room.
ROOM = WaveformAugmentationConfig(
    name="room",
    copies=1,
    clean_share=0.0,
    seed=2024,
    speed=0.0,
    tempo=0.0,
    equalizer_db=0.0,
    room_share=0.0,
    snr_db=(20.0, 20.0),
    babble_share=0.0,
    endpointed=True,
    slack_frames=0,
)


def chosen_margin(model: IntegerModel, data: PreparedData, listener: ListenerConfig) -> int:
    """The margin for this network, chosen with the validation clips as the listener hears them, 20 dB above noise."""
    assert data.config.kind == "integer"
    positions = data.split.val
    waveforms = [data.recordings.waveforms[position] for position in positions]
    words = endpointed_words(waveforms, data.config, ROOM, listener.endpointer, positions)
    features_q4 = quantize_features(data.statistics.standardize(words))
    logits = network_logits(model, features_q4, words.lengths)
    return least_margin(logits, data.labels[positions], listener.false_reject_rate)


def least_margin(logits: np.ndarray, labels: np.ndarray, false_reject_rate: float) -> int:
    """The margin below which an answer is rejected: at most that share of the clips recognized right lies below.

    logits (clips, classes) int32 and labels (clips,) of validation clips. 0, where none is right: nothing is rejected.
    """
    right = np.sort(lead(logits)[logits.argmax(axis=1) == labels])
    return int(right[int(false_reject_rate * len(right))]) if len(right) and false_reject_rate > 0 else 0
