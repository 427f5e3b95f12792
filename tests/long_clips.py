"""Clips that are longer than a network hears, and folders of them. Waveforms are (samples,) float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from fsdd_lightning.data.preparation import PreparedData

RATE = 8000


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """A quiet room, -66 dB."""
    return (0.0005 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def within_pauses(waveform: np.ndarray, before_s: float = 0.9, after_s: float = 0.6) -> np.ndarray:
    """In the noise of a room."""
    sound = np.concatenate([np.zeros(round(before_s * RATE)), waveform, np.zeros(round(after_s * RATE))])
    return (sound + noise(len(sound) / RATE)).astype(np.float32)


def padded_corpus(data: PreparedData, folder: Path, every: int) -> Path:
    """The recordings of `data`, every so many of them within pauses."""
    folder.mkdir()
    for k, (recording, waveform) in enumerate(zip(data.recordings.recordings, data.recordings.waveforms, strict=True)):
        sound = within_pauses(waveform) if k % every == 0 else waveform
        soundfile.write(folder / f"{recording.name}.wav", sound, RATE, subtype="PCM_16")
    return folder
