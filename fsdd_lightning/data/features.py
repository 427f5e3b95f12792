"""Features of clips, whatever front end makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Features:
    """Features of several clips before standardization, in the order given."""

    values: np.ndarray  # (clips, max_frames, channels) float32 or, without deltas, int32; 0 beyond a clip's length
    lengths: np.ndarray  # (clips,) int64, valid frames, 1..max_frames
    trimmed: int  # clips that had more than max_frames frames

    @property
    def valid(self) -> np.ndarray:
        """(clips, max_frames) bool: the frames before a clip's end."""
        return valid_frames(self.lengths, self.values.shape[1])


def valid_frames(lengths: np.ndarray, frames: int) -> np.ndarray:
    """(clips, frames) bool: the first `lengths` (clips,) of so many frames."""
    return np.asarray(np.arange(frames) < lengths[:, None])


def padded(clips: Sequence[np.ndarray]) -> np.ndarray:
    """Several (frames, channels) of one type to (clips, longest, channels), 0 beyond their ends."""
    together = np.zeros((len(clips), max(map(len, clips)), clips[0].shape[1]), clips[0].dtype)
    for row, clip in zip(together, clips, strict=True):
        row[: len(clip)] = clip
    return together
