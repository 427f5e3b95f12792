"""A corpus of four words that are no digits, by three synthetic voices, in either layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fsdd_lightning.data.speech_synthesis import clip_generator, make_voice, synthesize_digit
from fsdd_lightning.data.wav import encode_wav

WORDS = ("left", "right", "stop", "turn_on")
SPEAKERS, TAKES = ("ann", "bob", "cid"), 7


def four_words(
    root: Path, layout: str, rate_hz: int = 8000, words: tuple[str, ...] = WORDS, takes: int = TAKES
) -> Path:
    """The folder, filled; the same word of another name is another word."""
    for number, word in enumerate(words):
        for at, speaker in enumerate(SPEAKERS):
            for take in range(takes):
                clip = synthesize_digit(number, make_voice(0, at), clip_generator(0, number, at, take), rate_hz)
                name = f"{word}/{speaker}_nohash_{take}" if layout == "folders" else f"{word}_{speaker}_{take}"
                path = root / f"{name}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_wav(np.round(clip * 32767).astype(np.int16), rate_hz))
    return root
