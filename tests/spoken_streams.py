"""What a microphone may deliver: synthetic words, clear or spoiled, in the noise of a room. Floats of full scale 1."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.speech_synthesis import clip_generator, make_voice, synthesize_digit

RATE = 8000
QUIET_ROOM = 0.0005  # root mean square: -66 dB


def spoken(word: int | str, take: int = 0, peak: float = 0.5) -> np.ndarray:
    """(samples,) of a digit alone, without silence or noise of its own."""
    voice = dataclasses.replace(make_voice(0, 1), noise_db=-120.0, silence_s=0.0)
    clip = synthesize_digit(int(word), voice, clip_generator(0, int(word), 1, take), RATE)
    return np.asarray(clip / np.abs(clip).max() * peak)


def hum(seconds: float, peak: float = 0.5) -> np.ndarray:
    """A voice that sings, (samples,)."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    total = sum(np.sin(2 * np.pi * 150 * k * time_s + k * k) for k in range(1, 24))
    return np.asarray(total / np.abs(total).max() * peak)


def pause(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def in_room(*parts: np.ndarray, noise: float = QUIET_ROOM, seed: int = 0) -> np.ndarray:
    """The parts after one another as int16, in white noise of this root mean square."""
    sound = np.concatenate(parts)
    sound = sound + noise * np.random.default_rng(seed).standard_normal(len(sound))
    return to_int16(np.clip(sound, -1.0, 1.0))


def dictated(words: list[int], pause_s: float = 0.9) -> np.ndarray:
    """Words one after another as int16, each after a pause, and a pause at the end."""
    parts = [part for take, word in enumerate(words) for part in (pause(pause_s), spoken(word, take))]
    return in_room(*parts, pause(pause_s))


def chunks(samples: np.ndarray, size: int = 160) -> Iterator[np.ndarray]:
    return (samples[start : start + size] for start in range(0, len(samples), size))
