"""Clips with their expected logits, for the self-test of a firmware."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.fixed_point import Int8Array, Int32Array
from fsdd_lightning.arithmetic.integer_lstm import network_logits

RANDOM_CLIPS = 3
RANDOM_FRAMES = 20


@dataclass(frozen=True, eq=False)
class GoldenVectors:
    """A few clips; frames behind a clip's end are ignored."""

    features_q4: Int8Array  # (B, T, F) step 2^-4
    lengths: NDArray[np.int64]  # (B,) in 1..T
    logits: Int32Array  # (B, classes)

    @classmethod
    def of(cls, deployment: Deployment, features_q4: Int8Array, lengths: NDArray[Any]) -> GoldenVectors:
        """The logits are those of the numpy arithmetic; ValueError where features or lengths do not fit the model."""
        logits = network_logits(deployment.model, features_q4, lengths)
        return cls(features_q4, np.asarray(lengths, np.int64), logits)

    @classmethod
    def random(cls, deployment: Deployment, seed: int = 0) -> GoldenVectors:
        """Noise in place of clips, for a network without any: each clip is longer than the one before."""
        rng = np.random.default_rng(seed)
        shape = (RANDOM_CLIPS, RANDOM_FRAMES, deployment.model.input_size)
        features_q4 = np.clip(np.round(rng.normal(0, 16, shape)), -128, 127).astype(np.int8)
        lengths = np.linspace(1, RANDOM_FRAMES, RANDOM_CLIPS).astype(np.int64)
        return cls.of(deployment, features_q4, lengths)

    @property
    def valid_frames_q4(self) -> Int8Array:
        """(sum of lengths, F): all clips one after another."""
        clips = zip(self.features_q4, self.lengths, strict=True)
        return np.concatenate([clip[:length] for clip, length in clips])
