"""Copies of waveforms in other voices, tempi, channels, rooms and noises; waveforms are (samples,) float32.

A copy is resampled (which moves pitch, formants and tempo together), equalised, sometimes given an echo, and
mixed with coloured noise. Its tempo alone is changed by the distance of its frames, see `copy_features`. All
copies are drawn from `config.seed`, the copy's number and the clip's position: nothing depends on which
clips are trained on, so one set of copies serves every split.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator

from fsdd_lightning.config.schema import FeatureConfig, WaveformAugmentationConfig
from fsdd_lightning.data.feature_cache import cached_mfcc
from fsdd_lightning.data.mfcc import Mfcc
from fsdd_lightning.data.recordings import RecordingSet

# Part of the cache key: raise it with every change that changes a value.
PERTURBATION_VERSION = 1

_EQUALIZER_BANDS = 6  # frequencies from 0 to half the sample rate, gains in between interpolated in dB
_REVERBERATION_S = (0.03, 0.25)  # until an echo is 60 dB down
_ECHO_LEVEL = (0.1, 0.6)  # its root of energy, relative to the direct sound's
_NOISE_SLOPE = (0.0, 2.0)  # power falls as frequency^-slope: 0 white, 1 pink, 2 brown
_SHORTEST_SAMPLES = 8
_SILENCE = 1e-9  # root mean square
_GOLDEN_RATIO = 0.6180339887498949
_DB_60 = np.log(1e3)  # nepers


def augmented_features(
    recordings: RecordingSet, features: FeatureConfig, wanted: WaveformAugmentationConfig, cache_dir: Path
) -> tuple[Mfcc, ...]:
    """The features of every copy of all recordings, in their order; computed once, then read from `cache_dir`."""
    return tuple(
        copy_features(copy, recordings, features, wanted, cache_dir) for copy in range(wanted.copies)
    )


def copy_features(
    copy: int,
    recordings: RecordingSet,
    features: FeatureConfig,
    wanted: WaveformAugmentationConfig,
    cache_dir: Path,
) -> Mfcc:
    """The features of one copy, whose frames are `tempo` times as far apart as those of the recordings."""
    hop = int(features.hop_length * np.exp(tempo_exponent(copy, wanted.tempo)) + 0.5)
    window = features.n_fft if features.win_length is None else features.win_length
    spaced = dataclasses.replace(features, hop_length=min(max(hop, 1), window))

    def waveforms() -> list[np.ndarray]:
        return augmented_waveforms(copy, recordings.waveforms, wanted, recordings.sample_rate_hz)

    return cached_mfcc(_copy_digest(recordings.digest, copy, wanted), waveforms, spaced, cache_dir)


def tempo_exponent(copy: int, most: float) -> float:
    """Spread evenly over -most..most for any number of copies (multiples of the golden ratio, modulo 1)."""
    return most * (2.0 * (copy * _GOLDEN_RATIO % 1.0) - 1.0)


def augmented_waveforms(
    copy: int, waveforms: Sequence[np.ndarray], wanted: WaveformAugmentationConfig, sample_rate_hz: int
) -> list[np.ndarray]:
    """Copy number `copy` of each waveform, at the same sample rate; lengths differ."""
    return [
        augment_waveform(
            waveform, wanted, sample_rate_hz, np.random.default_rng([wanted.seed, copy, position])
        )
        for position, waveform in enumerate(waveforms)
    ]


def augment_waveform(
    waveform: np.ndarray, wanted: WaveformAugmentationConfig, sample_rate_hz: int, generator: Generator
) -> np.ndarray:
    """One copy. Its level means nothing: the features are made of normalised peaks."""
    changed = change_speed(waveform, float(np.exp(generator.uniform(-wanted.speed, wanted.speed))))
    changed = equalize(changed, generator.normal(0.0, wanted.equalizer_db, _EQUALIZER_BANDS))
    if generator.random() < wanted.room_share:
        changed = add_echo(changed, room_response(sample_rate_hz, generator))
    if wanted.snr_db is not None:
        noise = colored_noise(len(changed), generator.uniform(*_NOISE_SLOPE), generator)
        changed = add_noise(changed, noise, generator.uniform(*wanted.snr_db))
    return changed.astype(np.float32)


def change_speed(waveform: np.ndarray, factor: float) -> np.ndarray:
    """`factor` times as fast, and as high."""
    from scipy.signal import resample

    samples = max(int(len(waveform) / factor + 0.5), _SHORTEST_SAMPLES)
    return np.asarray(resample(waveform, samples))


def equalize(waveform: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    """Gains at frequencies evenly from 0 to half the sample rate, over the whole clip at once."""
    spectrum = np.fft.rfft(waveform)
    position = np.linspace(0, len(gains_db) - 1, len(spectrum))
    spectrum *= 10.0 ** (np.interp(position, np.arange(len(gains_db)), gains_db) / 20.0)
    return np.asarray(np.fft.irfft(spectrum, len(waveform)))


def room_response(sample_rate_hz: int, generator: Generator) -> np.ndarray:
    """The direct sound and a tail of noise that dies away exponentially: (samples,)."""
    samples = max(int(generator.uniform(*_REVERBERATION_S) * sample_rate_hz), 1)
    tail = generator.standard_normal(samples) * np.exp(-_DB_60 * np.arange(samples) / samples)
    tail *= generator.uniform(*_ECHO_LEVEL) / max(np.sqrt((tail**2).sum()), _SILENCE)
    tail[0] += 1.0
    return np.asarray(tail)


def add_echo(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Convolved with `response`; what sounds on after the clip's end is cut off."""
    from scipy.signal import fftconvolve

    return np.asarray(fftconvolve(waveform, response)[: len(waveform)])


def colored_noise(samples: int, slope: float, generator: Generator) -> np.ndarray:
    """(samples,) of root mean square 1 and a power that falls as frequency^-slope."""
    spectrum = np.fft.rfft(generator.standard_normal(samples))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1) ** (-slope / 2.0)
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / max(_root_mean_square(noise), _SILENCE))


def add_noise(waveform: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Noise of root mean square 1, `snr_db` below the waveform's; a silent waveform gets hardly any."""
    level = max(_root_mean_square(waveform), _SILENCE) * 10.0 ** (-snr_db / 20.0)
    return np.asarray(waveform + noise * level)


def _root_mean_square(waveform: np.ndarray) -> float:
    return float(np.sqrt((np.asarray(waveform, np.float64) ** 2).mean()))


def _copy_digest(dataset_digest: str, copy: int, wanted: WaveformAugmentationConfig) -> str:
    """Stands for the copy's waveforms. The settings' name, the number of copies and their share are not in it."""
    kept = {
        key: value
        for key, value in dataclasses.asdict(wanted).items()
        if key not in ("name", "copies", "clean_share")
    }
    content = {"dataset": dataset_digest, "copy": copy, "version": PERTURBATION_VERSION, **kept}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
