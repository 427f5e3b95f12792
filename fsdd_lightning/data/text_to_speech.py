"""Synthetic speakers for training: many voices of speech engines say every word, in the accents of several languages.

Few people were recorded, and a network that has heard few voices does not recognize others. Engines have dozens. Their
accents are words written as other languages spell them, which an engine then reads as somebody would who grew up with
that language. All is drawn from `config.seed`; the digest covers the engines' versions and all that they are asked for,
so other engines or other voices of theirs are other data.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fsdd_lightning.artifacts import arrays_digest, cached
from fsdd_lightning.config.schema import TextToSpeechConfig
from fsdd_lightning.data.integer_features import FULL_SCALE, to_int16
from fsdd_lightning.data.speech_engines import ESPEAK, FLITE, Engine, espeak_variants, espeak_word, flite_word
from fsdd_lightning.data.words import NO_WORDS
from fsdd_lightning.errors import UserError

# Part of the digest: increment it with every change that changes a sample.
SPEECH_VERSION = 1

ENGINES = (ESPEAK, FLITE)
_ESPEAK_PITCH = (20, 81)
_WORDS_PER_MINUTE = (105, 195)
# flite's voices with their usual pitch in hertz. They are few but cut from people's speech, so they speak more often.
_FLITE_VOICES = {"awb": 130.0, "kal": 100.0, "kal16": 105.0, "rms": 105.0, "slt": 170.0}
_FLITE_TAKES = 4  # times as many
_FLITE_STRETCH = (-0.25, 0.3)  # natural logarithms
_FLITE_PITCH = (-0.2, 0.2)


@dataclass(frozen=True, eq=False)
class Speech:
    """Spoken words: waveforms (samples,) float32, the class of each, and what they depend on."""

    waveforms: tuple[np.ndarray, ...]
    labels: np.ndarray  # (clips,) int64
    sample_rate_hz: int
    digest: str
    voices: int
    engines: dict[str, str]  # with their versions


@dataclass(frozen=True)
class _Utterance:
    engine: Engine
    voice: str
    label: int
    arguments: Callable[[Path], list[str]]  # that make the engine write a file

    def speak(self, file: Path, sample_rate_hz: int) -> np.ndarray:
        return self.engine.speak(self.arguments(file), file, sample_rate_hz)


def spoken_as(config: TextToSpeechConfig, labels: Sequence[str]) -> TextToSpeechConfig:
    """The config with the words that engines say for these labels, in their order; no engine says `other` or `noise`.

    Raises:
        UserError: it spells other words, or another number of them.
    """
    plain = tuple(label for label in labels if label not in NO_WORDS)
    spoken = plain if config.words == "labels" else config.words
    lengths = {"words": spoken, **{f"accents.{name}": words for name, words in config.accents.items()}}
    for key, words in lengths.items():
        if len(words) != len(plain):
            raise UserError(
                f"text_to_speech.{key} spells {len(words)} words, but the data has {len(plain)} ({', '.join(plain)}): "
                "text_to_speech=words speaks them as they are written"
            )
    return replace(config, words=spoken)


def synthetic_speech(config: TextToSpeechConfig, sample_rate_hz: int, cache_dir: Path) -> Speech | None:
    """All words by all voices of the installed engines, spoken once, then read from `cache_dir`; None without engines.

    Raises:
        RunFailedError: an engine that is installed does not speak.
    """
    engines = {engine.command: engine.version for engine in ENGINES if engine.installed}
    if not engines:
        return None
    utterances = list(_utterances(config))
    digest = _digest(utterances, engines, sample_rate_hz)
    waveforms = cached(
        cache_dir / f"speech-{digest[:32]}.npz",
        load=lambda content: _load(content, digest),
        make=lambda: _spoken(utterances, sample_rate_hz),
        dump=lambda spoken: _dump(spoken, digest),
    )
    labels = np.array([utterance.label for utterance in utterances], np.int64)
    voices = len({(utterance.engine.command, utterance.voice) for utterance in utterances})
    return Speech(waveforms, labels, sample_rate_hz, digest, voices, engines)


def missing_engines() -> tuple[str, ...]:
    """The commands of engines that are not installed."""
    return tuple(engine.command for engine in ENGINES if not engine.installed)


def _digest(utterances: list[_Utterance], engines: dict[str, str], sample_rate_hz: int) -> str:
    """SHA-256 (hex). How often the words are used in training does not count."""
    asked = [(one.engine.command, one.label, *one.arguments(Path("word.wav"))) for one in utterances]
    content = {"version": SPEECH_VERSION, "engines": engines, "rate": sample_rate_hz, "asked": asked}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# ---- what is said


def _utterances(config: TextToSpeechConfig) -> Iterator[_Utterance]:
    generator = np.random.default_rng(config.seed)
    if ESPEAK.installed:
        yield from _of_espeak(config, generator)
    if FLITE.installed:
        yield from _of_flite(config, generator)


def _of_espeak(config: TextToSpeechConfig, generator: np.random.Generator) -> Iterator[_Utterance]:
    """Accented takes are spread evenly over those of a voice; voices take turns through the accents."""
    accents = sorted(config.accents)
    for number, voice in enumerate(espeak_variants()):
        for label, word in enumerate(config.words):
            for take in range(config.takes):
                language, text = config.english[int(generator.integers(len(config.english)))], word
                accented = int(take * config.accented_share)  # of the takes before
                if accents and int((take + 1) * config.accented_share) > accented:
                    language = accents[(number + accented) % len(accents)]
                    text = config.accents[language][label]
                pitch, pace = int(generator.integers(*_ESPEAK_PITCH)), int(generator.integers(*_WORDS_PER_MINUTE))
                yield _Utterance(ESPEAK, voice, label, partial(espeak_word, f"{language}+{voice}", pace, pitch, text))


def _of_flite(config: TextToSpeechConfig, generator: np.random.Generator) -> Iterator[_Utterance]:
    for voice, usual_hz in _FLITE_VOICES.items():
        for label, word in enumerate(config.words):
            for _ in range(_FLITE_TAKES * config.takes):
                stretch = float(np.exp(generator.uniform(*_FLITE_STRETCH)))
                pitch_hz = usual_hz * float(np.exp(generator.uniform(*_FLITE_PITCH)))
                yield _Utterance(FLITE, voice, label, partial(flite_word, voice, stretch, pitch_hz, word))


def _spoken(utterances: list[_Utterance], sample_rate_hz: int) -> tuple[np.ndarray, ...]:
    with TemporaryDirectory(prefix="fsdd-speech-") as folder, ThreadPoolExecutor(os.cpu_count()) as threads:

        def speak(number: int) -> np.ndarray:
            return _in_steps(utterances[number].speak(Path(folder) / f"{number}.wav", sample_rate_hz))

        return tuple(threads.map(speak, range(len(utterances))))


def _in_steps(waveform: np.ndarray) -> np.ndarray:
    """Rounded to 16 bits, as it is kept."""
    return to_int16(waveform).astype(np.float32) / np.float32(FULL_SCALE)


# ---- the file


def _dump(waveforms: tuple[np.ndarray, ...], digest: str) -> bytes:
    arrays = {
        "samples": np.concatenate([to_int16(waveform) for waveform in waveforms]),
        "counts": np.array([len(waveform) for waveform in waveforms], np.int64),
    }
    stream = io.BytesIO()
    stamps = {"digest": np.array(digest), "sha256": np.array(arrays_digest(digest, arrays))}
    np.savez(stream, **stamps, **arrays)  # type: ignore[arg-type]  # meant for allow_pickle
    return stream.getvalue()


def _load(content: bytes, digest: str) -> tuple[np.ndarray, ...]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in ("samples", "counts")}
        if str(file["digest"]) != digest:
            raise ValueError("it holds other words or voices")
        if str(file["sha256"]) != arrays_digest(digest, arrays):
            raise ValueError("its checksum is wrong")
    waveforms = arrays["samples"].astype(np.float32) / np.float32(FULL_SCALE)
    return tuple(np.split(waveforms, np.cumsum(arrays["counts"])[:-1]))
