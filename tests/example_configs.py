"""Small configs of the front end for tests that change a field or two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fsdd_lightning.config.schema import FeatureAugmentationConfig, MfccConfig

NO_AUGMENTATION = FeatureAugmentationConfig("none", 0.0, 0.0, 0.0, 0, 0, 0, 0, 0)
_FEATURES = MfccConfig("mfcc", 8000, 13, 40, 400, None, 160, 0.0, None, 80.0, 200, True, None, False)


def feature_config(**changes: Any) -> MfccConfig:
    """13 MFCCs of windows of 400 samples every 160, at most 200 frames."""
    return replace(_FEATURES, **changes)
