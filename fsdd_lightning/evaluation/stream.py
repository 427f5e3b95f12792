"""Sound that does not end: a run's listener on any backend, fed with samples as they come."""

from __future__ import annotations

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import FEATURE_BITS, Int8Array, Int64Array, round_half_up
from fsdd_lightning.arithmetic.listener import Listening, WordListener
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import Backend, WordStream, logit_step
from fsdd_lightning.evaluation.clips import Clips
from fsdd_lightning.runs.folder import Run


def open_stream(run: Run, backend: Backend) -> WordStream:
    """A new stream of this run.

    Raises:
        UserError: the run's features need float and whole clips.
    """
    listening = run.listening
    if listening is None:
        raise UserError(
            f"the run in {run.folder} has features={run.config.features.kind}, which need whole clips: "
            "use --segment, or a run with features=integer"
        )
    if backend.new_stream is not None:
        return backend.new_stream()
    step = 2.0**-16 if run.deployment is None else logit_step(run.deployment.model)
    return BackendListener(listening, backend, step)


class BackendListener(WordListener):
    """With any backend of a network; logits of the float network become integers of the deployed network's step."""

    def __init__(self, listening: Listening, backend: Backend, logit_step: float) -> None:
        super().__init__(listening)
        self._backend, self._scale = backend, backend.logit_step / logit_step

    def word_logits(self, features_q4: Int8Array) -> Int64Array:
        """(classes,) int64."""
        features = features_q4[None].astype(np.float32) * np.float32(2.0**-FEATURE_BITS)
        logits = self._backend.logits(Clips(features, np.array([len(features_q4)])))[0]
        return round_half_up(logits.astype(np.float64) * self._scale)
