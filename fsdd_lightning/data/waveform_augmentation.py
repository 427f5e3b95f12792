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
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.random import Generator

from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.config.schema import FeatureConfig, IntegerFeatureConfig, WaveformAugmentationConfig
from fsdd_lightning.data.effects import (
    add_echo,
    add_noise,
    at_peak,
    change_speed,
    colored_noise,
    equalize,
    rms,
    room_response,
)
from fsdd_lightning.data.feature_cache import cached_extraction, cached_features
from fsdd_lightning.data.features import Features
from fsdd_lightning.data.integer_features import IntegerExtractor, to_int16
from fsdd_lightning.data.speech_synthesis import WORDS, make_voice, synthesize_digit
from fsdd_lightning.data.streams import babble

# Part of the cache key: increment it with every change that changes a value.
COPIES_VERSION = 3

_EQUALIZER_STEP_HZ = 800  # from a gain to the next: 6 gains from 0 to 4 kHz, 11 to 8 kHz
# Power falls as frequency^-slope: 0 white, 1 pink, 2 brown; half of them lie below 1/2.
_NOISE_SLOPES = 2.0 * np.linspace(0.0, 1.0, 32) ** 2
_NOISE_SAMPLES = 2**18  # half a minute at 8 kHz of each
_BABBLE_VOICES = (1, 2, 3, 4, 5, 6, 8, 10)  # that speak at once
_BABBLE_WORDS = 120  # of the synthetic corpus's voices: no clip that a network is tested with is noise in training
_PAUSE_S = (0.35, 0.7)  # before and after an endpointed copy; the endpointer's floors settle in 0.32 s
_GOLDEN_RATIO = 0.6180339887498949


class Waveforms(Protocol):
    """What copies are made of: recordings, or synthetic speech."""

    @property
    def waveforms(self) -> Sequence[np.ndarray]: ...  # (samples,) float32 each
    @property
    def sample_rate_hz(self) -> int: ...
    @property
    def digest(self) -> str: ...


def augmented_features(
    recordings: Waveforms,
    features: FeatureConfig,
    config: WaveformAugmentationConfig,
    cache_dir: Path,
    endpointer: Endpointer | None = None,
) -> tuple[Features, ...]:
    """The features of every copy of all recordings, in their order; computed once, then read from `cache_dir`.

    `endpointer` cuts the copies of a config that is `endpointed`.
    """

    def one(copy: int) -> Features:
        if not (config.endpointed and isinstance(features, IntegerFeatureConfig)):
            return copy_features(copy, recordings, features, config, cache_dir)
        assert endpointer is not None
        return endpointed_features(copy, recordings, features, config, cache_dir, endpointer)

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # the transforms of several copies run beside each other
        return tuple(threads.map(one, range(config.copies)))


def copy_features(
    copy: int, recordings: Waveforms, features: FeatureConfig, config: WaveformAugmentationConfig, cache_dir: Path
) -> Features:
    """The features of one copy, whose frames are `tempo` times as far apart as those of the recordings."""
    spaced = features.spaced(_copy_hop(copy, features, config))

    def waveforms() -> list[np.ndarray]:
        copies = augmented_waveforms(copy, recordings.waveforms, config, recordings.sample_rate_hz)
        if features.kind == "mfcc":  # which normalizes peaks by itself
            return copies
        pairs = zip(copies, recordings.waveforms, strict=True)
        return [at_peak_of(original, changed, features.least_samples) for changed, original in pairs]

    return cached_features(_copy_digest(recordings.digest, copy, config), waveforms, spaced, cache_dir)


def endpointed_features(
    copy: int,
    recordings: Waveforms,
    features: IntegerFeatureConfig,
    config: WaveformAugmentationConfig,
    cache_dir: Path,
    endpointer: Endpointer,
) -> Features:
    """The same for words in a stream: each copy within a pause, cut by the endpointer, and its ends moved a little."""
    spaced = features.spaced(_copy_hop(copy, features, config))

    def extract() -> Features:
        return endpointed_words(
            recordings.waveforms, spaced, config, endpointer, range(len(recordings.waveforms)), copy
        )

    digest = _copy_digest(recordings.digest, copy, config, endpointer.array().tolist())
    return cached_extraction(digest, extract, spaced, cache_dir)


def endpointed_words(
    waveforms: Sequence[np.ndarray],
    features: IntegerFeatureConfig,
    config: WaveformAugmentationConfig,
    endpointer: Endpointer,
    positions: Sequence[int] | np.ndarray,
    copy: int = 0,
) -> Features:
    """The features of words that the endpointer finds in copies of (samples,) float32, seeded by `positions`."""
    clips, spoken, slack = [], [], []
    for position, waveform in zip(positions, waveforms, strict=True):
        generator = np.random.default_rng([config.seed, copy, int(position)])
        changed, span = waveform_in_pause(waveform, config, features.sample_rate_hz, generator)
        clips.append(to_int16(changed))
        spoken.append(span)
        slack.append(generator.integers(-config.slack_frames, config.slack_frames + 1, 2))
    return IntegerExtractor(features).words(clips, np.array(spoken), endpointer, np.array(slack))


def tempo_exponent(copy: int, most: float) -> float:
    """Spread evenly over -most..most for any number of copies (multiples of the golden ratio, modulo 1)."""
    return most * (2.0 * (copy * _GOLDEN_RATIO % 1.0) - 1.0)


def _copy_hop(copy: int, features: FeatureConfig, config: WaveformAugmentationConfig) -> int:
    return int(features.hop * np.exp(tempo_exponent(copy, config.tempo)) + 0.5)


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
    """One copy, float32. Its level is arbitrary."""
    changed = _other_voice_and_room(waveform, config, sample_rate_hz, generator)
    return _noisy(changed, rms(changed), config, sample_rate_hz, generator).astype(np.float32)


def waveform_in_pause(
    waveform: np.ndarray, config: WaveformAugmentationConfig, sample_rate_hz: int, generator: Generator
) -> tuple[np.ndarray, tuple[int, int]]:
    """One copy as a word in a stream, with the original's peak, float32; and where the word is, in samples."""
    changed = _other_voice_and_room(waveform, config, sample_rate_hz, generator)
    before, after = (int(seconds * sample_rate_hz) for seconds in generator.uniform(*_PAUSE_S, 2))
    stream = np.concatenate([np.zeros(before), changed, np.zeros(after)])
    stream = _noisy(stream, rms(changed), config, sample_rate_hz, generator)
    return at_peak_of(waveform, stream), (before, before + len(changed))


def at_peak_of(original: np.ndarray, changed: np.ndarray, least_samples: int = 1) -> np.ndarray:
    """A copy with the peak of its original, so that 16 bits hold it: float32; the original for a copy too short."""
    if len(changed) < least_samples:
        return original
    return at_peak(changed, np.abs(original).max()).astype(np.float32)


def _other_voice_and_room(
    waveform: np.ndarray, config: WaveformAugmentationConfig, sample_rate_hz: int, generator: Generator
) -> np.ndarray:
    factor = float(np.exp(generator.uniform(-config.speed, config.speed)))
    gains_db = generator.normal(0.0, config.equalizer_db, _equalizer_gains(sample_rate_hz))
    changed = waveform
    if config.speed:  # what changes nothing still takes most of the time
        changed = change_speed(changed, factor)
    if config.equalizer_db:
        changed = equalize(changed, gains_db)
    if generator.random() < config.room_share:
        changed = add_echo(changed, room_response(sample_rate_hz, generator))
    return changed


def _equalizer_gains(sample_rate_hz: int) -> int:
    """As dense at every sample rate; at least 0 Hz and the highest frequency have one."""
    return 1 + max(int(sample_rate_hz / 2 / _EQUALIZER_STEP_HZ + 0.5), 1)


def _noisy(
    waveform: np.ndarray,
    speech_rms: float,
    config: WaveformAugmentationConfig,
    sample_rate_hz: int,
    generator: Generator,
) -> np.ndarray:
    """With colored noise or babble, `snr_db` below the speech; unchanged where no noise is asked for."""
    if config.snr_db is None:
        return waveform
    snr_db = generator.uniform(*config.snr_db)
    babbles = config.babble_share > 0.0 and generator.random() < config.babble_share
    noises = _babbles(sample_rate_hz) if babbles else _noises()
    noise = noises[int(generator.integers(len(noises)))]
    start = int(generator.integers(len(noise)))
    heard = np.take(noise, np.arange(start, start + len(waveform)), mode="wrap")
    return add_noise(waveform, heard, rms(heard), snr_db, speech_rms)


# Copies hear pieces of a few long noises, (_NOISE_SAMPLES,) each: transforms of their own would take most of the time.


@cache
def _noises() -> tuple[np.ndarray, ...]:
    """One of every slope, float32."""
    generator = np.random.default_rng(_NOISE_SAMPLES)
    return tuple(colored_noise(_NOISE_SAMPLES, slope, generator).astype(np.float32) for slope in _NOISE_SLOPES)


@cache
def _babbles(sample_rate_hz: int) -> tuple[np.ndarray, ...]:
    """One of so many synthetic voices each, float32."""
    generator = np.random.default_rng(_NOISE_SAMPLES + 1)
    words = [
        synthesize_digit(number % len(WORDS), make_voice(1, number), generator, sample_rate_hz)
        for number in range(_BABBLE_WORDS)
    ]
    return tuple(babble(words, voices)(_NOISE_SAMPLES, generator).astype(np.float32) for voices in _BABBLE_VOICES)


def _copy_digest(
    dataset_digest: str, copy: int, config: WaveformAugmentationConfig, endpointer: Sequence[int] = ()
) -> str:
    """Identifies the copy's waveforms. The config's name, the number of copies and their share do not count."""
    kept = {
        key: value for key, value in dataclasses.asdict(config).items() if key not in ("name", "copies", "clean_share")
    }
    content = {"dataset": dataset_digest, "copy": copy, "version": COPIES_VERSION, "endpointer": list(endpointer)}
    return hashlib.sha256(json.dumps(content | kept, sort_keys=True).encode()).hexdigest()
