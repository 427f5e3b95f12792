"""Several clips in one stream, as somebody dictates a number in a quiet room, and what numpy hears of it."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.listener import Listener
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.speech_synthesis import clip_generator, make_voice, synthesize_digit

RATE_HZ = 8000
PAUSES_S = (0.3, 0.6)
BEFORE_S = 0.5  # in which the listener gets to know the room
AFTER_S = 0.5  # a word ends with a pause
NOISE_DB = -40.0  # of the room, relative to the average power of all clips


def read_samples(path: Path) -> np.ndarray:
    """(samples,) int16 of a WAV file with 16 bits, one channel and 8 kHz, as a device would get them."""
    with wave.open(str(path), "rb") as file:
        assert (file.getsampwidth(), file.getnchannels(), file.getframerate()) == (2, 1, RATE_HZ), path
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def write_samples(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    """The inverse."""
    with wave.open(str(path), "wb") as file:
        file.setsampwidth(2), file.setnchannels(1), file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())


def joined(clips: Sequence[np.ndarray], seed: int = 0) -> np.ndarray:
    """(samples,) int16: clips (samples,) int16 between pauses, all in white noise."""
    random = np.random.default_rng(seed)
    parts = [np.zeros(round(BEFORE_S * RATE_HZ))]
    for clip in clips:
        parts += [clip.astype(np.float64), np.zeros(round(random.uniform(*PAUSES_S) * RATE_HZ))]
    sound = np.concatenate([*parts, np.zeros(round(AFTER_S * RATE_HZ))])
    power = np.mean(np.concatenate(clips).astype(np.float64) ** 2)
    noise = random.normal(0, np.sqrt(power * 10 ** (NOISE_DB / 10)), len(sound))
    return np.clip(np.round(sound + noise), -32768, 32767).astype(np.int16)


def synthetic(digit: int, voice: int, take: int) -> np.ndarray:
    """(samples,) int16."""
    random = clip_generator(0, digit, voice, take)
    return to_int16(synthesize_digit(digit, make_voice(0, voice), random, RATE_HZ))


def heard_words(deployment: Deployment, samples: np.ndarray) -> list[str]:
    """The labels of all words that are not rejected, by the numpy reference."""
    assert deployment.listening is not None
    events = Listener(deployment.model, deployment.listening).push(samples)
    return [deployment.labels[event.label] for event in events if event.label is not None]
