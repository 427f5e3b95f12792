"""All backends of a network on the same clips: what they recognize, how well, and whether they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.evaluation.backends import Backend
from fsdd_lightning.evaluation.clips import Clips, clips_at
from fsdd_lightning.evaluation.scores import Score, score
from fsdd_lightning.runs.record import RunRecord


@dataclass(frozen=True, eq=False)
class BackendScores:
    """logits (clips, classes) and scores by name of the backend, over the same clips in the same order."""

    logits: dict[str, np.ndarray]
    scores: dict[str, Score]

    def predictions(self, backend: str) -> np.ndarray:
        """Recognized classes, int64 (clips,); the lowest index wins a tie."""
        return np.asarray(np.argmax(self.logits[backend], axis=1))

    def agreement(self) -> dict[str, float]:
        """Share of clips that neighboring backends, in the order of the data flow, recognize alike."""
        pairs = (("float", "integer"), ("quantized", "integer"), ("integer", "c"))
        return {
            f"{one}_{other}": float((self.predictions(one) == self.predictions(other)).mean())
            for one, other in pairs
            if one in self.logits and other in self.logits
        }

    def write_to(self, record: RunRecord) -> None:
        """Fill the record's `views` and `agreement`."""
        record.views = {name: score.as_record() for name, score in self.scores.items()}
        record.agreement = self.agreement()


def evaluate_backends(backends: Mapping[str, Backend], data: PreparedData, positions: np.ndarray) -> BackendScores:
    """Run all backends on the clips at these positions of the recordings.

    Raises:
        RunFailedError: two backends that must be equal differ in a single logit of a single clip.
    """
    return evaluate_clips(backends, clips_at(data, positions), data.labels[positions], data.recordings.labels)


def evaluate_clips(
    backends: Mapping[str, Backend], clips: Clips, labels: np.ndarray, names: tuple[str, ...]
) -> BackendScores:
    """The same for any clips: labels int64 (clips,) are positions among `names`, the network's words."""
    logits = {name: backend.logits(clips) for name, backend in backends.items()}
    # PyTorch's own quantized network has no integer backend beside it, and need not be equal to anything.
    if "integer" in logits:
        for name in {"quantized", "c"} & logits.keys():
            _require_equal(name, logits[name], logits["integer"])
    scores = {name: score(np.argmax(values, axis=1), labels, names) for name, values in logits.items()}
    return BackendScores(logits, scores)


def _require_equal(name: str, logits: np.ndarray, integer: np.ndarray) -> None:
    unequal = int((logits != integer).any(axis=1).sum())
    if unequal:
        raise RunFailedError(
            f"the {name} backend and the integer model differ on {unequal} of {len(integer)} clips: this is a defect "
            "of fsdd_lightning, please report it with the run folder"
        )
