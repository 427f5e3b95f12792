"""FSDD's recordings as samples: as they are, and joined to a stream."""

from __future__ import annotations

import wave
from itertools import chain
from pathlib import Path

import numpy as np
from example_listening import to_int16


def recordings(root: Path, step: int) -> list[np.ndarray]:
    """Every so manieth, (samples,) int16."""
    return [recording(path) for path in sorted((root / "recordings").glob("*.wav"))[::step]]


def recording(path: Path) -> np.ndarray:
    with wave.open(str(path)) as opened:
        return np.frombuffer(opened.readframes(opened.getnframes()), "<i2").astype(np.int16)


def noisy_stream(root: Path, random: np.random.Generator) -> np.ndarray:
    """Every fiftieth recording with a pause before it, in the noise of a room."""
    clips = recordings(root, 50)
    pauses = [np.zeros(random.integers(2000, 7000), np.int16) for _ in clips]
    sound = np.concatenate(list(chain.from_iterable(zip(pauses, clips, strict=True))))
    return to_int16(sound + random.normal(0, 20, len(sound)))
