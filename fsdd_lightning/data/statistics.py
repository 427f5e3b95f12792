"""How features are standardized, with numbers that the training clips decide and a network keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import FEATURE_BITS
from fsdd_lightning.arithmetic.front_end import FrontEnd, Standardization, with_deltas
from fsdd_lightning.config.schema import FeatureConfig
from fsdd_lightning.data.features import Features

# For a coefficient that (almost) never changes. The coefficients of real speech deviate by 5 or more, so this limit
# never affects them; where it applies, a standardized value is at most 1000 x the distance from the mean.
SMALLEST_STD = 1e-3
# The same for coefficients in integers, 2^26 and more in real speech: with it their multipliers stay below 2^31.
SMALLEST_INTEGER_STD = 2.0**14


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Mean and std of every channel, and standardization with them in float32."""

    mean: np.ndarray  # (channels,) float32
    std: np.ndarray  # (channels,) float32, at least SMALLEST_STD

    def standardize(self, features: Features) -> np.ndarray:
        """(clips, max_frames, channels) float32; padding stays 0."""
        standardized = self.standardize_clip(features.values)
        standardized[~features.valid] = 0.0
        return standardized

    def standardize_clip(self, frames: np.ndarray) -> np.ndarray:
        """(..., frames, channels) of whole clips -> the same shape: the values of `standardize`, bit for bit."""
        standardized: np.ndarray = (frames - self.mean) / self.std
        return standardized


@dataclass(frozen=True, eq=False)
class IntegerFeatureStatistics(FeatureStatistics):
    """Standardization with the multipliers and biases of a device: every value is a multiple of 2^-4 in [-8, 8)."""

    front_end: FrontEnd

    def standardize_clip(self, frames: np.ndarray) -> np.ndarray:
        """(..., frames, coefficients) int32 of whole clips -> (..., frames, channels) float32."""
        standardization = Standardization.from_statistics(self.mean, self.std)
        features_q4 = standardization(with_deltas(self.front_end, frames))
        return features_q4.astype(np.float32) * np.float32(2.0**-FEATURE_BITS)


def statistics_of(config: FeatureConfig, mean: np.ndarray, std: np.ndarray) -> FeatureStatistics:
    """Those numbers for features of this kind."""
    if config.kind == "mfcc":
        return FeatureStatistics(mean, std)
    return IntegerFeatureStatistics(mean, std, config.front_end)


def training_statistics(
    config: FeatureConfig, features: Features, indices: Sequence[int] | np.ndarray
) -> FeatureStatistics:
    """Over the valid frames of the clips at `indices` (the training part), in float64; std is over n."""
    if not len(indices):
        raise ValueError("statistics need at least one clip")
    chosen = np.asarray(indices, np.int64)
    part = Features(features.values[chosen], features.lengths[chosen], 0)
    values, smallest = part.values, SMALLEST_STD
    if config.kind == "integer":
        values, smallest = with_deltas(config.front_end, part.values), SMALLEST_INTEGER_STD
    frames = values[part.valid].astype(np.float64)
    mean, std = frames.mean(axis=0), np.maximum(frames.std(axis=0), smallest)
    return statistics_of(config, mean.astype(np.float32), std.astype(np.float32))
