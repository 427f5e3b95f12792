"""Streams whose words are known: clips of one speaker with pauses between them, in the noise of a room or of voices.

A stream is what a microphone hears all day long, so it is made in 16-bit samples. All randomness comes from the given
generator: the same one gives the same bytes. Words are drawn before noise, so the words of a generator are the same in
every noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from fsdd_lightning.data.effects import add_noise, at_peak, colored_noise, rms
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.words import NO_WORDS

PAUSE_S = (0.3, 1.0)  # before every word, from..to
LAST_PAUSE_S = 1.0
PEAK = 0.5  # of full scale: every clip is scaled to it, so that all words of a stream are about as loud
WORDS_PER_STREAM = 8
BABBLING_VOICES = 10
ACTIVE_FRAME_S = 0.02
ACTIVE_DB = 20.0  # speech is active in frames that are at most so far below the loudest one

Noise = Callable[[int, Generator], np.ndarray]  # so many samples, float64, of root mean square 1


@dataclass(frozen=True)
class SpokenWord:
    """A clip in a stream, `samples[start:end]`, together with the silence that the clip itself may hold."""

    start: int
    end: int
    label: int


@dataclass(frozen=True, eq=False)
class Stream:
    """(samples,) int16, and the words in it in the order of time."""

    samples: np.ndarray
    words: tuple[SpokenWord, ...]


def make_stream(
    clips: Sequence[np.ndarray],
    labels: Sequence[int],
    sample_rate_hz: int,
    noise: Noise,
    snr_db: float,
    generator: Generator,
) -> Stream:
    """Join clips, (samples,) float in [-1, 1], with pauses; noise lies over all of it, `snr_db` below active speech."""
    speech, words = _joined(clips, labels, sample_rate_hz, generator)
    signal_rms = active_rms(speech, sample_rate_hz)
    return Stream(to_int16(add_noise(speech, noise(len(speech), generator), 1.0, snr_db, signal_rms)), words)


def _joined(
    clips: Sequence[np.ndarray], labels: Sequence[int], sample_rate_hz: int, generator: Generator
) -> tuple[np.ndarray, tuple[SpokenWord, ...]]:
    parts: list[np.ndarray] = []
    words: list[SpokenWord] = []
    at = 0
    for clip, label in zip(clips, labels, strict=True):
        pause = np.zeros(int(generator.uniform(*PAUSE_S) * sample_rate_hz))
        start = at + len(pause)
        at = start + len(clip)
        parts += [pause, at_peak(clip.astype(np.float64), PEAK)]
        words.append(SpokenWord(start, at, int(label)))
    parts.append(np.zeros(int(LAST_PAUSE_S * sample_rate_hz)))
    return np.concatenate(parts), tuple(words)


def active_rms(speech: np.ndarray, sample_rate_hz: int) -> float:
    """Root of the mean power of active speech: frames of 20 ms within 20 dB of the loudest; 0 in silence."""
    frame = round(ACTIVE_FRAME_S * sample_rate_hz)
    whole = speech[: len(speech) // frame * frame].reshape(-1, frame)
    power = (whole**2).mean(axis=1)
    return float(np.sqrt(power[power >= power.max() * 10.0 ** (-ACTIVE_DB / 10.0)].mean()))


# ---- noise


def room_noise(samples: int, generator: Generator) -> np.ndarray:
    """Pink: its power falls with frequency, as that of most rooms."""
    return colored_noise(samples, 1.0, generator)


def babble(clips: Sequence[np.ndarray], voices: int = BABBLING_VOICES) -> Noise:
    """So many equally loud voices at once, each a chain of these clips in an order of its own, without end."""
    level = [clip.astype(np.float64) / rms(clip) for clip in clips]

    def noise(samples: int, generator: Generator) -> np.ndarray:
        total = np.zeros(samples)
        for _ in range(voices):
            total += _chain(level, samples, generator)
        return np.asarray(total / rms(total))

    return noise


def _chain(clips: Sequence[np.ndarray], samples: int, generator: Generator) -> np.ndarray:
    """(samples,) of clips one after another, from a random moment of the first on."""
    first = clips[int(generator.integers(len(clips)))]
    parts = [first[int(generator.integers(len(first))) :]]
    there = len(parts[0])
    while there < samples:
        parts.append(clips[int(generator.integers(len(clips)))])
        there += len(parts[-1])
    return np.concatenate(parts)[:samples]


def babble_around(recordings: RecordingSet, speaker: str | None) -> Noise:
    """Babble of all speakers but this one; of all where there is no other."""
    named = list(zip(recordings.recordings, recordings.waveforms, strict=True))
    others = [waveform for recording, waveform in named if recording.speaker != speaker]
    return babble(others or recordings.waveforms)


# ---- streams of a corpus


def speaker_streams(
    recordings: RecordingSet,
    positions: np.ndarray,
    noise_around: Callable[[str], Noise],
    snr_db: float,
    words: int,
    seed: Sequence[int],
) -> Iterator[Stream]:
    """Streams of the clips at `positions` until there are `words` words in them, or a few more.

    Speakers take turns, each with WORDS_PER_STREAM of his clips, or all where he has fewer, none twice in a stream.
    `noise_around(speaker)` is the noise of his streams.
    """
    by_speaker: dict[str, list[int]] = {}
    for position in map(int, positions):
        if recordings.recordings[position].label in NO_WORDS:
            continue
        by_speaker.setdefault(recordings.recordings[position].speaker, []).append(position)
    turn, targets = 0, recordings.targets()
    while words > 0:
        speaker = sorted(by_speaker)[turn % len(by_speaker)]
        generator = np.random.default_rng([*seed, turn])
        own = by_speaker[speaker]
        chosen = generator.choice(own, min(WORDS_PER_STREAM, len(own)), replace=False)
        clips = [recordings.waveforms[i] for i in chosen]
        labels = [int(targets[i]) for i in chosen]
        yield make_stream(clips, labels, recordings.sample_rate_hz, noise_around(speaker), snr_db, generator)
        words, turn = words - len(chosen), turn + 1
