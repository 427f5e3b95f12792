"""Logits of many clips, without training machinery."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

_BATCH = 512


@torch.no_grad()
def float_logits(network: nn.Module, features: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """features float32 (N, T, C) standardized, lengths int64 (N,) -> logits float32 (N, classes).

    The batch size is fixed, so that the same clips give the same bits wherever this is called from.
    """
    network.eval()
    parts = [
        network(torch.from_numpy(features[at : at + _BATCH]), torch.from_numpy(lengths[at : at + _BATCH]))
        for at in range(0, len(lengths), _BATCH)
    ]
    return torch.cat(parts).numpy() if parts else np.empty((0, 0), np.float32)
