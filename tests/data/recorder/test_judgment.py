"""Which takes are kept, what is cut out of them, and the line that each other one is answered with."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from spoken_streams import RATE, chunks, hum, in_room, pause, spoken

from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.recorder.hearing import Ear, Heard
from fsdd_lightning.data.recorder.judgment import (
    CLIPPED_AT,
    CLIPPED_SAMPLES,
    ROOM_KEPT_S,
    Cut,
    Refusal,
    judge,
    room_level_db,
)
from fsdd_lightning.data.sound_sources import FedSound
from fsdd_lightning.sweeps.compose import compose_config


@pytest.fixture(scope="module")
def config() -> Config:
    return compose_config()


def hear(samples: np.ndarray, config: Config) -> Heard:
    assert config.front_end is not None and config.listener is not None
    return Ear(FedSound(chunks(samples)), config.front_end, config.listener.endpointer).hear()


def around(*parts: np.ndarray, noise: float = 0.0005) -> np.ndarray:
    return in_room(pause(0.8), *parts, pause(0.8), noise=noise)


@pytest.mark.parametrize("word", range(10))
def test_a_word_is_cut_out_with_room_on_both_sides(config: Config, word: int) -> None:
    heard = hear(around(spoken(word)), config)
    cut = judge(heard)
    assert isinstance(cut, Cut)
    ((start, end),) = heard.words
    room = round(ROOM_KEPT_S * RATE)
    assert np.array_equal(cut.samples, heard.sound[start - room : end + room])
    assert cut.samples.dtype == np.int16
    assert cut.duration_s == (end - start) / RATE
    assert cut.peak_db == pytest.approx(-6, abs=0.3)
    assert cut.above_room_db is not None and 40 < cut.above_room_db < 50


@pytest.mark.parametrize("word", range(10))
def test_the_endpointer_finds_the_word_in_its_recording_again(config: Config, word: int) -> None:
    cut = judge(hear(around(spoken(word)), config))
    assert isinstance(cut, Cut)
    again = hear(np.concatenate([cut.samples, in_room(pause(0.5), seed=1)]), config)
    ((start, end),) = again.words
    assert abs(start - ROOM_KEPT_S * RATE) <= 0.02 * RATE
    assert abs((end - start) / RATE - cut.duration_s) <= 0.04


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (around(np.clip(4 * spoken(7), -1, 1)), r"clipped, \d\d+ samples at full scale: speak more softly, .*"),
        (around(spoken(7, peak=0.005), noise=1e-5), "too quiet, peak -46 dB: speak up, or come closer"),
        (around(spoken(7), noise=0.02), "too loud a room, only 12 dB below the word: find a quieter place, .*"),
        (in_room(pause(6)), "silence: no word within 5 s"),
        (in_room(pause(6), noise=0.03), "no word stands out of a room of -30 dB: find a quieter place, or come closer"),
        (around(spoken(7), pause(0.35), spoken(3)), "2 words: say it once, and wait for the next line"),
        (around(spoken(7), pause(0.35), spoken(3), pause(0.35), spoken(9)), "3 words: .*"),
        (around(hum(1.3)), r"too long, 1\.3 s: say one word, not drawn out"),
        (around(hum(2.5)), "too long: say one word, not drawn out, in a room where nobody else speaks"),
        (around(hum(0.06)), r"a click of 0\.09 s, no word: say it now"),
    ],
)  # fmt: skip
def test_a_spoiled_take_is_refused_in_one_line(config: Config, sound: np.ndarray, reason: str) -> None:
    answer = judge(hear(sound, config))
    assert isinstance(answer, Refusal)
    assert re.fullmatch(reason, answer.reason)


def test_lost_samples_come_before_all_other_reasons(config: Config) -> None:
    heard = dataclasses.replace(hear(around(spoken(7)), config), lost=True)
    assert judge(heard) == Refusal("samples were lost, since the computer was too busy: close other programs")


def test_the_quietest_speaker_of_the_dataset_is_not_too_quiet(config: Config) -> None:
    cut = judge(hear(around(spoken(7, peak=0.014), noise=1e-5), config))
    assert isinstance(cut, Cut)
    assert cut.peak_db == pytest.approx(-37, abs=0.3)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_single_peak_may_just_fit(config: Config, sign: int) -> None:
    heard = hear(around(spoken(7)), config)
    ((start, _),) = heard.words
    for count, kept in ((CLIPPED_SAMPLES - 1, True), (CLIPPED_SAMPLES, False)):
        sound = heard.sound.copy()
        sound[start + 500 : start + 500 + count] = sign * CLIPPED_AT
        assert isinstance(judge(dataclasses.replace(heard, sound=sound)), Cut) == kept


def test_a_constant_offset_is_neither_loud_nor_a_room(config: Config) -> None:
    heard = hear(around(spoken(7)), config)
    plain, shifted = judge(heard), judge(dataclasses.replace(heard, sound=heard.sound + np.int16(3000)))
    assert isinstance(plain, Cut) and isinstance(shifted, Cut)
    assert shifted.peak_db == pytest.approx(plain.peak_db, abs=0.2)
    assert shifted.above_room_db == pytest.approx(plain.above_room_db, abs=0.1)


def test_a_word_at_the_beginning_of_all_sound_has_no_room_to_compare_with() -> None:
    sound = in_room(spoken(7), pause(0.5))
    cut = judge(Heard(sound, RATE, ((300, 3000),), overlong=False, lost=False))
    assert isinstance(cut, Cut)
    assert cut.above_room_db is None
    assert np.array_equal(cut.samples, sound[: 3000 + round(ROOM_KEPT_S * RATE)])


def test_the_level_of_a_room() -> None:
    assert room_level_db(in_room(pause(2), noise=0.01)) == pytest.approx(-40, abs=0.2)
    assert room_level_db(np.zeros(800, np.int16)) == pytest.approx(-96.3, abs=0.1)
