"""Which words are heard after a prompt, where they are in the sound, and when listening is over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from spoken_streams import RATE, chunks, hum, in_room, pause, spoken

from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.recorder.hearing import (
    BEFORE_S,
    LONGEST_S,
    PATIENCE_S,
    PAUSE_S,
    SETTLE_S,
    START_S,
    Ear,
    Heard,
    SoundEnded,
)
from fsdd_lightning.data.sound_sources import FedSound, SoundSource
from fsdd_lightning.sweeps.compose import compose_config

HOP_S = 0.02
STREAM = in_room(pause(0.8), spoken(7), pause(0.8), spoken(3), pause(0.8))


@pytest.fixture(scope="module")
def config() -> Config:
    return compose_config()


def ear_of(source: SoundSource, config: Config) -> Ear:
    assert config.front_end is not None and config.listener is not None
    return Ear(source, config.front_end, config.listener.endpointer)


def all_heard(samples: np.ndarray, config: Config, size: int = 160) -> list[Heard]:
    ear, heard = ear_of(FedSound(chunks(samples, size)), config), []
    with pytest.raises(SoundEnded):
        while True:
            heard.append(ear.hear())
    return heard


def test_every_word_is_heard_where_it_was_spoken(config: Config) -> None:
    starts = [round(0.8 * RATE), round(0.8 * RATE) * 2 + len(spoken(7))]
    for heard, word, at in zip(all_heard(STREAM, config), (7, 3), starts, strict=True):
        ((start, end),) = heard.words
        (place,) = [
            k for k in range(len(STREAM)) if np.array_equal(STREAM[k : k + len(heard.sound)], heard.sound)
        ]  # it is a piece of the stream, sample for sample
        assert abs(place + start - at) <= 0.04 * RATE
        assert abs(place + end - at - len(spoken(word))) <= 0.1 * RATE  # soft ends are lost in noise
        assert not heard.overlong and not heard.lost


def test_the_sound_begins_a_second_before_the_prompt(config: Config) -> None:
    first, second = all_heard(STREAM, config)
    prompt = len(first.sound)  # the first begins with the stream
    assert np.array_equal(second.sound[: round(BEFORE_S * RATE)], first.sound[-round(BEFORE_S * RATE) :])
    assert np.array_equal(second.sound[round(BEFORE_S * RATE) :], STREAM[prompt : prompt + len(second.sound) - RATE])


@pytest.mark.parametrize("size", [1, 37, 160, 5000, 10**6])
def test_the_pieces_in_which_samples_arrive_do_not_matter(config: Config, size: int) -> None:
    for heard, expected in zip(all_heard(STREAM, config, size), all_heard(STREAM, config), strict=True):
        assert np.array_equal(heard.sound, expected.sound)
        assert heard.words == expected.words


@pytest.mark.parametrize(("pause_s", "together"), [(0.25, True), (0.4, True), (0.7, False)])
def test_what_follows_at_once_was_said_to_the_same_prompt(config: Config, pause_s: float, together: bool) -> None:
    heard = all_heard(in_room(pause(0.8), spoken(7), pause(pause_s), spoken(3), pause(0.8)), config)
    assert [len(each.words) for each in heard] == ([2] if together else [1, 1])


def test_patience_ends_in_silence_and_not_within_a_word(config: Config) -> None:
    (silent,) = all_heard(in_room(pause(PATIENCE_S + 1)), config)
    assert silent.words == ()
    assert len(silent.sound) == PATIENCE_S * RATE
    (late,) = all_heard(in_room(pause(PATIENCE_S - 0.2), spoken(7), pause(0.8)), config)
    assert len(late.words) == 1


def test_what_is_too_long_for_the_endpointer_is_said_so(config: Config) -> None:
    heard = all_heard(in_room(pause(0.8), hum(1.8), pause(0.8)), config)
    assert [each.overlong for each in heard] == [True]


def test_nobody_is_listened_to_forever(config: Config) -> None:
    words = [part for k in range(40) for part in (spoken(k % 10), pause(0.3))]
    heard = all_heard(in_room(pause(0.8), *words), config)[0]
    assert len(heard.sound) == LONGEST_S * RATE


@pytest.mark.parametrize("after_s", [0.1, 0.25])
def test_a_stream_that_ends_soon_after_a_word(config: Config, after_s: float) -> None:
    """The endpointer needs 0.2 s to know that a word is over; the pause after it may be cut."""
    known = after_s > 0.2
    heard = all_heard(in_room(pause(0.8), hum(0.4), pause(after_s)), config)
    assert [len(each.words) for each in heard] == ([1] if known else [])


class Losing:
    """A source that loses samples once, after a while."""

    def __init__(self, samples: np.ndarray, after: int) -> None:
        self.lost = 0
        self._samples, self._after = samples, after

    def __iter__(self) -> Iterator[np.ndarray]:
        for number, chunk in enumerate(chunks(self._samples)):
            self.lost += number == self._after
            yield chunk


def test_lost_samples_are_noticed_in_the_word_in_which_they_are_missing(config: Config) -> None:
    ear = ear_of(Losing(STREAM, after=50), config)
    assert [ear.hear().lost, ear.hear().lost] == [True, False]


def test_settling_drops_the_start_and_ends_in_a_pause(config: Config) -> None:
    start, room = pause(START_S) + 0.9, in_room(pause(SETTLE_S))
    sound = np.concatenate([in_room(start), room, in_room(spoken(7), pause(0.8))])
    ear = ear_of(FedSound(chunks(sound)), config)
    assert np.array_equal(ear.settle(), room)
    ((first, _),) = ear.hear().words
    assert abs(first - SETTLE_S * RATE) <= 2 * HOP_S * RATE

    talking = in_room(pause(START_S + SETTLE_S - 0.2), spoken(7), pause(PAUSE_S), spoken(3), pause(0.8))
    ear = ear_of(FedSound(chunks(talking)), config)
    assert len(ear.settle()) > SETTLE_S * RATE  # the word that had begun is over
    assert len(ear.hear().words) == 1


def test_a_stream_too_short_to_settle_has_ended(config: Config) -> None:
    with pytest.raises(SoundEnded):
        ear_of(FedSound(chunks(in_room(pause(START_S + SETTLE_S - 0.1)))), config).settle()
