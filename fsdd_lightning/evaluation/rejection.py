"""When to answer "none of these": how far the largest logit must lead the second one."""

from __future__ import annotations

import weakref

import numpy as np

from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.arithmetic.fixed_point import Int8Array
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


class RoomWords:
    """The validation clips as a listener hears them in that room, kept for the next network of the same data.

    To make them takes most of what choosing a margin takes, and the trials of a grid mostly share their data.
    """

    def __init__(self) -> None:
        self._made_of: tuple[weakref.ref[PreparedData], Endpointer] | None = None
        self._heard: tuple[Int8Array, np.ndarray] | None = None

    def heard(self, data: PreparedData, endpointer: Endpointer) -> tuple[Int8Array, np.ndarray]:
        """Features int8 (clips, frames, channels), and valid frames of each clip."""
        made_of = (weakref.ref(data), endpointer)
        if self._heard is None or self._made_of is None or not _is_same(self._made_of, made_of):
            self._made_of, self._heard = made_of, _room_words(data, endpointer)
        return self._heard


def _is_same(
    before: tuple[weakref.ref[PreparedData], Endpointer], now: tuple[weakref.ref[PreparedData], Endpointer]
) -> bool:
    """The same object, which is never changed: to compare what is in it would take as long."""
    return before[0]() is now[0]() and before[1] == now[1]


def _room_words(data: PreparedData, endpointer: Endpointer) -> tuple[Int8Array, np.ndarray]:
    assert data.config.kind == "integer"
    positions = data.split.val
    waveforms = [data.recordings.waveforms[position] for position in positions]
    words = endpointed_words(waveforms, data.config, ROOM, endpointer, positions)
    return quantize_features(data.statistics.standardize(words)), words.lengths


ROOM_WORDS = RoomWords()


def chosen_margin(model: IntegerModel, data: PreparedData, listener: ListenerConfig) -> int:
    """The margin for this network, chosen with the validation clips as the listener hears them, 20 dB above noise."""
    features_q4, lengths = ROOM_WORDS.heard(data, listener.endpointer)
    logits = network_logits(model, features_q4, lengths)
    return least_margin(logits, data.labels[data.split.val], listener.false_reject_rate)


def least_margin(logits: np.ndarray, labels: np.ndarray, false_reject_rate: float) -> int:
    """The margin below which an answer is rejected: at most that share of the clips recognized right lies below.

    logits (clips, classes) int32 and labels (clips,) of validation clips. 0, where none is right: nothing is rejected.
    """
    right = np.sort(lead(logits)[logits.argmax(axis=1) == labels])
    return int(right[int(false_reject_rate * len(right))]) if len(right) and false_reject_rate > 0 else 0
