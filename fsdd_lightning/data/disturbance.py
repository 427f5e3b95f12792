"""What may happen to a recording between mouth and network: pure functions on waveforms, (samples,) float32 in [-1, 1].

Nothing clips unless its name says so: a louder waveform may exceed 1, as before a converter with headroom.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np

SPEED_GRID = 100  # speeds are whole percents
QUIET_SAMPLES = 80  # 10 ms at 8 kHz: shorter than the pauses in a word, longer than a period of most voices


def white_noise(waveform: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise at `snr_db` below the clip's mean power."""
    return at_snr(waveform, rng.standard_normal(len(waveform)), snr_db)


def babble_noise(
    waveform: np.ndarray, voices: Sequence[np.ndarray], snr_db: float, rng: np.random.Generator
) -> np.ndarray:
    """Other clips talking at once at `snr_db` below the clip's mean power: each repeated, from a random moment on.

    All voices are equally loud. The less of them, the less steady is what they make; ten are babble.
    """
    babble = np.zeros(len(waveform))
    for voice in voices:
        repeated = np.resize(np.roll(voice, -int(rng.integers(len(voice)))), len(waveform))
        babble += repeated / _rms(voice)
    return at_snr(waveform, babble, snr_db)


def at_snr(waveform: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """waveform + noise, with the noise scaled to the mean powers' ratio `snr_db`; silent noise adds nothing."""
    level = _rms(waveform) * 10.0 ** (-snr_db / 20.0) / _rms(noise)
    corrupted: np.ndarray = (waveform + level * noise).astype(np.float32)
    return corrupted


def gain(waveform: np.ndarray, gain_db: float) -> np.ndarray:
    """Quieter or louder, in steps of a 16-bit converter that clips what does not fit."""
    scaled = waveform.astype(np.float64) * 10.0 ** (gain_db / 20.0)
    steps = np.clip(np.floor(scaled * 2**15 + 0.5), -(2**15), 2**15 - 1)
    return np.asarray(steps / 2**15, np.float32)


def clipping(waveform: np.ndarray, clipped_share: float) -> np.ndarray:
    """An overdriven microphone: the loudest `clipped_share` of the samples are cut to one magnitude."""
    ceiling = np.quantile(np.abs(waveform), 1.0 - clipped_share)
    return np.asarray(np.clip(waveform, -ceiling, ceiling), np.float32)


def leading_silence(waveform: np.ndarray, silence_samples: int) -> np.ndarray:
    """The word starts later, after digital silence."""
    return np.concatenate([np.zeros(silence_samples, np.float32), waveform])


def trailing_silence(waveform: np.ndarray, silence_samples: int) -> np.ndarray:
    """The recording stops later, in digital silence."""
    return np.concatenate([waveform, np.zeros(silence_samples, np.float32)])


def leading_background(waveform: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """The word starts later, after a room as loud as the recording's own; see `background`."""
    return np.concatenate([background(waveform, samples, rng), waveform])


def trailing_background(waveform: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """The recording stops later, with the room still on; see `background`."""
    return np.concatenate([waveform, background(waveform, samples, rng)])


def background(waveform: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """White noise as loud as the quietest stretch of QUIET_SAMPLES in the clip: (samples,) float32."""
    whole = len(waveform) // QUIET_SAMPLES * QUIET_SAMPLES
    stretches = waveform[:whole].reshape(-1, QUIET_SAMPLES) if whole else waveform[None]
    quietest = float(np.sqrt((stretches.astype(np.float64) ** 2).mean(axis=1)).min())
    return np.asarray(quietest * rng.standard_normal(samples), np.float32)


def speed(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Spoken `factor` times as fast, pitch included, as a tape that runs faster; a polyphase resampler."""
    from scipy.signal import resample_poly

    percent = round(factor * SPEED_GRID)
    divisor = gcd(percent, SPEED_GRID)
    resampled: np.ndarray = resample_poly(waveform, SPEED_GRID // divisor, percent // divisor)
    return resampled.astype(np.float32)


def _rms(waveform: np.ndarray) -> float:
    """Root of the mean power; of silence the smallest number above 0, so that it may divide."""
    return max(float(np.sqrt((np.asarray(waveform, np.float64) ** 2).mean())), np.finfo(np.float64).tiny)
