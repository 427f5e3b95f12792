"""The type of a batch, shared by the datamodule and the training module."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """features float32 (B, T, C) standardized, zero after a clip's end; lengths, labels int64 (B,)."""

    features: Tensor
    lengths: Tensor
    labels: Tensor
