"""Standardized features: per-coefficient mean and standard deviation of the training clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.data.mfcc import Mfcc

# For a coefficient that (almost) never changes. The coefficients of real speech deviate by 5 or more, so this limit
# never affects them; where it applies, a standardized value is at most 1000 x the distance from the mean.
SMALLEST_STD = 1e-3


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """The numbers with which a device standardizes a frame. Everything is computed in float32."""

    mean: np.ndarray  # (channels,) float32
    std: np.ndarray  # (channels,) float32, at least SMALLEST_STD

    @classmethod
    def from_clips(cls, mfcc: Mfcc, indices: Sequence[int] | np.ndarray) -> FeatureStatistics:
        """Over the valid frames of the clips at `indices` (the training part), in float64; std is over n."""
        if not len(indices):
            raise ValueError("statistics need at least one clip")
        chosen = np.asarray(indices, np.int64)
        frames = mfcc.values[chosen][_valid(mfcc.lengths[chosen], mfcc.values.shape[1])].astype(np.float64)
        std = np.maximum(frames.std(axis=0), SMALLEST_STD)
        return cls(frames.mean(axis=0).astype(np.float32), std.astype(np.float32))

    def standardize(self, mfcc: Mfcc) -> np.ndarray:
        """(clips, max_frames, channels) float32; padding stays 0."""
        valid = _valid(mfcc.lengths, mfcc.values.shape[1])
        standardized = np.zeros_like(mfcc.values)
        standardized[valid] = self.standardize_clip(mfcc.values[valid])
        return standardized

    def standardize_clip(self, frames: np.ndarray) -> np.ndarray:
        """(frames, channels) float32 -> the same shape: the values that `standardize` gives, bit for bit."""
        standardized: np.ndarray = (frames - self.mean) / self.std
        return standardized


def _valid(lengths: np.ndarray, max_frames: int) -> np.ndarray:
    return np.arange(max_frames) < lengths[:, None]  # (clips, max_frames) bool
