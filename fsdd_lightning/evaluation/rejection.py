"""When to answer "none of these": how far the largest logit must lead the second one."""

from __future__ import annotations

import numpy as np


def margins(logits: np.ndarray) -> np.ndarray:
    """(clips,) int64: how far the largest of (clips, classes) integer logits leads the second one, 0 on ties."""
    largest = np.sort(logits.astype(np.int64), axis=1)[:, -2:]
    return np.asarray(np.minimum(largest[:, 1] - largest[:, 0], 2**31 - 1))


def least_margin(logits: np.ndarray, labels: np.ndarray, false_reject_rate: float) -> int:
    """The margin below which an answer is rejected: at most that share of the clips recognized right lies below.

    logits (clips, classes) int32 and labels (clips,) of validation clips. 0, where none is right: nothing is rejected.
    """
    right = np.sort(margins(logits)[logits.argmax(axis=1) == labels])
    return int(right[int(false_reject_rate * len(right))]) if len(right) and false_reject_rate > 0 else 0
