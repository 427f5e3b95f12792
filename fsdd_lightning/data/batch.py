"""What data hands to the model: the one type that both sides know."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """features float32 (B, T, C) standardised, zero behind a clip's end; lengths, labels int64 (B,)."""

    features: Tensor
    lengths: Tensor
    labels: Tensor
