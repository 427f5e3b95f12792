"""Clips with their expected logits, for the self-test of a firmware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.fixed_point import Int8Array, Int16Array, Int32Array
from fsdd_lightning.arithmetic.front_end import FrontEnd, features
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.data.features import padded

RANDOM_CLIPS = 3
RANDOM_FRAMES = 20


@dataclass(frozen=True, eq=False)
class GoldenVectors:
    """A few clips; frames behind a clip's end are ignored."""

    features_q4: Int8Array  # (B, T, F) step 2^-4
    lengths: NDArray[np.int64]  # (B,) in 1..T
    logits: Int32Array  # (B, classes)
    samples: tuple[Int16Array, ...] | None = None  # that the frames were made of, where the device makes them

    @classmethod
    def of(cls, deployment: Deployment, features_q4: Int8Array, lengths: NDArray[Any]) -> GoldenVectors:
        """The logits are those of the numpy arithmetic; ValueError where features or lengths do not fit the model."""
        logits = network_logits(deployment.model, features_q4, lengths)
        return cls(features_q4, np.asarray(lengths, np.int64), logits)

    @classmethod
    def of_samples(cls, deployment: Deployment, samples: Sequence[Int16Array]) -> GoldenVectors:
        """Of a device that listens: clips (samples,) int16, each at least a window long."""
        listening = deployment.listening
        if listening is None:
            raise ValueError("this deployment gets features, not samples")
        clips = [features(listening.front_end, listening.standardization, clip) for clip in samples]
        lengths = np.array([len(clip) for clip in clips], np.int64)
        features_q4 = padded(clips)
        logits = network_logits(deployment.model, features_q4, lengths)
        return cls(features_q4, lengths, logits, tuple(samples))

    @classmethod
    def random(cls, deployment: Deployment, seed: int = 0) -> GoldenVectors:
        """Noise in place of clips, for a network without any: each clip is longer than the one before."""
        if deployment.listening is not None:
            return cls.of_samples(deployment, random_clips(deployment.listening.front_end, seed))
        rng = np.random.default_rng(seed)
        shape = (RANDOM_CLIPS, RANDOM_FRAMES, deployment.model.input_size)
        features_q4 = np.clip(np.round(rng.normal(0, 16, shape)), -128, 127).astype(np.int8)
        return cls.of(deployment, features_q4, random_lengths())

    @property
    def valid_frames_q4(self) -> Int8Array:
        """(sum of lengths, F): all clips one after another."""
        clips = zip(self.features_q4, self.lengths, strict=True)
        return np.concatenate([clip[:length] for clip, length in clips])


def random_clips(front_end: FrontEnd, seed: int = 0) -> list[Int16Array]:
    """Noise, (samples,) each, in place of clips."""
    rng = np.random.default_rng(seed)
    counts = (front_end.samples(int(frames)) for frames in random_lengths())
    return [rng.integers(-3000, 3000, count).astype(np.int16) for count in counts]


def random_lengths() -> NDArray[np.int64]:
    """(RANDOM_CLIPS,) frames."""
    return np.linspace(1, RANDOM_FRAMES, RANDOM_CLIPS).astype(np.int64)
