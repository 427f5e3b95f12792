"""Streams against their own truth: words at their places, noise at its level, the same bytes again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.data import streams
from fsdd_lightning.data.effects import rms
from fsdd_lightning.data.recordings import Recording, RecordingSet
from fsdd_lightning.data.streams import (
    Noise,
    Stream,
    active_rms,
    babble,
    babble_around,
    make_stream,
    room_noise,
    speaker_streams,
)

RATE = 8000
SILENT = np.inf  # dB of SNR


def clip(label: int, samples: int = 2400, peak: float = 0.1) -> np.ndarray:
    """A tone of its label's frequency, as loud everywhere."""
    return (peak * np.sin(0.1 * (label + 1) * np.arange(samples))).astype(np.float32)


def stream(noise: Noise = room_noise, snr_db: float = SILENT, seed: int = 3) -> Stream:
    clips = [clip(label, 2000 + 100 * label, 0.01 * (label + 1)) for label in range(6)]
    return make_stream(clips, range(6), RATE, noise, snr_db, np.random.default_rng(seed))


def corpus(clips_of: dict[str, int]) -> RecordingSet:
    """Speakers with so many clips; those of a speaker have a frequency of their own."""
    named = [(speaker, take, k) for k, (speaker, count) in enumerate(clips_of.items()) for take in range(count)]
    recordings = tuple(Recording(str(take % 10), speaker, take, Path("no.wav")) for speaker, take, _ in named)
    waveforms = tuple(clip(k, 2000 + 10 * take) for _, take, k in named)
    return RecordingSet("made", Path(), recordings, waveforms, RATE, "", (), ())


def test_every_word_lies_where_the_truth_says_at_half_of_full_scale() -> None:
    made = stream()
    assert [word.label for word in made.words] == list(range(6))
    for word in made.words:
        expected = clip(word.label, 2000 + 100 * word.label).astype(np.float64)
        expected *= 2**14 / np.abs(expected).max()
        assert word.end - word.start == len(expected)
        assert np.abs(made.samples[word.start : word.end] - expected).max() <= 0.51  # 16 bits, and float32 before
    assert made.samples.dtype == np.int16


def test_there_is_nothing_between_words_but_pauses_of_the_stated_length() -> None:
    made = stream()
    ends = [(0, 0), *((word.start, word.end) for word in made.words)]
    for (_, before), (start, _) in pairwise(ends):
        assert not made.samples[before:start].any()
        assert 0.3 * RATE - 1 <= start - before <= RATE
    assert len({start - before for (_, before), (start, _) in pairwise(ends)}) > 3
    assert len(made.samples) == made.words[-1].end + RATE
    assert not made.samples[made.words[-1].end :].any()


@pytest.mark.parametrize("snr_db", [40.0, 20.0, 10.0])
@pytest.mark.parametrize("noise", [room_noise, babble([clip(7, 3000), clip(8, 900)])])
def test_noise_lies_over_the_whole_stream_at_its_level(noise: Noise, snr_db: float) -> None:
    clean, noisy = stream(noise), stream(noise, snr_db)
    assert clean.words == noisy.words
    added = (noisy.samples.astype(float) - clean.samples) / 2**15
    speech = clean.samples / 2**15
    assert 20 * np.log10(active_rms(speech, RATE) / rms(added)) == pytest.approx(snr_db, abs=0.02)
    quarters = [rms(quarter) for quarter in np.array_split(added, 4)]
    assert max(quarters) < 2 * min(quarters)


def test_active_speech_is_what_lies_within_20_db_of_the_loudest_frame() -> None:
    levels = np.repeat([0.0, 0.5, 0.06, 0.04, 0.0], 160)  # 0.04 lies 22 dB below 0.5
    assert active_rms(levels, RATE) == pytest.approx(np.sqrt((0.5**2 + 0.06**2) / 2))
    assert active_rms(np.zeros(800), RATE) == 0.0


def test_the_same_generator_gives_the_same_bytes_and_another_one_others() -> None:
    voices = babble([clip(7, 3000), clip(8, 900)])
    assert np.array_equal(stream(voices, 10).samples, stream(voices, 10).samples)
    assert stream(voices, 10).words != stream(voices, 10, seed=4).words


def test_babble_is_ten_chains_without_gaps() -> None:
    constant = babble([np.ones(50), np.ones(70)])
    assert np.allclose(constant(1000, np.random.default_rng(0)), 1.0)
    noise = babble([clip(1), clip(2)])(20000, np.random.default_rng(0))
    assert noise.shape == (20000,) and rms(noise) == pytest.approx(1.0)


def test_nobody_babbles_around_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    made = corpus({"a": 2, "b": 3, "c": 1})
    heard: list[int] = []
    monkeypatch.setattr(streams, "babble", lambda clips: heard.append(len(clips)))
    for speaker in ("a", "b", None, "nobody"):
        babble_around(made, speaker)
    babble_around(corpus({"a": 2}), "a")
    assert heard == [4, 3, 6, 6, 2]


def test_speakers_take_turns_with_their_own_clips_at_the_positions() -> None:
    made = corpus({"a": 12, "b": 3, "c": 12})
    positions = np.flatnonzero([not (r.speaker == "c" and r.take == 0) for r in made.recordings])
    around: list[str] = []

    def noise_around(speaker: str) -> Noise:
        around.append(speaker)
        return room_noise

    found = list(speaker_streams(made, positions, noise_around, SILENT, 25, (1,)))
    assert around == ["a", "b", "c", "a"]
    assert [len(one.words) for one in found] == [8, 3, 8, 8]
    for one, speaker in zip(found, around, strict=True):
        takes = [word.end - word.start for word in one.words]
        assert len(set(takes)) == len(takes)  # takes differ in length: none twice
        assert [(length - 2000) // 10 % 10 for length in takes] == [word.label for word in one.words]
        assert speaker != "c" or 2000 not in takes
    again = list(speaker_streams(made, positions, lambda _: room_noise, 10.0, 25, (1,)))
    assert [one.words for one in again] == [one.words for one in found]  # whatever the noise
    other = list(speaker_streams(made, positions, lambda _: room_noise, 10.0, 25, (2,)))
    assert [one.words for one in other] != [one.words for one in found]
