"""From waveforms to features, by the kind of config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from fsdd_lightning.config.schema import FeatureConfig
from fsdd_lightning.data.features import Features


class FeatureExtractor(Protocol):
    """Waveforms, (samples,) float32 in [-1, 1], to features. Where clips need no float, they are rounded to 16 bits."""

    def clip(self, waveform: np.ndarray) -> np.ndarray:
        """(frames, channels) of one clip, at most max_frames: bit for bit as in a batch."""

    def __call__(self, waveforms: Sequence[np.ndarray]) -> Features:
        """Of many clips at once; ValueError for one that is empty or makes no frame."""


def feature_extractor(config: FeatureConfig) -> FeatureExtractor:
    """The extractor of this config's kind; that of MFCC imports librosa, which takes a second."""
    if config.kind == "mfcc":
        from fsdd_lightning.data.mfcc import MfccExtractor

        return MfccExtractor(config)
    from fsdd_lightning.data.integer_features import IntegerExtractor

    return IntegerExtractor(config)
