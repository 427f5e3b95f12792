"""How far the confidence of a network can be trusted: its calibration, and its accuracy where it may decline to answer.

Calibration: bins of equal width over the probability of the recognized class, and the expected calibration error (Guo
et al., "On Calibration of Modern Neural Networks", 2017). torchmetrics' MulticlassCalibrationError gives the same
error but neither its bins nor, for a probability of exactly 1, the bin of the paper.

Rejection: clips are answered in the order of their margin, the largest first, as a device does that rejects small ones;
the area under the curve of risk against coverage is that of Geifman and El-Yaniv, "Selective Classification for Deep
Neural Networks", 2017: the mean error over all shares answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fsdd_lightning.arithmetic.listener import lead
from fsdd_lightning.evaluation.backends import Backend

BINS = 15
SHARES = (100, 95, 90, 80, 70, 50)  # of the clips that are answered, %


@dataclass(frozen=True)
class ReliabilityBin:
    """Clips whose probability lies in (low, high]: how many, the mean of it, and how many of them are right."""

    low: float
    high: float
    clips: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Confidence:
    """`accuracy_at`: of the clips answered, where so many % of all are; `aurc`: the mean error over all such shares."""

    ece: float | None  # None: no clip was answered
    aurc: float
    accuracy_at: dict[int, float]
    bins: tuple[ReliabilityBin, ...]  # those that hold clips

    def as_record(self) -> dict[str, Any]:
        """Plain JSON types, without the bins."""
        accuracies = {str(share): accuracy for share, accuracy in self.accuracy_at.items()}
        return {"ece": self.ece, "aurc": self.aurc, "accuracy_at": accuracies}


def confidence_of(
    backend: Backend, logits: np.ndarray, labels: np.ndarray, found: np.ndarray | None = None
) -> Confidence:
    """Of the answers to clips: logits (clips, classes) of this backend, labels (clips,).

    found (clips,) bool: a clip in which nothing was found has no probability; it is wrong, and the last to be answered.
    """
    found = np.ones(len(labels), np.bool_) if found is None else found
    right = found & (logits.argmax(axis=1) == labels)
    probabilities = backend.probabilities(logits[found]).max(axis=1)
    bins = reliability_bins(probabilities, right[found])
    curve = rejection_curve(np.where(found, margins(logits), -1), right)
    at = {share: float(curve[answered(share, len(right)) - 1]) for share in SHARES}
    return Confidence(calibration_error(bins), float(1 - curve.mean()), at, bins)


def margins(logits: np.ndarray) -> np.ndarray:
    """(clips,): how far the largest of (clips, classes) leads the second one; integers as on the device."""
    if logits.dtype.kind == "i":
        return lead(logits)
    ascending = np.sort(logits, axis=-1)
    return np.asarray(ascending[..., -1] - ascending[..., -2])


def reliability_bins(probabilities: np.ndarray, right: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """probabilities (clips,) in [0, 1] of the recognized classes, right (clips,) bool."""
    at = np.clip(np.ceil(probabilities * BINS).astype(int) - 1, 0, BINS - 1)
    return tuple(
        ReliabilityBin(
            low=int(k) / BINS,
            high=(int(k) + 1) / BINS,
            clips=int((at == k).sum()),
            confidence=float(probabilities[at == k].mean()),
            accuracy=float(right[at == k].mean()),
        )
        for k in np.unique(at)
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float | None:
    """The distance of confidence and accuracy, averaged over clips; None without any."""
    clips = sum(one.clips for one in bins)
    return sum(one.clips * abs(one.accuracy - one.confidence) for one in bins) / clips if clips else None


def rejection_curve(margin: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(clips,) float64: the accuracy of the k + 1 clips with the largest margins.

    Clips of equal margin come in no order: each counts with the mean of all of them.
    """
    _, alike = np.unique(-margin.astype(np.float64), return_inverse=True)
    share_right = np.bincount(alike, weights=right) / np.bincount(alike)
    return np.asarray(np.cumsum(share_right[np.sort(alike)]) / np.arange(1, len(right) + 1))


def answered(share: int, clips: int) -> int:
    """How many of the clips are `share` %, half up; at least one."""
    return max((share * clips + 50) // 100, 1)
