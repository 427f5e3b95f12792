"""Words that a network does not know, spoken by espeak-ng where it is installed: what a listener should reject."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fsdd_lightning.data.speech_engines import ESPEAK, espeak_word

COMMAND = ESPEAK.command
# Commands, names, things, and short words that sound a little like a digit; none sounds like one.
_TEXT = """
    yes no stop go left right up down on off open close start hello goodbye please thanks water music light
    house tree dog cat bird table window door kitchen garden summer winter morning evening monday friday
    john mary sheila marvin coffee paper pencil school doctor yellow green purple happy little people
    never always often maybe many sun some sick heaven fly line sky through
"""
WORDS = tuple(_TEXT.split())
VOICES = ("en-us", "en-us+f3", "en-gb", "en-gb-scotland+f2")
WORDS_PER_MINUTE = (130, 175)
_PITCH = 50  # the voice's own


def espeak_installed() -> bool:
    """Whether there are such words here."""
    return ESPEAK.installed


def spoken_words(sample_rate_hz: int, known: Container[str] = ()) -> list[list[np.ndarray]]:
    """WORDS but those that are `known`, by every voice at every speed, a list for each: (samples,) float32 in [-1, 1].

    Raises:
        RunFailedError: espeak-ng fails.
    """
    with TemporaryDirectory(prefix="fsdd-words-") as folder:
        file, words = Path(folder) / "word.wav", [word for word in WORDS if word not in known]
        return [
            [ESPEAK.speak(espeak_word(voice, speed, _PITCH, word, file), file, sample_rate_hz) for word in words]
            for voice in VOICES
            for speed in WORDS_PER_MINUTE
        ]
