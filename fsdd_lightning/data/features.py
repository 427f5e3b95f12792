"""Features of clips, whatever front end makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Features:
    """Features of several clips before standardization, in the order given."""

    values: np.ndarray  # (clips, max_frames, channels) float32 or, without deltas, int32; 0 beyond a clip's length
    lengths: np.ndarray  # (clips,) int64, valid frames, 1..max_frames
    trimmed: int  # clips that had more than max_frames frames
