"""Copies of waveforms in other voices, tempi, channels, rooms and noises; waveforms are (samples,) float32.

A copy is resampled (which moves pitch, formants and tempo together), equalized, sometimes given an echo, and
mixed with colored noise. Its tempo alone is changed by the distance between its frames, see `copy_features`. All
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
from fsdd_lightning.data.effects import add_echo, add_noise, change_speed, colored_noise, equalize, room_response
from fsdd_lightning.data.feature_cache import cached_features
from fsdd_lightning.data.features import Features
from fsdd_lightning.data.recordings import RecordingSet

# Part of the cache key: increment it with every change that changes a value.
COPIES_VERSION = 1

_EQUALIZER_BANDS = 6
_NOISE_SLOPE = (0.0, 2.0)  # power falls as frequency^-slope: 0 white, 1 pink, 2 brown
_GOLDEN_RATIO = 0.6180339887498949


def augmented_features(
    recordings: RecordingSet, features: FeatureConfig, config: WaveformAugmentationConfig, cache_dir: Path
) -> tuple[Features, ...]:
    """The features of every copy of all recordings, in their order; computed once, then read from `cache_dir`."""
    return tuple(copy_features(copy, recordings, features, config, cache_dir) for copy in range(config.copies))


def copy_features(
    copy: int, recordings: RecordingSet, features: FeatureConfig, config: WaveformAugmentationConfig, cache_dir: Path
) -> Features:
    """The features of one copy, whose frames are `tempo` times as far apart as those of the recordings."""
    spaced = features.spaced(int(features.hop * np.exp(tempo_exponent(copy, config.tempo)) + 0.5))

    def waveforms() -> list[np.ndarray]:
        return augmented_waveforms(copy, recordings.waveforms, config, recordings.sample_rate_hz)

    return cached_features(_copy_digest(recordings.digest, copy, config), waveforms, spaced, cache_dir)


def tempo_exponent(copy: int, most: float) -> float:
    """Spread evenly over -most..most for any number of copies (multiples of the golden ratio, modulo 1)."""
    return most * (2.0 * (copy * _GOLDEN_RATIO % 1.0) - 1.0)


def augmented_waveforms(
    copy: int, waveforms: Sequence[np.ndarray], config: WaveformAugmentationConfig, sample_rate_hz: int
) -> list[np.ndarray]:
    """Copy number `copy` of each waveform, at the same sample rate; the lengths may differ."""
    return [
        augment_waveform(waveform, config, sample_rate_hz, np.random.default_rng([config.seed, copy, position]))
        for position, waveform in enumerate(waveforms)
    ]


def augment_waveform(
    waveform: np.ndarray, config: WaveformAugmentationConfig, sample_rate_hz: int, generator: Generator
) -> np.ndarray:
    """One copy, float32. Its level is arbitrary, since features are computed from peak-normalized clips."""
    changed = change_speed(waveform, float(np.exp(generator.uniform(-config.speed, config.speed))))
    changed = equalize(changed, generator.normal(0.0, config.equalizer_db, _EQUALIZER_BANDS))
    if generator.random() < config.room_share:
        changed = add_echo(changed, room_response(sample_rate_hz, generator))
    if config.snr_db is not None:
        noise = colored_noise(len(changed), generator.uniform(*_NOISE_SLOPE), generator)
        changed = add_noise(changed, noise, 1.0, generator.uniform(*config.snr_db))
    return changed.astype(np.float32)


def _copy_digest(dataset_digest: str, copy: int, config: WaveformAugmentationConfig) -> str:
    """Identifies the copy's waveforms. The config's name, the number of copies and their share do not count."""
    kept = {
        key: value for key, value in dataclasses.asdict(config).items() if key not in ("name", "copies", "clean_share")
    }
    content = {"dataset": dataset_digest, "copy": copy, "version": COPIES_VERSION, **kept}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
