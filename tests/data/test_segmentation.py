"""Words found in recordings whose words are known: their number and place, in noise and in silence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.data.recordings import load_recordings
from fsdd_lightning.data.segmentation import (
    LONGEST_GAP_S,
    MARGIN_S,
    SHORTEST_WORD_S,
    Segment,
    find_words,
    frame_energy_db,
)
from fsdd_lightning.data.speech_synthesis import clip_generator, make_voice, synthesize_digit

RATE = 8000
SLACK_S = 0.06  # the energy window and the margin on either side of a burst


def burst(duration_s: float, level: float = 0.5) -> np.ndarray:
    return level * np.sin(np.arange(round(duration_s * RATE)) * 0.7)


def with_pauses(
    clips: Sequence[np.ndarray], pauses_s: Sequence[float], noise: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, list[Segment]]:
    """Clips between pauses (one more than clips) over white noise, and their places."""
    parts, truth, at = [], [], 0
    for pause_s, clip in zip(pauses_s, [*clips, np.zeros(0)], strict=True):
        silence = np.zeros(round(pause_s * RATE))
        at += len(silence)
        truth.append(Segment(at, at + len(clip)))
        at += len(clip)
        parts += [silence, clip]
    sound = np.concatenate(parts)
    sound += noise * np.random.default_rng(seed).standard_normal(len(sound))
    return sound.astype(np.float32), truth[:-1]


def assert_found(found: Sequence[Segment], truth: Sequence[Segment], slack_s: float = SLACK_S) -> None:
    assert len(found) == len(truth)
    for one, other in zip(found, truth, strict=True):
        assert abs(one.start - other.start) <= slack_s * RATE
        assert abs(one.end - other.end) <= slack_s * RATE


def all_overlap(found: Sequence[Segment], truth: Sequence[Segment]) -> bool:
    return all(one.start < other.end and other.start < one.end for one, other in zip(found, truth, strict=True))


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.01])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_bursts_are_found_at_their_place_at_any_level(noise: float, gain: float) -> None:
    clips = [burst(0.3), burst(0.5, 0.2), burst(0.2)]
    sound, truth = with_pauses(clips, [0.4, 0.3, 0.6, 0.2], noise)
    assert_found(find_words(gain * sound, RATE), truth)


def test_a_recording_may_begin_and_end_with_a_word() -> None:
    sound, truth = with_pauses([burst(0.3), burst(0.3)], [0.0, 0.5, 0.0], 0.001)
    found = find_words(sound, RATE)
    assert_found(found, truth)
    assert (found[0].start, found[-1].end) == (0, len(sound))


def test_a_short_gap_belongs_to_a_word_and_a_longer_one_separates_two() -> None:
    inside, _ = with_pauses([burst(0.2), burst(0.2)], [0.4, LONGEST_GAP_S - 0.02, 0.4])
    between, _ = with_pauses([burst(0.2), burst(0.2)], [0.4, LONGEST_GAP_S + 0.08, 0.4])
    assert (len(find_words(inside, RATE)), len(find_words(between, RATE))) == (1, 2)


def test_a_click_is_not_a_word() -> None:
    sound, truth = with_pauses([burst(0.3), burst(0.01), burst(0.3)], [0.4, 0.5, 0.5, 0.4], 0.001)
    assert SHORTEST_WORD_S > 0.01 + 0.04  # the click as its energy window sees it
    assert_found(find_words(sound, RATE), [truth[0], truth[2]])


def test_silence_has_no_words() -> None:
    assert find_words(np.zeros(RATE, np.float32), RATE) == ()
    assert find_words(np.full(RATE, 0.25, np.float32), RATE) == ()


def test_steady_noise_is_one_segment() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert find_words(noise, RATE) == (Segment(0, RATE),)


@pytest.mark.parametrize("samples", [1, 2, 79, 80, 81, 160])
def test_the_shortest_sounds_are_cut_within_their_bounds(samples: int) -> None:
    sound = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    assert all(0 <= word.start < word.end <= samples for word in find_words(sound, RATE))


def test_segments_never_overlap() -> None:
    assert 2 * MARGIN_S < LONGEST_GAP_S
    rng = np.random.default_rng(5)
    for _ in range(20):
        sound = np.repeat(rng.choice([0.0, 0.01, 0.1, 1.0], 60), 400) * rng.standard_normal(24000)
        found = find_words(sound, RATE)
        assert all(one.end <= other.start for one, other in pairwise(found))


def test_energy_is_that_of_the_window() -> None:
    assert frame_energy_db(np.full(800, 0.1), RATE) == pytest.approx(np.full(10, -20.0))
    assert frame_energy_db(np.zeros(80), RATE) == pytest.approx(-100.0)


@pytest.mark.parametrize("noise", [0.0, 0.0005, 0.002])
def test_synthetic_digits_between_pauses_are_all_found(noise: float) -> None:
    for voice_index in range(3):
        voice = make_voice(0, voice_index)
        clips = [synthesize_digit(digit, voice, clip_generator(0, digit, voice_index, 0), RATE) for digit in range(10)]
        sound, truth = with_pauses(clips, [0.4] * 11, noise, seed=voice_index)
        found = find_words(sound, RATE)
        assert len(found) == 10 and all_overlap(found, truth)


@pytest.mark.fsdd
def test_real_digits_between_pauses_are_found(fsdd_root: Path) -> None:
    recordings = load_recordings(fsdd_root, "fsdd", RATE, "error")
    rng = np.random.default_rng(1)
    whole = 0
    for _ in range(60):
        clips = [recordings.waveforms[i] for i in rng.integers(0, 300, 6)]  # zeros, of all speakers
        clips = [0.05 / np.sqrt((clip**2).mean()) * clip for clip in clips]  # equally loud
        sound, truth = with_pauses(clips, rng.uniform(0.3, 0.8, 7), 0.0015)
        found = find_words(sound, RATE)
        whole += len(found) == 6 and all_overlap(found, truth)
    assert whole >= 54
