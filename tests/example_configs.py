"""Small configs of the front end for tests that change a field or two."""

from __future__ import annotations

from typing import Any

from fsdd_lightning.config.durations import with_durations
from fsdd_lightning.config.schema import FeatureAugmentationConfig, MfccConfig

NO_AUGMENTATION = FeatureAugmentationConfig("none", 0.0, 0.0, 0.0, 0, 0, 0, 0, 0)
_FEATURES: dict[str, Any] = {
    "kind": "mfcc",
    "sample_rate_hz": 8000,
    "n_mfcc": 13,
    "n_mels": 40,
    "n_fft": 400,
    "win_length": None,
    "hop_length": 160,
    "f_min_hz": 0.0,
    "f_max_hz": None,
    "top_db": 80.0,
    "max_frames": 200,
    "peak_normalize": True,
    "band_pass_hz": None,
    "deltas": False,
}


def feature_config(**changes: Any) -> MfccConfig:
    """13 MFCCs of windows of 400 samples every 160, at most 200 frames: lengths are given in samples and frames."""
    return MfccConfig(**with_durations(_FEATURES | changes))
