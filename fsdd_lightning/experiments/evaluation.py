"""Every view of a network on the test clips: what it recognises, how well, and whether the views agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsdd_lightning.data.preparation import CLASSES, PreparedData
from fsdd_lightning.experiments.record import RunRecord
from fsdd_lightning.experiments.scores import ViewScore, score
from fsdd_lightning.model.inference import float_logits
from fsdd_lightning.model.network import LSTMClassifier


@dataclass(frozen=True)
class Evaluation:
    """logits (clips, classes) and scores of each view by name, over the same clips in the same order."""

    logits: dict[str, np.ndarray]
    scores: dict[str, ViewScore]

    def predictions(self, view: str) -> np.ndarray:
        """Recognised classes, int64 (clips,); the lowest index wins a tie."""
        return np.asarray(np.argmax(self.logits[view], axis=1))

    def write_to(self, record: RunRecord) -> None:
        """Fill the record's `views`."""
        record.views = {name: each.as_record() for name, each in self.scores.items()}


def evaluate_views(network: LSTMClassifier, data: PreparedData, positions: np.ndarray) -> Evaluation:
    """All views that the network has, on the clips at `positions`."""
    features, lengths, labels = data.features[positions], data.lengths[positions], data.labels[positions]
    logits = {"float": float_logits(network, features, lengths)}
    scores = {name: score(np.argmax(each, axis=1), labels, CLASSES) for name, each in logits.items()}
    return Evaluation(logits, scores)
