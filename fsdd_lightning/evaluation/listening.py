"""How well a network finds and recognizes words in a stream, and how often it answers where none of its own is spoken.

What is measured is the listener of arithmetic/listener.py, many streams at a time: samples in, words out. Everything is
counted over words, not averaged over speakers; speakers take turns, so each has about as many words as his clips allow.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.listener import lead
from fsdd_lightning.data.effects import amplitude_ratio
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.spoken_words import COMMAND, espeak_installed, spoken_words
from fsdd_lightning.data.streams import Noise, Stream, babble_around, make_stream, room_noise, speaker_streams
from fsdd_lightning.evaluation.backends import integer_backend
from fsdd_lightning.evaluation.clips import clips_at
from fsdd_lightning.evaluation.hearing import Hear, HeardWord, hearing, listening_deployment, outcomes
from fsdd_lightning.runs.folder import Run

SEED = 2024  # of all words and noise: they are the same for every network
WORDS = 240  # of a row, at least
CONDITIONS = (("clean", 60.0), ("room", 20.0), ("room", 10.0), ("babble", 20.0), ("babble", 10.0))  # dB of SNR
CLEAN_DB = 60.0
ROOM_LEVELS_DB = (-60.0, -40.0, -20.0)  # of full scale, where nobody speaks
BABBLE_LEVEL_DB = -30.0
HOURS = 1.0  # of each of these
STREAM_MINUTES = 5.0


@dataclass(frozen=True)
class StreamRow:
    """What was heard of the words of one corpus in one noise. spoken = found + split + missed."""

    corpus: str
    noise: str
    snr_db: float
    minutes: float
    spoken: int
    found: int  # by exactly one heard word
    right: int  # of the found
    rejected: int  # of the found: "none of these"
    split: int
    missed: int
    false_words: int  # heard where no word was
    false_accepted: int  # of these: those with a label

    @property
    def right_of_found(self) -> float:
        return self.right / max(self.found, 1)

    @property
    def right_of_spoken(self) -> float:
        return self.right / max(self.spoken, 1)

    @property
    def false_per_minute(self) -> float:
        return self.false_words / self.minutes


@dataclass(frozen=True)
class FalseAlarmRow:
    """What was heard where no word of the network was spoken."""

    sound: str
    level_db: float | None  # of full scale; None: of speech at half of it
    hours: float
    spoken: int  # words that it does not know
    heard: int
    accepted: int  # of these: taken for a word of its own

    @property
    def accepted_per_hour(self) -> float:
        return self.accepted / self.hours


@dataclass(frozen=True)
class ListeningReport:
    """All that is measured of one listener."""

    streams: tuple[StreamRow, ...]
    false_alarms: tuple[FalseAlarmRow, ...]
    right_clips: int  # test clips that are recognized right, alone and without an endpointer
    rejected_clips: int  # of these: "none of these"
    notes: tuple[str, ...]  # what could not be measured here

    @property
    def false_rejects(self) -> float:
        return self.rejected_clips / max(self.right_clips, 1)


def listening_report(run: Run, data: PreparedData, others: Sequence[RecordingSet] = ()) -> ListeningReport:
    """The run's own test clips and other corpora in streams, sound without its words, and the test clips alone.

    Raises:
        UserError: the run does not listen to samples.
    """
    deployment = listening_deployment(run)
    hear = hearing(deployment)
    corpora = [(data.recordings, data.split.test), *((corpus, np.arange(len(corpus.recordings))) for corpus in others)]
    rows = tuple(row for corpus, at in corpora for row in stream_rows(corpus, at, data.recordings, hear))
    right, rejected = _clips_alone(deployment, data)
    missing = () if espeak_installed() else (f"words that it does not know: left out, {COMMAND} is not installed",)
    return ListeningReport(rows, tuple(false_alarm_rows(data.recordings, hear, HOURS)), right, rejected, missing)


# ---- streams of its words


def stream_rows(
    corpus: RecordingSet,
    positions: np.ndarray,
    background: RecordingSet,
    hear: Hear,
    conditions: Sequence[tuple[str, float]] = CONDITIONS,
) -> Iterator[StreamRow]:
    """A row for each condition; the words are the same in all. The voices of the babble are those of `background`."""

    around = cache(partial(babble_around, background))
    seed = (SEED, zlib.crc32(corpus.name.encode()))
    for noise, snr_db in conditions:
        noise_of: Callable[[str], Noise] = around if noise == "babble" else lambda _: room_noise
        streams = list(speaker_streams(corpus, positions, noise_of, snr_db, WORDS, seed))
        heard = hear([stream.samples for stream in streams])
        minutes = _hours([stream.samples for stream in streams], corpus.sample_rate_hz) * 60
        yield stream_row(corpus.name, noise, snr_db, minutes, zip(streams, heard, strict=True))


def stream_row(
    corpus: str, noise: str, snr_db: float, minutes: float, heard: Iterable[tuple[Stream, Sequence[HeardWord]]]
) -> StreamRow:
    """The outcomes of several streams, counted."""
    counts = Counter(outcome for stream, words in heard for outcome in outcomes(stream.words, words))
    found = counts["right"] + counts["wrong"] + counts["rejected"]
    return StreamRow(
        corpus=corpus,
        noise=noise,
        snr_db=snr_db,
        minutes=minutes,
        spoken=found + counts["split"] + counts["missed"],
        found=found,
        right=counts["right"],
        rejected=counts["rejected"],
        split=counts["split"],
        missed=counts["missed"],
        false_words=counts["false"] + counts["false, rejected"],
        false_accepted=counts["false"],
    )


# ---- sound without its words


def false_alarm_rows(background: RecordingSet, hear: Hear, hours: float) -> Iterator[FalseAlarmRow]:
    """Noise of a room and babble alone, each for so many hours; words that it does not know, where they can be made."""
    rate = background.sample_rate_hz
    for level_db in ROOM_LEVELS_DB:
        yield _noise_row("room", room_noise, level_db, hours, rate, hear)
    yield _noise_row("babble", babble_around(background, None), BABBLE_LEVEL_DB, hours, rate, hear)
    if espeak_installed():
        yield _words_row(rate, hear, {label.lower() for label in background.labels})


def _noise_row(
    sound: str, noise: Noise, level_db: float, hours: float, sample_rate_hz: int, hear: Hear
) -> FalseAlarmRow:
    streams = max(round(hours * 60 / STREAM_MINUTES), 1)
    samples = round(hours * 3600 * sample_rate_hz / streams)
    name = zlib.crc32(f"{sound} {level_db:g}".encode())
    generators = [np.random.default_rng([SEED, name, k]) for k in range(streams)]
    ratio = amplitude_ratio(level_db)
    sounds = [to_int16(ratio * noise(samples, generator)) for generator in generators]
    return false_alarm_row(sound, level_db, 0, sounds, sample_rate_hz, hear)


def _words_row(sample_rate_hz: int, hear: Hear, known: Container[str]) -> FalseAlarmRow:
    """Every voice at every speed is a stream."""
    voices = spoken_words(sample_rate_hz, known)
    streams = [
        make_stream(clips, range(len(clips)), sample_rate_hz, room_noise, CLEAN_DB, np.random.default_rng([SEED, k]))
        for k, clips in enumerate(voices)
    ]
    sounds, spoken = [stream.samples for stream in streams], sum(map(len, voices))
    return false_alarm_row(f"words ({COMMAND})", None, spoken, sounds, sample_rate_hz, hear)


def false_alarm_row(
    sound: str, level_db: float | None, spoken: int, sounds: Sequence[np.ndarray], sample_rate_hz: int, hear: Hear
) -> FalseAlarmRow:
    """What is heard in streams, (samples,) int16 each, in which every answer is wrong."""
    words = [word for heard in hear(sounds) for word in heard]
    accepted = sum(word.label is not None for word in words)
    return FalseAlarmRow(sound, level_db, _hours(sounds, sample_rate_hz), spoken, len(words), accepted)


def _hours(sounds: Sequence[np.ndarray], sample_rate_hz: int) -> float:
    return sum(map(len, sounds)) / sample_rate_hz / 3600


def _clips_alone(deployment: Deployment, data: PreparedData) -> tuple[int, int]:
    """Test clips recognized right, and how many of these have too small a margin."""
    assert deployment.listening is not None
    positions = data.split.test
    logits = integer_backend(deployment.model).logits(clips_at(data, positions))
    right = logits.argmax(axis=1) == data.labels[positions]
    rejected = right & (lead(logits) < deployment.listening.least_margin)
    return int(right.sum()), int(rejected.sum())
