"""Tones, and the bytes of WAV files that hold them."""

from __future__ import annotations

import io

import numpy as np
import soundfile


def tone(frequency_hz: float = 440.0, samples: int = 800, rate_hz: int = 8000) -> np.ndarray:
    """(samples,) float64 at half of full scale."""
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(samples) / rate_hz)


def wav_bytes(samples: np.ndarray, rate_hz: int = 8000, subtype: str | None = "PCM_16", format: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, subtype=subtype, format=format)
    return buffer.getvalue()
