"""Training copies: their randomness, their tempo, their cached features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from example_configs import feature_config

from fsdd_lightning.config.schema import FeatureConfig, WaveformAugmentationConfig
from fsdd_lightning.data import feature_cache
from fsdd_lightning.data import waveform_augmentation as making
from fsdd_lightning.data.effects import rms
from fsdd_lightning.data.extraction import FeatureExtractor
from fsdd_lightning.data.mfcc import MfccExtractor
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.waveform_augmentation import (
    augment_waveform,
    augmented_features,
    augmented_waveforms,
    copy_features,
    tempo_exponent,
    waveform_in_pause,
)

RATE_HZ = 8000
FEATURES = feature_config(n_mfcc=5, n_mels=20, n_fft=200, hop_length=100, top_db=60.0, max_frames=30)
NOTHING = WaveformAugmentationConfig("none", 2, 0.0, 0, 0.0, 0.0, 0.0, 0.0, None, 0.0, False, 0)
EVERYTHING = WaveformAugmentationConfig("all", 3, 0.2, 7, 0.2, 0.2, 5.0, 0.5, (5.0, 30.0), 0.5, False, 0)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def recordings() -> RecordingSet:
    waveforms = tuple((generator(i).standard_normal(1500 + 300 * i) * 0.1).astype(np.float32) for i in range(4))
    return RecordingSet("noises", Path(), (), waveforms, RATE_HZ, "ab" * 32, (), ())


def test_without_changes_the_copy_is_the_waveform() -> None:
    waveform = np.sin(2 * np.pi * 440.0 * np.arange(4000) / RATE_HZ).astype(np.float32)
    np.testing.assert_allclose(augment_waveform(waveform, NOTHING, RATE_HZ, generator()), waveform, atol=1e-6)


@pytest.mark.parametrize("waveform", [np.zeros(500, np.float32), np.ones(1, np.float32)])
def test_silence_and_a_single_sample_stay_finite(waveform: np.ndarray) -> None:
    for seed in range(20):
        changed = augment_waveform(waveform, replace(EVERYTHING, room_share=1.0), RATE_HZ, generator(seed))
        assert changed.dtype == np.float32 and len(changed) and np.isfinite(changed).all()


def test_copies_differ_and_are_reproducible(recordings: RecordingSet) -> None:
    first, again, other = (augmented_waveforms(copy, recordings.waveforms, EVERYTHING, RATE_HZ) for copy in (0, 0, 1))
    assert all(map(np.array_equal, first, again))
    assert not any(map(np.array_equal, first, other))
    reseeded = augmented_waveforms(0, recordings.waveforms, replace(EVERYTHING, seed=8), RATE_HZ)
    assert not any(map(np.array_equal, first, reseeded))


def test_a_copy_does_not_depend_on_the_clips_after_it(recordings: RecordingSet) -> None:
    alone = augmented_waveforms(0, recordings.waveforms[:1], EVERYTHING, RATE_HZ)
    assert np.array_equal(alone[0], augmented_waveforms(0, recordings.waveforms, EVERYTHING, RATE_HZ)[0])


@pytest.mark.parametrize("babble_share", [0.0, 1.0])
def test_noise_is_as_far_below_the_speech_as_the_config_says(babble_share: float) -> None:
    """Of the whole copy; in a stream, of the word alone."""
    waveform = np.sin(2 * np.pi * 440.0 * np.arange(4000) / RATE_HZ).astype(np.float32)
    noisy = replace(NOTHING, snr_db=(10.0, 10.0), babble_share=babble_share)
    for seed in range(5):
        added = augment_waveform(waveform, noisy, RATE_HZ, generator(seed)) - waveform
        assert 20 * np.log10(rms(waveform) / rms(added)) == pytest.approx(10.0, abs=0.01)
        stream, (first, end) = waveform_in_pause(waveform, noisy, RATE_HZ, generator(seed))
        assert np.abs(stream).max() == pytest.approx(1.0, abs=1e-3) and end - first == 4000
        pauses = np.concatenate([stream[:first], stream[end:]])
        assert rms(pauses) > 0.02 and len(stream) > 4000 + 2 * 0.35 * RATE_HZ - 2


def test_noises_have_all_colors_and_babbles_all_numbers_of_voices() -> None:
    """Each half a minute long, of root mean square 1; half of the colors are nearer to white than 1/2 is."""
    colors, babbles = making._noises(), making._babbles(RATE_HZ)
    assert (len(colors), len(babbles)) == (32, 8)
    for noise in (*colors, *babbles):
        assert noise.dtype == np.float32 and noise.shape == (2**18,)
        assert rms(noise) == pytest.approx(1.0, abs=1e-3)
    changes = [rms(np.diff(noise)) for noise in colors]  # white noise changes most
    assert changes == sorted(changes, reverse=True) and len(set(changes)) == 32
    assert making._noises() is colors


def test_copies_hear_pieces_of_noises_by_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_noises", lambda: (np.ones(1000, np.float32),))
    monkeypatch.setattr(making, "_babbles", lambda rate: (np.resize(np.float32([1, -1]), 1000),))
    noisy = replace(NOTHING, snr_db=(0.0, 0.0), babble_share=0.3)
    silence = np.full(64, 0.5, np.float32)
    heard = [augment_waveform(silence, noisy, RATE_HZ, generator(seed)) for seed in range(400)]
    babbling = np.mean([np.ptp(copy) > 0.5 for copy in heard])
    assert babbling == pytest.approx(0.3, abs=0.07)  # 3 standard errors


def test_a_clip_longer_than_the_noises_hears_them_again() -> None:
    """From a moment of its own on."""
    samples, config = 2**18 + 5000, replace(NOTHING, snr_db=(0.0, 0.0))
    quiet = np.full(samples, 0.25, np.float32)
    added = [augment_waveform(quiet, config, RATE_HZ, generator(seed)) - quiet for seed in (1, 2)]
    for noise in added:
        np.testing.assert_allclose(noise[-5000:], noise[:5000], atol=1e-6)
    assert not np.allclose(added[0][:100], added[1][:100], atol=1e-3)


@pytest.mark.parametrize(("rate_hz", "gains"), [(500, 2), (8000, 6), (11025, 8), (16000, 11), (44100, 29)])
def test_the_equalizer_is_as_dense_at_every_sample_rate(
    rate_hz: int, gains: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(making, "equalize", lambda waveform, gains_db: drawn.append(len(gains_db)) or waveform)
    augment_waveform(np.ones(rate_hz, np.float32), replace(NOTHING, equalizer_db=5.0), rate_hz, generator())
    assert drawn == [gains]


def test_tempo_is_spread_over_its_range() -> None:
    exponents = np.sort([tempo_exponent(copy, 0.2) for copy in range(16)])
    assert -0.2 <= exponents[0] < -0.15 and 0.15 < exponents[-1] <= 0.2
    assert np.diff(exponents).max() < 0.06


def test_tempo_moves_frames_apart(recordings: RecordingSet, tmp_path: Path) -> None:
    """Copy 0 of tempo 0.2 has hops of 100 exp(-0.2) = 82 samples."""
    slower = copy_features(0, recordings, FEATURES, replace(NOTHING, tempo=0.2), tmp_path)
    expected = MfccExtractor(FEATURES.spaced(82))(recordings.waveforms)
    np.testing.assert_array_equal(slower.lengths, expected.lengths)
    np.testing.assert_allclose(slower.values, expected.values, atol=0.05)  # 1e-7 of the waveform's peak, in dB


def test_the_hop_never_exceeds_the_window(recordings: RecordingSet, tmp_path: Path) -> None:
    touching = FEATURES.spaced(200)
    features = augmented_features(recordings, touching, replace(EVERYTHING, tempo=0.7), tmp_path)
    assert len(features) == 3


def test_features_are_those_of_the_copies(recordings: RecordingSet, tmp_path: Path) -> None:
    still = replace(EVERYTHING, tempo=0.0)
    features = augmented_features(recordings, FEATURES, still, tmp_path)
    assert len(features) == 3
    for copy, made in enumerate(features):
        expected = MfccExtractor(FEATURES)(augmented_waveforms(copy, recordings.waveforms, still, RATE_HZ))
        np.testing.assert_array_equal(made.values, expected.values)


def test_copies_are_made_once(recordings: RecordingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More copies, another share of them or another name recompute no copy; another sound does."""
    made: list[int] = []
    extractor = feature_cache.feature_extractor

    def counting(config: FeatureConfig) -> FeatureExtractor:
        made.append(1)
        return extractor(config)

    monkeypatch.setattr(feature_cache, "feature_extractor", counting)
    for config, computed in (
        (EVERYTHING, 3),
        (EVERYTHING, 0),
        (replace(EVERYTHING, copies=4, clean_share=0.9, name="more"), 1),
        (replace(EVERYTHING, room_share=0.6), 3),
    ):
        made.clear()
        augmented_features(recordings, FEATURES, config, tmp_path)
        assert len(made) == computed
