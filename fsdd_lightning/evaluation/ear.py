"""A listener while it listens: the words, how late they are known, how loud it is, and whether somebody speaks."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.data.integer_features import FULL_SCALE
from fsdd_lightning.evaluation.backends import Backend
from fsdd_lightning.evaluation.predict import Predictor
from fsdd_lightning.evaluation.prediction import Prediction
from fsdd_lightning.evaluation.stream import StreamedWord
from fsdd_lightning.runs.folder import Run

State = Literal["settling", "quiet", "word"]
HALF_STEP = 0.5  # the least that 16 bits know


@dataclass(frozen=True)
class LiveWord:
    """A word, and how long after its last sound it was known: the pause that ends it, and the computing."""

    prediction: Prediction
    latency_s: float

    def as_dict(self) -> dict[str, Any]:
        """As of `Prediction`, and the latency."""
        return {**self.prediction.as_dict(), "latency_s": round(self.latency_s, 3)}


class LiveEar:
    """Follows one stream. The words are those of `Predictor.predict_stream`."""

    def __init__(self, run: Run, backend: Backend, name: str) -> None:
        """Raises UserError where the features of the run need whole clips."""
        self.name = name
        self._predictor = Predictor(run, backend)
        self._stream = self._predictor.new_stream()
        self._rate = run.config.features.sample_rate_hz
        self._settled = run.config.features.hop * (
            0 if run.config.listener is None else run.config.listener.settle_frames
        )
        self._in_word = False
        self.words = self.rejected = 0
        self.level_db = self.peak_db = _decibel(0.0)  # of the last piece, of full scale
        self.busy_s = 0.0

    @property
    def heard_s(self) -> float:
        """Sound so far."""
        return self._stream.heard / self._rate

    @property
    def state(self) -> State:
        """Of the endpointer."""
        if self._in_word:
            return "word"
        return "settling" if self._stream.heard < self._settled else "quiet"

    def push(self, samples: Int16Array) -> list[LiveWord]:
        """The words that the next samples, (samples,) int16, complete."""
        start = time.perf_counter()
        events = self._stream.push(samples)
        ended = [(event, self._predictor.streamed(event, self.name)) for event in events if event.event.kind == "ends"]
        spent_s = time.perf_counter() - start
        self.busy_s += spent_s
        self._follow(samples, events)
        self.words += len(ended)
        self.rejected += sum(prediction.status == "rejected" for _, prediction in ended)
        late = self._stream.heard
        return [LiveWord(prediction, (late - event.end) / self._rate + spent_s) for event, prediction in ended]

    def _follow(self, samples: Int16Array, events: list[StreamedWord]) -> None:
        if events:
            self._in_word = events[-1].event.kind == "begins"
        if len(samples):
            values = samples.astype(np.float64)
            self.level_db = _decibel(float(np.sqrt((values**2).mean())))
            self.peak_db = _decibel(float(np.abs(values).max()))


def _decibel(value: float) -> float:
    return 20.0 * math.log10(max(value, HALF_STEP) / FULL_SCALE)
