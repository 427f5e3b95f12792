"""Digits in sound without labels: one for a file, or for every word of a long recording or a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fsdd_lightning.arithmetic.listener import WordEvent
from fsdd_lightning.data.layouts import wav_paths
from fsdd_lightning.data.recordings import read_bytes
from fsdd_lightning.data.segmentation import find_words
from fsdd_lightning.data.wav import BadWavError, decode_wav, waveform_of
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import Backend
from fsdd_lightning.evaluation.clips import ClipMaker
from fsdd_lightning.evaluation.stream import open_stream
from fsdd_lightning.runs.folder import Run

ARRAY = "<array>"
OVERLONG = 2.0  # a file this many times as long as the network listens is more than a digit with some silence


@dataclass(frozen=True)
class Prediction:
    """What was recognized in a file or in a part of it, or the reason why nothing could be."""

    file: str  # ARRAY where the sound was no file
    digit: str | None = None
    probability: float | None = None
    logits: tuple[float, ...] | None = None  # of the backend: whole numbers but from float
    start_s: float | None = None  # of a word in a long recording or a stream
    end_s: float | None = None
    margin: int | None = None  # in a stream: how far the largest logit leads the second one
    note: str | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Without what does not apply."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class Predictor:
    """The network of a run with its front end, on one backend. A bad file never raises: its reason is the answer."""

    def __init__(self, run: Run, backend: Backend) -> None:
        self._backend = backend
        self._labels = run.checkpoint.labels
        self._run = run
        self._features = run.config.features
        self._clips_of = ClipMaker(run.config.features, run.statistics, run.config.listener)

    def predict(self, path: Path) -> Prediction:
        """One digit: what is spoken at the beginning of the file."""
        try:
            waveform = self._waveform(path)
        except BadWavError as error:
            return Prediction(str(path), error=str(error))
        return self._recognize(str(path), waveform, note=self._overlong(waveform))

    def predict_array(self, samples: np.ndarray, sample_rate_hz: int | None = None) -> Prediction:
        """One digit: samples float in -1..1 or int16, (samples,) or (samples, channels); None: the model's own rate.

        Raises:
            UserError: an array of another type or shape.
        """
        rate = self._features.sample_rate_hz
        try:
            least = self._features.least_samples
            waveform = waveform_of(_as_float32(samples), sample_rate_hz or rate, rate, least).waveform
        except BadWavError as error:
            return Prediction(ARRAY, error=str(error))
        return self._recognize(ARRAY, waveform, note=self._overlong(waveform))

    def predict_words(self, path: Path) -> list[Prediction]:
        """Every word of a recording with its place; a single answer with an error where there is none."""
        try:
            waveform = self._waveform(path)
        except BadWavError as error:
            return [Prediction(str(path), error=str(error))]
        rate = self._features.sample_rate_hz
        words = [
            self._recognize(
                str(path),
                waveform[word.start : word.end],
                start_s=round(word.start / rate, 3),
                end_s=round(word.end / rate, 3),
            )
            for word in find_words(waveform, rate)
        ]
        return words or [Prediction(str(path), error="no word found above the noise")]

    def predict_stream(self, chunks: Iterable[np.ndarray], file: str) -> Iterator[Prediction]:
        """Every word of a stream as soon as it ends; chunks (samples,) int16. `digit` is None for "none of these".

        Raises:
            UserError: the run's features need float and whole clips.
        """
        stream = open_stream(self._run, self._backend)
        for chunk in chunks:
            for event in stream.push(chunk):
                if event.kind == "ends":
                    yield self._word(event, file)

    def _word(self, event: WordEvent, file: str) -> Prediction:
        rate, start = self._features.sample_rate_hz, event.first * self._features.hop
        end = start + self._features.samples(event.frames)
        digit = None if event.label is None else self._labels[event.label]
        note = "none of these" if digit is None else None
        start_s, end_s = round(start / rate, 3), round(end / rate, 3)
        return Prediction(file, digit, start_s=start_s, end_s=end_s, margin=event.margin, note=note)

    def _waveform(self, path: Path) -> np.ndarray:
        features = self._features
        return decode_wav(read_bytes(path), features.sample_rate_hz, features.least_samples).waveform

    def _recognize(self, file: str, waveform: np.ndarray, **place: Any) -> Prediction:
        return self._answer(file, self._backend.logits(self._clips_of.one(waveform))[0], **place)

    def _answer(self, file: str, logits: np.ndarray, **place: Any) -> Prediction:
        best = int(np.argmax(logits))
        share = round(float(self._backend.probabilities(logits)[best]), 6)
        return Prediction(file, self._labels[best], share, tuple(logits.tolist()), **place)

    def _overlong(self, waveform: np.ndarray) -> str | None:
        """What was heard of a clip that is longer than a network listens."""
        config, rate = self._features, self._features.sample_rate_hz
        listened_s, lasts_s = config.max_frames * config.hop / rate, len(waveform) / rate
        start, end = self._clips_of.heard(waveform)
        if end - start < len(waveform):
            word = f"{start / rate:.2f} to {end / rate:.2f} of {lasts_s:.2f} s"
            return f"the longest word was heard, {word}; --stream finds every word"
        if lasts_s <= OVERLONG * listened_s:
            return None
        return f"only the first {listened_s:.2f} of {lasts_s:.2f} s were heard; --segment finds every digit"


def _as_float32(samples: np.ndarray) -> np.ndarray:
    """(samples, channels) float32; int16 as in a WAV file."""
    if samples.ndim not in (1, 2) or not (samples.dtype == np.int16 or samples.dtype.kind == "f"):
        raise UserError(
            "samples must be int16 or float, of the shape (samples,) or (samples, channels), "
            f"not {samples.dtype} {samples.shape}"
        )
    scale = np.float32(2.0**-15 if samples.dtype == np.int16 else 1.0)
    return samples.reshape(len(samples), -1).astype(np.float32) * scale


def find_wavs(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as the WAV files in them, sorted by name.

    Raises:
        UserError: a folder without WAV files.
    """
    found: list[Path] = []
    for path in paths:
        inside = wav_paths(path) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"no WAV files in {path}")
        found += inside
    return found
