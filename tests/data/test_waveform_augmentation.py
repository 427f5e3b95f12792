"""Copies sound as they should: each ingredient is measured on signals whose spectrum, length or level is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.config.schema import FeatureConfig, WaveformAugmentationConfig
from fsdd_lightning.data import feature_cache
from fsdd_lightning.data.mfcc import MfccExtractor
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.waveform_augmentation import (
    add_echo,
    add_noise,
    augment_waveform,
    augmented_features,
    augmented_waveforms,
    change_speed,
    colored_noise,
    copy_features,
    equalize,
    room_response,
    tempo_exponent,
)

RATE_HZ = 8000
FEATURES = FeatureConfig(RATE_HZ, 5, 20, 200, None, 100, 0.0, None, 60.0, 30, True, None, False)
NOTHING = WaveformAugmentationConfig("none", 2, 0.0, 0, 0.0, 0.0, 0.0, 0.0, None)
EVERYTHING = WaveformAugmentationConfig("all", 3, 0.2, 7, 0.2, 0.2, 5.0, 0.5, (5.0, 30.0))


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(frequency_hz: float, samples: int = 4000) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(samples) / RATE_HZ).astype(np.float32)


def loudest_hz(waveform: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(spectrum) * RATE_HZ / len(waveform))


def level(waveform: np.ndarray) -> float:
    return float(np.sqrt((waveform**2).mean()))


@pytest.fixture
def recordings() -> RecordingSet:
    waveforms = tuple(
        (generator(i).standard_normal(1500 + 300 * i) * 0.1).astype(np.float32) for i in range(4)
    )
    return RecordingSet("noises", Path(), (), waveforms, RATE_HZ, "ab" * 32, (), ())


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_moves_pitch_and_length(factor: float) -> None:
    changed = change_speed(tone(1000.0), factor)
    assert len(changed) == round(4000 / factor)
    assert loudest_hz(changed) == pytest.approx(1000.0 * factor, abs=2.0)


def test_the_equalizer_gives_each_frequency_its_gain() -> None:
    """Six bands from 0 to 4000 Hz are 800 Hz apart: 800 Hz has the second gain, 1200 Hz the mean of two."""
    gains_db = np.array([0.0, 6.0, -12.0, 0.0, 3.0, 0.0])
    for frequency_hz, gain_db in ((800.0, 6.0), (1200.0, -3.0), (1600.0, -12.0), (3200.0, 3.0)):
        changed = equalize(tone(frequency_hz), gains_db)
        assert 20 * np.log10(level(changed) / level(tone(frequency_hz))) == pytest.approx(gain_db, abs=0.05)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_falls_with_its_slope(slope: float) -> None:
    power = np.abs(np.fft.rfft(colored_noise(1 << 16, slope, generator()))) ** 2
    low, high = power[1000:2000].mean(), power[16000:32000].mean()  # four octaves apart
    assert 10 * np.log10(low / high) == pytest.approx(slope * 10 * np.log10(16), abs=0.5)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_lies_so_much_below_the_waveform(snr_db: float) -> None:
    noise = colored_noise(4000, 1.0, generator())
    added = add_noise(tone(500.0), noise, snr_db) - tone(500.0)
    assert 20 * np.log10(level(tone(500.0)) / level(added)) == pytest.approx(snr_db, abs=0.01)


def test_a_room_keeps_the_direct_sound_and_dies_away() -> None:
    response = room_response(RATE_HZ, generator())
    impulse = np.zeros(4000)
    impulse[0] = 1.0
    heard = add_echo(impulse, response)
    assert len(heard) == 4000
    np.testing.assert_allclose(heard[: len(response)], response, atol=1e-12)
    assert 0.5 < response[0] < 1.5
    tail, end = response[1 : len(response) // 4], response[-len(response) // 10 :]
    assert level(end) < 0.05 * level(tail)


def test_nothing_wanted_changes_nothing() -> None:
    waveform = tone(440.0)
    np.testing.assert_allclose(augment_waveform(waveform, NOTHING, RATE_HZ, generator()), waveform, atol=1e-6)


@pytest.mark.parametrize("waveform", [np.zeros(500, np.float32), np.ones(1, np.float32)])
def test_silence_and_a_single_sample_stay_finite(waveform: np.ndarray) -> None:
    for seed in range(20):
        changed = augment_waveform(waveform, replace(EVERYTHING, room_share=1.0), RATE_HZ, generator(seed))
        assert changed.dtype == np.float32 and len(changed) and np.isfinite(changed).all()


def test_copies_differ_and_come_out_the_same_again(recordings: RecordingSet) -> None:
    first, again, other = (
        augmented_waveforms(copy, recordings.waveforms, EVERYTHING, RATE_HZ) for copy in (0, 0, 1)
    )
    assert all(map(np.array_equal, first, again))
    assert not any(map(np.array_equal, first, other))
    reseeded = augmented_waveforms(0, recordings.waveforms, replace(EVERYTHING, seed=8), RATE_HZ)
    assert not any(map(np.array_equal, first, reseeded))


def test_a_clips_copy_does_not_depend_on_what_stands_behind_it(recordings: RecordingSet) -> None:
    alone = augmented_waveforms(0, recordings.waveforms[:1], EVERYTHING, RATE_HZ)
    assert np.array_equal(alone[0], augmented_waveforms(0, recordings.waveforms, EVERYTHING, RATE_HZ)[0])


def test_tempo_is_spread_over_its_range() -> None:
    exponents = np.sort([tempo_exponent(copy, 0.2) for copy in range(16)])
    assert -0.2 <= exponents[0] < -0.15 and 0.15 < exponents[-1] <= 0.2
    assert np.diff(exponents).max() < 0.06


def test_tempo_moves_frames_apart(recordings: RecordingSet, tmp_path: Path) -> None:
    """Copy 0 of tempo 0.2 has hops of 100 exp(-0.2) = 82 samples."""
    slower = copy_features(0, recordings, FEATURES, replace(NOTHING, tempo=0.2), tmp_path)
    expected = MfccExtractor(replace(FEATURES, hop_length=82))(recordings.waveforms)
    np.testing.assert_array_equal(slower.lengths, expected.lengths)
    np.testing.assert_allclose(
        slower.values, expected.values, atol=0.05
    )  # 1e-7 of the waveform's peak, in dB


def test_the_hop_never_exceeds_the_window(recordings: RecordingSet, tmp_path: Path) -> None:
    touching = replace(FEATURES, hop_length=200)
    features = augmented_features(recordings, touching, replace(EVERYTHING, tempo=0.7), tmp_path)
    assert len(features) == 3


def test_features_are_those_of_the_copies(recordings: RecordingSet, tmp_path: Path) -> None:
    still = replace(EVERYTHING, tempo=0.0)
    features = augmented_features(recordings, FEATURES, still, tmp_path)
    assert len(features) == 3
    for copy, made in enumerate(features):
        expected = MfccExtractor(FEATURES)(augmented_waveforms(copy, recordings.waveforms, still, RATE_HZ))
        np.testing.assert_array_equal(made.values, expected.values)


def test_copies_are_made_once(
    recordings: RecordingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More copies, another share of them, or another name ask for no copy again; another sound does."""
    made: list[int] = []
    extractor = feature_cache.MfccExtractor

    def counting(config: FeatureConfig) -> MfccExtractor:
        made.append(1)
        return extractor(config)

    monkeypatch.setattr(feature_cache, "MfccExtractor", counting)
    for wanted, computed in (
        (EVERYTHING, 3),
        (EVERYTHING, 0),
        (replace(EVERYTHING, copies=4, clean_share=0.9, name="more"), 1),
        (replace(EVERYTHING, room_share=0.6), 3),
    ):
        made.clear()
        augmented_features(recordings, FEATURES, wanted, tmp_path)
        assert len(made) == computed
