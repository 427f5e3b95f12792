"""Sound that does not end: a run's listener on any backend, fed with samples as they come."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import FEATURE_BITS, Int8Array, Int16Array, Int64Array, round_half_up
from fsdd_lightning.arithmetic.listener import Listening, WordEvent, WordListener
from fsdd_lightning.data.integer_features import FULL_SCALE
from fsdd_lightning.data.wav import clipped_samples
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import Backend, WordStream, logit_step
from fsdd_lightning.evaluation.clips import Clips
from fsdd_lightning.runs.folder import Run

FLOAT_STEP = 2.0**-16  # of the logits of a network without integers


def open_stream(run: Run, backend: Backend) -> WordStream:
    """A new stream of this run.

    Raises:
        UserError: the run's features need float and whole clips.
    """
    listening = _listening(run)
    if backend.new_stream is not None:
        return backend.new_stream()
    return BackendListener(listening, backend, device_step(run))


def _listening(run: Run) -> Listening:
    if run.listening is None:
        raise UserError(
            f"the run in {run.folder} has features={run.config.features.kind}, which need whole clips: "
            "use fsdd-predict --segment, or a run with features=integer"
        )
    return run.listening


def device_step(run: Run) -> float:
    """The value of one unit of the logits that a listener of this run compares."""
    return FLOAT_STEP if run.deployment is None else logit_step(run.deployment.model)


def device_logits(logits: np.ndarray, backend: Backend, step: float) -> Int64Array:
    """(..., classes) of a backend as integers of the device's step; integer ones as they are."""
    return round_half_up(logits.astype(np.float64) * (backend.logit_step / step))


class BackendListener(WordListener):
    """With any backend of a network; logits of the float network become integers of the deployed network's step."""

    def __init__(self, listening: Listening, backend: Backend, logit_step: float) -> None:
        super().__init__(listening)
        self._backend, self._logit_step = backend, logit_step

    def word_logits(self, features_q4: Int8Array) -> Int64Array:
        """(classes,) int64."""
        features = features_q4[None].astype(np.float32) * np.float32(2.0**-FEATURE_BITS)
        logits = self._backend.logits(Clips(features, np.array([len(features_q4)])))[0]
        return device_logits(logits, self._backend, self._logit_step)


@dataclass(frozen=True)
class StreamedWord:
    """An event with the word's place in the stream, [start, end) in samples."""

    event: WordEvent  # of a word that ends, with logits
    start: int
    end: int
    clipped: int  # samples, see `clipped_samples`
    overlong: bool  # given up: no word is that long


class WordsOfStream:
    """A stream that remembers the sound of the last words: C answers with a label and a margin, and not with logits."""

    def __init__(self, run: Run, backend: Backend) -> None:
        """Raises UserError as `open_stream` does."""
        self._listening, self._backend = _listening(run), backend
        self._stream = open_stream(run, backend)
        self._sound: Int16Array = np.empty(0, np.int16)
        self.heard = 0  # samples so far

    def push(self, samples: Int16Array) -> list[StreamedWord]:
        """What the next samples, (samples,) int16, make known."""
        self._sound = np.concatenate([self._sound, samples])
        self.heard += len(samples)
        words = [self._word(event) for event in self._stream.push(samples)]
        front_end, endpointer = self._listening.front_end, self._listening.endpointer
        # A word and the pause that ends it; one frame more may have begun.
        kept = front_end.samples(endpointer.longest_frames + endpointer.hangover_frames + 2)
        self._sound = self._sound[max(len(self._sound) - kept, 0) :]
        return words

    def _word(self, event: WordEvent) -> StreamedWord:
        front_end, endpointer = self._listening.front_end, self._listening.endpointer
        start = event.first * front_end.hop
        end = start + front_end.samples(event.frames)
        if event.kind == "begins":
            return StreamedWord(event, start, end, 0, False)
        first = start - (self.heard - len(self._sound))
        samples = self._sound[first : first + end - start]
        clipped = clipped_samples(samples[:, None] / np.float32(FULL_SCALE))
        silent_frames = event.frame + 1 - event.first - event.frames
        overlong = silent_frames <= endpointer.hangover_frames
        if not event.logits and not overlong:
            event = replace(event, logits=self._logits(samples, event.frames))
        return StreamedWord(event, start, end, clipped, overlong)

    def _logits(self, samples: Int16Array, frames: int) -> tuple[int, ...]:
        """Of a backend that hears samples: those of a word that stands alone are those of the stream."""
        logits = self._backend.logits(Clips(np.empty((1, 0, 0), np.float32), np.array([frames]), [samples]))
        return tuple(logits[0].tolist())
