"""From samples to words: front end, endpointer, network and rejection as one stream. C has the same in fsdd_listen.c.

A pause costs no network step. A word's first frame zeroes the network and the front end's reference, every further
frame is a step, and the logits are those of the last frame with speech. Where the largest logit leads the second one by
less than `least_margin`, the answer is "none of these".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.endpointer import Endpointer, EndpointerState, endpointer_step, reset_endpointer
from fsdd_lightning.arithmetic.fixed_point import Int8Array, Int16Array, Int32Array, Int64Array
from fsdd_lightning.arithmetic.front_end import FrontEnd, Standardization, audible, channels, levels
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.arithmetic.integer_model import IntegerModel

LARGEST_MARGIN = 2**31 - 1  # of int32, as the device stores it


@dataclass(frozen=True, eq=False)
class Listening:
    """The constants of a listener beside its network's."""

    front_end: FrontEnd
    standardization: Standardization
    endpointer: Endpointer
    least_margin: int  # of the logits, 0..2^31 - 1

    def __post_init__(self) -> None:
        if len(self.standardization.multiplier) != self.front_end.channels:
            raise ValueError(f"{self.front_end.channels} channels need as many multipliers")
        if not 0 <= self.least_margin <= LARGEST_MARGIN:
            raise ValueError(f"least_margin must lie in 0..2^31 - 1, not {self.least_margin}")

    @property
    def channels(self) -> int:
        """Features of a frame."""
        return self.front_end.channels

    def features(self, level: Int32Array) -> Int8Array:
        """(..., frames, bands) of whole words to the network's input (..., frames, channels), in steps of 2^-4."""
        return self.standardization(channels(self.front_end, level))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the device stores: name to array, little-endian, in storage order."""
        return {
            "feature_multiplier": self.standardization.multiplier.astype("<i4"),
            "feature_bias": self.standardization.bias.astype("<i4"),
            **self.front_end.tables.arrays(),
            "endpointer": self.endpointer.array(),
            "least_margin": np.array([self.least_margin], "<i4"),
        }


@dataclass(frozen=True)
class WordEvent:
    """A word begins, or ends with its label. Frames count from the reset."""

    kind: Literal["begins", "ends"]
    frame: int  # that made it known
    first: int  # frame of the word
    frames: int  # of the word so far, up to the last one with speech
    label: int | None = None  # None: it has not ended, or is none of the labels
    margin: int = 0  # of its logits; 0 for what is too long to be a word
    logits: tuple[int, ...] = field(default=(), compare=False)


class WordListener(ABC):
    """Takes samples in pieces of any size. What it answers does not depend on where the pieces begin and end.

    A subclass is the network: how it computes the logits of a word is its own affair.
    """

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.reset()

    @abstractmethod
    def word_logits(self, features_q4: Int8Array) -> NDArray[Any]:
        """(classes,) integers for a word's features (frames, channels)."""

    def reset(self) -> None:
        """Forget all sound."""
        self._samples: Int16Array = np.empty(0, np.int16)
        self._frame = 0
        self._endpoints: EndpointerState = reset_endpointer(self.listening.endpointer, self.listening.front_end.bands)
        self._levels: list[Int32Array] = []  # of the open word's frames

    def push(self, samples: Int16Array) -> list[WordEvent]:
        """What the next samples, (samples,) int16, make known."""
        front_end = self.listening.front_end
        samples = np.concatenate([self._samples, samples])
        level = levels(front_end, samples)  # refuses other types before anything has changed
        self._samples = samples[len(level) * front_end.hop :]
        return [event for frame_level in level for event in self._step(frame_level)]

    def _step(self, level: Int32Array) -> list[WordEvent]:
        self._endpoints, endpoint = endpointer_step(
            self.listening.endpointer, self._endpoints, audible(self.listening.front_end, level)
        )
        frame, self._frame = self._frame, self._frame + 1
        voiced = int(self._endpoints.voiced)
        self._levels = [] if endpoint.opens else self._levels
        if self._endpoints.length or endpoint.ends or endpoint.overlong:
            self._levels.append(level)
        first = frame + 1 - len(self._levels)
        if endpoint.begins:
            return [WordEvent("begins", frame, first, voiced)]
        if endpoint.overlong:
            return [WordEvent("ends", frame, first, voiced)]
        return [self._ended(frame, first, voiced)] if endpoint.ends else []

    def _ended(self, frame: int, first: int, voiced: int) -> WordEvent:
        logits = self.word_logits(self.listening.features(np.stack(self._levels[:voiced])))
        label, margin = decide(logits, self.listening.least_margin)
        return WordEvent("ends", frame, first, voiced, label, margin, tuple(logits.tolist()))


class Listener(WordListener):
    """With the integer network."""

    def __init__(self, model: IntegerModel, listening: Listening) -> None:
        super().__init__(listening)
        self.model = model

    def word_logits(self, features_q4: Int8Array) -> Int32Array:
        """(classes,) int32."""
        return network_logits(self.model, features_q4, len(features_q4))


def decide(logits: NDArray[Any], least_margin: int) -> tuple[int | None, int]:
    """The class of (classes,) logits, the lowest index on ties, and its lead over the second; None: too little lead."""
    margin = int(lead(logits))
    return (int(np.argmax(logits)) if margin >= least_margin else None), margin


def lead(logits: NDArray[Any]) -> Int64Array:
    """How far the largest of (..., classes) integer logits leads the second one, (...); 2^31 - 1 at most, and alone."""
    ascending = np.sort(logits.astype(np.int64), axis=-1)
    if ascending.shape[-1] < 2:
        return np.full(ascending.shape[:-1], LARGEST_MARGIN)
    margin: Int64Array = np.minimum(ascending[..., -1] - ascending[..., -2], LARGEST_MARGIN)
    return margin
