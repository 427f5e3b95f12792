"""Clips of what is no word: pieces of long recordings of noise, or noise that is made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fsdd_lightning.data.audio import decode_audio, read_bytes
from fsdd_lightning.data.effects import amplitude_ratio, colored_noise
from fsdd_lightning.data.layouts import fit_speaker
from fsdd_lightning.data.wav import BadWavError
from fsdd_lightning.data.words import NOISE
from fsdd_lightning.errors import UserError

CLIP_S = 1.0
_SLOPES = (0.0, 0.5, 1.0, 1.5, 2.0)  # of the power over frequency: from white to brown
_QUIETER_DB = 30.0  # than the recording, at most: rooms differ
_MADE_PEAK = 0.3


def noise_clips(
    files: Sequence[Path], clips: int, sample_rate_hz: int
) -> list[tuple[str, int, Path | None, np.ndarray]]:
    """(who makes it, take, file, (samples,) float32) of each clip; without files it is made of Gaussian noise.

    The files take turns; pieces of one are spread evenly over it, so a part of a split hears none of another's. The
    loudness of each is drawn by its number.

    Raises:
        UserError: a file that can't be read.
    """
    sounds = [(fit_speaker(path.stem), path, _read(path, sample_rate_hz)) for path in files]
    length = round(CLIP_S * sample_rate_hz)
    found: list[tuple[str, int, Path | None, np.ndarray]] = []
    for number in range(clips):
        generator = np.random.default_rng([clips, number])
        take, turn = divmod(number, max(len(sounds), 1))
        if sounds:
            name, path, whole = sounds[turn]
            clip = _piece(whole, take, -(-(clips - turn) // len(sounds)), length)
        else:
            name, path, clip = "made", None, _made(length, number, generator)
        quieter = amplitude_ratio(-generator.uniform(0.0, _QUIETER_DB))
        found.append((f"{NOISE}-{name}".rstrip("-"), take, path, (clip * quieter).astype(np.float32)))
    return found


def _read(path: Path, sample_rate_hz: int) -> np.ndarray:
    try:
        return decode_audio(read_bytes(path), sample_rate_hz).waveform
    except BadWavError as error:
        raise UserError(f"noise in {path}: {error}; repair or remove it, or set data.noise=0") from error


def _piece(whole: np.ndarray, take: int, takes: int, length: int) -> np.ndarray:
    """Number `take` of so many pieces of a sound; a sound too short is repeated."""
    long = np.resize(whole, max(len(whole), length))
    start = (len(long) - length) * take // max(takes - 1, 1)
    return long[start : start + length]


def _made(length: int, number: int, generator: np.random.Generator) -> np.ndarray:
    noise = colored_noise(length, _SLOPES[number % len(_SLOPES)], generator)
    return np.asarray(noise * (_MADE_PEAK / np.abs(noise).max()))
