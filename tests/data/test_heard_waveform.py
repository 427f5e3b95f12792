"""Of clips longer than a network hears, the word is cut out: where it is, which one, and when nothing is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from example_configs import feature_config
from long_clips import RATE, noise, padded_corpus, within_pauses
from spoken_streams import hum, spoken

from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.config.schema import Config, DataConfig, IntegerFeatureConfig
from fsdd_lightning.data import preparation
from fsdd_lightning.data.integer_features import IntegerExtractor, heard_span, heard_waveform
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.sweeps.compose import compose_config


@pytest.fixture(scope="module")
def config(synthetic_cache: str) -> Config:
    """A second is heard, which is longer than all synthetic words."""
    synthetic = ("data=synthetic", "data.synthetic.speakers=2", "data.synthetic.takes=6", synthetic_cache)
    return compose_config(*synthetic, "features.max_seconds=1")


@pytest.fixture(scope="module")
def features(config: Config) -> IntegerFeatureConfig:
    assert isinstance(config.features, IntegerFeatureConfig)
    return config.features


@pytest.fixture(scope="module")
def endpointer(config: Config) -> Endpointer:
    assert config.listener is not None
    return config.listener.endpointer


@pytest.fixture(scope="module")
def heard(features: IntegerFeatureConfig, endpointer: Endpointer) -> Callable[[np.ndarray], np.ndarray]:
    return lambda waveform: heard_waveform(waveform, features, endpointer)


Heard = Callable[[np.ndarray], np.ndarray]


def start_of(part: np.ndarray, whole: np.ndarray) -> int:
    """Where `part` lies in `whole`, sample for sample."""
    (start,) = (k for k in range(len(whole) - len(part) + 1) if np.array_equal(whole[k : k + len(part)], part))
    return start


# ---- what is cut


def test_a_long_clip_is_cut_to_its_word(heard: Heard, features: IntegerFeatureConfig) -> None:
    """Whole frames, from about where the word begins to about where its loud part ends."""
    word = hum(0.4)
    clip = within_pauses(word)
    cut = heard(clip)
    start = start_of(cut, clip)
    assert abs(start - 0.9 * RATE) <= 0.04 * RATE and abs(start + len(cut) - 1.3 * RATE) <= 0.04 * RATE
    assert start % features.hop == 0 and (len(cut) - features.window) % features.hop == 0
    assert cut.dtype == np.float32


def test_every_digit_is_found_in_its_pauses(heard: Heard) -> None:
    for digit in range(10):
        clip = within_pauses(spoken(digit))
        cut = heard(clip)
        start, end = start_of(cut, clip), start_of(cut, clip) + len(cut)
        assert abs(start - 0.9 * RATE) <= 0.06 * RATE, digit
        assert 0.5 * len(spoken(digit)) < len(cut) <= end - start <= len(spoken(digit)) + 0.06 * RATE, digit


def test_of_several_words_the_longest_is_heard(heard: Heard) -> None:
    parts = [noise(0.6), hum(0.3), noise(0.6), hum(0.5), noise(0.6), hum(0.2), noise(0.6)]
    clip = np.concatenate(parts).astype(np.float32)
    cut = heard(clip)
    assert abs(start_of(cut, clip) - 1.5 * RATE) <= 0.04 * RATE and abs(len(cut) - 0.5 * RATE) <= 0.05 * RATE


def test_of_words_of_the_same_length_the_first_is_heard(heard: Heard) -> None:
    """The second one is the first turned upside down."""
    word = np.concatenate([np.zeros(RATE), hum(0.4), np.zeros(RATE)]).astype(np.float32)
    once, twice = heard(word), heard(np.concatenate([word, -word]))
    assert np.array_equal(twice, once) and np.array_equal(heard(np.concatenate([-word, word])), -once)


@pytest.mark.parametrize("more", [0, 1, 40, 80, 95, 96, 97, 159])
def test_a_word_that_the_clips_end_cuts_off_is_found(
    heard: Heard, features: IntegerFeatureConfig, endpointer: Endpointer, more: int
) -> None:
    """Wherever its last frames begin; they reach to the end of the clip, no further."""
    clip = np.concatenate([noise(0.9), hum(0.4 + more / RATE)]).astype(np.float32)
    cut = heard(clip)
    start = start_of(cut, clip)
    assert abs(start - 0.9 * RATE) <= 0.04 * RATE and len(clip) - start - len(cut) < 160
    assert heard_span(clip, features, endpointer) == (start, start + len(cut))


def test_a_click_at_the_very_end_still_makes_a_frame(features: IntegerFeatureConfig, endpointer: Endpointer) -> None:
    """It may be a word where a single frame is one, though its window lies within the clip only in part."""
    hasty = replace(endpointer, shortest_frames=1)
    clip = noise(1.205)
    clip[-12:] += np.float32(0.2) * np.random.default_rng(1).standard_normal(12).astype(np.float32)
    cut = heard_waveform(clip, features, hasty)
    assert features.window <= len(cut) < len(clip)
    assert np.array_equal(cut, clip[-len(cut) :])


def test_the_features_are_those_of_the_words_frames(heard: Heard, features: IntegerFeatureConfig) -> None:
    cut = heard(within_pauses(hum(0.4)))
    extracted = IntegerExtractor(features)([cut])
    assert extracted.trimmed == 0
    assert extracted.lengths.tolist() == [features.front_end.frames(len(cut))]


# ---- what stays whole


def test_a_clip_that_is_short_enough_is_unchanged(heard: Heard, features: IntegerFeatureConfig) -> None:
    longest = within_pauses(hum(0.3), 0.2, 0.9)[: features.samples(features.max_frames)]
    assert len(longest) == features.samples(features.max_frames)
    assert np.array_equal(heard(longest), longest) and np.array_equal(heard(longest[:300]), longest[:300])
    longer = np.append(longest, np.float32(0.0))
    assert len(heard(longer)) < len(longest)


@pytest.mark.parametrize("sound", [noise(3.0), np.zeros(3 * RATE, np.float32), within_pauses(hum(0.03)), hum(3.0)])
def test_without_a_word_the_clip_stays_whole(heard: Heard, sound: np.ndarray) -> None:
    """Noise, silence, a click, and what is too long to be a word."""
    assert np.array_equal(heard(sound), sound)


def test_mfcc_and_runs_without_a_listener_hear_whole_clips(
    features: IntegerFeatureConfig, endpointer: Endpointer
) -> None:
    clip = within_pauses(hum(0.4))
    for config, finder in ((feature_config(max_frames=20), endpointer), (features, None)):
        assert heard_span(clip, config, finder) == (0, len(clip))
        assert np.array_equal(heard_waveform(clip, config, finder), clip)


# ---- whole corpora


@pytest.fixture(scope="module")
def original(config: Config) -> PreparedData:
    return prepare_data(config.data, config.split, config.features, listener=config.listener)


@pytest.fixture(scope="module")
def long_data(config: Config, original: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """Every third recording lasts longer than 50 frames."""
    root = padded_corpus(original, tmp_path_factory.mktemp("long") / "recordings", every=3)
    return replace(config.data, name="long", source="fsdd", root=str(root))


def test_a_corpus_of_short_clips_has_no_note_and_its_own_digest(config: Config, original: PreparedData) -> None:
    assert not any("longer than" in note for note in original.notes)
    assert all(map(np.array_equal, original.heard, original.recordings.waveforms))
    unheard = prepare_data(config.data, config.split, config.features)
    assert np.array_equal(unheard.features, original.features)


def test_long_clips_of_a_corpus_are_cut_and_counted(
    config: Config, original: PreparedData, long_data: DataConfig
) -> None:
    data = prepare_data(long_data, config.split, config.features, listener=config.listener)
    waveforms = data.recordings.waveforms
    cut = [len(part) < len(whole) for part, whole in zip(data.heard, waveforms, strict=True)]
    assert sum(cut) == 40 and cut[::3] == [True] * 40
    assert "40 of 120 clips longer than 50 frames: their word was cut out" in data.notes
    assert data.extracted.trimmed == 0 and not any("trimmed" in note for note in data.notes)
    uncut = np.flatnonzero(~np.array(cut))
    assert np.array_equal(data.extracted.values[uncut], original.extracted.values[uncut])
    whole = prepare_data(long_data, config.split, config.features)
    assert whole.extracted.trimmed == 40 and "40 of 120 clips trimmed to 50 frames" in whole.notes
    assert not np.array_equal(whole.extracted.values[::3], data.extracted.values[::3])


def test_clips_that_are_cut_elsewhere_are_other_features_in_the_cache(
    config: Config, long_data: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same cuts, features are read."""
    assert config.listener is not None
    before = prepare_data(long_data, config.split, config.features, listener=config.listener)
    nervous = replace(config.listener, quiet=40, loud=60)
    changed = prepare_data(long_data, config.split, config.features, listener=nervous)
    assert not np.array_equal(changed.extracted.values, before.extracted.values)
    seen: list[str] = []
    cached = preparation.cached_features

    def watched(digest: str, *rest: object) -> object:
        seen.append(digest)
        return cached(digest, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(preparation, "cached_features", watched)
    for listener in (config.listener, replace(config.listener, false_reject_rate=0.3), nervous, None):
        prepare_data(long_data, config.split, config.features, listener=listener)
    assert seen[0] == seen[1] and len(set(seen)) == 3
    assert seen[3] == before.recordings.digest
