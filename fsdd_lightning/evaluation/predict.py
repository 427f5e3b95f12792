"""Words in sound without labels: one for a file, or every word of a long recording or a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fsdd_lightning.arithmetic.listener import decide
from fsdd_lightning.data.audio import audio_paths, decode_audio, read_bytes
from fsdd_lightning.data.segmentation import find_words
from fsdd_lightning.data.sound_sources import chunks_of_pipe, chunks_of_sound, sound_of_pipe
from fsdd_lightning.data.wav import BadWavError, DecodedWav, waveform_of
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import Backend
from fsdd_lightning.evaluation.clips import ClipMaker
from fsdd_lightning.evaluation.prediction import Prediction, rejection, source_fields, unusable
from fsdd_lightning.evaluation.stream import StreamedWord, WordsOfStream, device_logits, device_step
from fsdd_lightning.files import is_folder
from fsdd_lightning.runs.folder import Run

ARRAY = "<array>"


class Predictor:
    """The network of a run with its front end, on one backend. A bad file never raises: its reason is the answer."""

    def __init__(self, run: Run, backend: Backend) -> None:
        self._backend, self._run = backend, run
        self._labels = run.checkpoint.labels
        self._features = run.config.features
        self._listening, self._step = run.listening, device_step(run)
        self._clips_of = ClipMaker(run.config.features, run.statistics, run.config.listener)

    # ---- one word

    def predict(self, path: Path) -> Prediction:
        """One word: of a file that is longer than the network listens, the longest one in it."""
        return _answered(str(path), lambda: self._one_word(str(path), self._decoded(path)))

    def predict_pipe(self, pipe: BinaryIO, file: str, raw_rate_hz: int | None = None) -> Prediction:
        """The same of all that comes through a pipe, see `sound_of_pipe`."""
        return _answered(file, lambda: self._one_word(file, self._piped(pipe, raw_rate_hz)))

    def predict_array(self, samples: np.ndarray, sample_rate_hz: int | None = None) -> Prediction:
        """One word: samples float in -1..1 or int16, (samples,) or (samples, channels); None: the model's own rate.

        Raises:
            UserError: an array of another type or shape.
        """
        rate, least = self._features.sample_rate_hz, self._features.least_samples
        sound = _as_float32(samples)
        return _answered(ARRAY, lambda: self._one_word(ARRAY, waveform_of(sound, sample_rate_hz or rate, rate, least)))

    def _one_word(self, file: str, sound: DecodedWav) -> Prediction:
        rate, waveform = self._features.sample_rate_hz, sound.waveform
        source = source_fields(sound, rate)
        found = self._clips_of.words(waveform)
        start, end = self._clips_of.heard(waveform, found)
        words = None if found is None else len(found)
        if words == 0 and len(waveform) > self._longest:
            note = f"no word found in {len(waveform) / rate:.2f} s"
            return Prediction(file, "no word", words_found=0, **_with_notes(source, note))
        notes = []
        if words is not None and words > 1:
            source["words_found"] = words
            notes.append(f"{words} words found; --stream gives every one")
        if end - start < len(waveform):
            source |= {"start_s": round(start / rate, 3), "end_s": round(end / rate, 3)}
            notes.append(
                f"the longest word was heard, {start / rate:.2f} to {end / rate:.2f} of {_seconds(waveform, rate)}"
            )
        if end - start > self._longest:
            listened_s = self._features.max_frames * self._features.hop / rate
            of_what = _seconds(waveform[start:end], rate)
            notes.append(f"only the first {listened_s:.2f} of {of_what} were heard; --segment finds every word")
        logits = self._backend.logits(self._clips_of.word(waveform[start:end]))[0]
        return self._answer(file, logits, logits, **_with_notes(source, *notes))

    @property
    def _longest(self) -> int:
        return self._features.samples(self._features.max_frames)

    # ---- every word

    def predict_words(self, path: Path) -> list[Prediction]:
        """Every word of a recording by its energy, with its place; a single answer where there is none."""
        return _answered_each(str(path), lambda: self._words_by_energy(str(path), self._decoded(path)))

    def predict_words_of_pipe(self, pipe: BinaryIO, file: str, raw_rate_hz: int | None = None) -> list[Prediction]:
        """The same of all that comes through a pipe."""
        return _answered_each(file, lambda: self._words_by_energy(file, self._piped(pipe, raw_rate_hz)))

    def _words_by_energy(self, file: str, sound: DecodedWav) -> list[Prediction]:
        rate, waveform = self._features.sample_rate_hz, sound.waveform
        source = source_fields(sound, rate)
        words = [
            self._recognize(
                file,
                waveform[word.start : word.end],
                start_s=round(word.start / rate, 3),
                end_s=round(word.end / rate, 3),
                **source,
            )
            for word in find_words(waveform, rate)
        ]
        return words or [Prediction(file, "no word", **_with_notes(source, "no word found above the noise"))]

    def predict_stream_of_file(self, path: Path) -> Iterator[Prediction]:
        """Every word of a file as a listener finds it; a single answer where there is none, or the file is bad."""
        rate = self._features.sample_rate_hz
        try:
            sound = self._decoded(path)
        except BadWavError as error:
            yield unusable(str(path), error)
            return
        resampled = sound.source_rate_hz != rate  # then clipping can't be seen in the words any more
        source, found = source_fields(sound, rate, clipped=resampled), False
        for word in self.predict_stream(chunks_of_sound(sound, rate), str(path)):
            found = True
            yield replace(word, **{**source, "notes": source["notes"] + word.notes})
        if not found:
            note = f"no word found in {_seconds(sound.waveform, rate)}"
            yield Prediction(str(path), "no word", **_with_notes(source_fields(sound, rate), note))

    def predict_stream_of_pipe(self, pipe: BinaryIO, file: str, raw_rate_hz: int | None = None) -> Iterator[Prediction]:
        """The same of a pipe, while it comes, see `chunks_of_pipe`."""
        found = False
        try:
            chunks = chunks_of_pipe(pipe, self._features.sample_rate_hz, raw_rate_hz)
            for word in self.predict_stream(chunks, file):
                found = True
                yield word
        except BadWavError as error:
            yield unusable(file, error)
            return
        if not found:
            yield Prediction(file, "no word", notes=("no word found",))

    def predict_stream(self, chunks: Iterable[np.ndarray], file: str) -> Iterator[Prediction]:
        """Every word of a stream as soon as it ends; chunks (samples,) int16.

        Raises:
            UserError: the run's features need float and whole clips.
            BadWavError: the chunks come from a pipe whose content is not usable.
        """
        stream = self.new_stream()
        for chunk in chunks:
            for word in stream.push(chunk):
                if word.event.kind == "ends":
                    yield self.streamed(word, file)

    def new_stream(self) -> WordsOfStream:
        """A new listener of this network. Raises UserError where its features need whole clips."""
        return WordsOfStream(self._run, self._backend)

    def streamed(self, word: StreamedWord, file: str) -> Prediction:
        """A word of `new_stream` that has ended."""
        rate = self._features.sample_rate_hz
        place = {"start_s": round(word.start / rate, 3), "end_s": round(word.end / rate, 3)}
        source: dict[str, Any] = {**place, "notes": ()}
        if word.clipped:
            source |= {"clipped_samples": word.clipped, "notes": (f"{word.clipped:,} samples clipped",)}
        if word.overlong:
            return Prediction(file, "rejected", margin=0, **_with_notes(source, "too long to be a word"))
        logits = np.array(word.event.logits)
        return self._answer(file, logits, logits * (self._step / self._backend.logit_step), **source)

    # ---- shared

    def _decoded(self, path: Path) -> DecodedWav:
        return decode_audio(read_bytes(path), self._features.sample_rate_hz, self._features.least_samples)

    def _piped(self, pipe: BinaryIO, raw_rate_hz: int | None) -> DecodedWav:
        return sound_of_pipe(pipe, self._features.sample_rate_hz, self._features.least_samples, raw_rate_hz)

    def _recognize(self, file: str, waveform: np.ndarray, **known: Any) -> Prediction:
        logits = self._backend.logits(self._clips_of.one(waveform))[0]
        return self._answer(file, logits, logits, **known)

    def _answer(self, file: str, logits: np.ndarray, of_backend: np.ndarray, **known: Any) -> Prediction:
        """`logits` are reported; `of_backend` are the same in its unit, for the probability."""
        best = int(np.argmax(logits))
        share = round(float(self._backend.probabilities(of_backend)[best]), 6)
        label = self._labels[best]
        answer = Prediction(file, "heard", label, probability=share, logits=tuple(logits.tolist()), **known)
        least_margin = 0
        if self._listening is not None:
            least_margin = self._listening.least_margin
            answer = replace(answer, margin=decide(device_logits(of_backend, self._backend, self._step), 0)[1])
        why = rejection(label, answer.margin, least_margin)
        if why is None:
            return answer
        return replace(answer, status="rejected", word=None, nearest=label, notes=(*answer.notes, why))


def _answered(file: str, answer: Callable[[], Prediction]) -> Prediction:
    try:
        return answer()
    except BadWavError as error:
        return unusable(file, error)


def _answered_each(file: str, answers: Callable[[], list[Prediction]]) -> list[Prediction]:
    try:
        return answers()
    except BadWavError as error:
        return [unusable(file, error)]


def _with_notes(known: dict[str, Any], *notes: str) -> dict[str, Any]:
    return {**known, "notes": (*known["notes"], *notes)}


def _seconds(waveform: np.ndarray, sample_rate_hz: int) -> str:
    return f"{len(waveform) / sample_rate_hz:.2f} s"


def _as_float32(samples: np.ndarray) -> np.ndarray:
    """(samples, channels) float32; int16 as in a WAV file."""
    if samples.ndim not in (1, 2) or not (samples.dtype == np.int16 or samples.dtype.kind == "f"):
        raise UserError(
            "samples must be int16 or float, of the shape (samples,) or (samples, channels), "
            f"not {samples.dtype} {samples.shape}"
        )
    scale = np.float32(2.0**-15 if samples.dtype == np.int16 else 1.0)
    return samples.reshape(len(samples), -1).astype(np.float32) * scale


def find_sounds(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as the sound files in them, sorted by name.

    Raises:
        UserError: a folder without sound files.
    """
    found: list[Path] = []
    for path in paths:
        inside = audio_paths(path) if is_folder(path) else [path]
        if not inside:
            raise UserError(f"no sound files (wav, flac, ogg, mp3, aiff, au, ...) in {path}")
        found += inside
    return found
