"""Synthetic speakers: who says what, how often, from which cache; of stand-ins, and of real engines if installed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_in_engines import FAILS, FLITE_VOICES, SILENT, WRITES_NOTHING, Engines, fingerprint, option

from fsdd_lightning.config.schema import TextToSpeechConfig
from fsdd_lightning.data.speech_engines import ESPEAK, FLITE, espeak_variants, espeak_word, flite_word
from fsdd_lightning.data.text_to_speech import Speech, missing_engines, synthetic_speech
from fsdd_lightning.errors import RunFailedError, first_line
from fsdd_lightning.sweeps.compose import compose_trials

RATE = 8000
WORDS = ("one", "two", "three")
ACCENTS = {"it": ("uan", "tu", "tri"), "de": ("wann", "tuh", "sri")}
PLAIN = TextToSpeechConfig("plain", 0.0, 2, 3, 0, WORDS, ("en-us", "en-gb"), 0.5, {})
ACCENTED = replace(PLAIN, takes=4, accents=ACCENTS)


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    """None is installed yet."""
    return Engines(tmp_path / "bin", monkeypatch)


@pytest.fixture
def espeak(engines: Engines) -> Engines:
    engines.espeak()
    return engines


def spoken(config: TextToSpeechConfig, cache: Path, rate: int = RATE) -> Speech:
    speech = synthetic_speech(config, rate, cache)
    assert speech is not None
    return speech


def asked_of_clips(engines: Engines, speech: Speech) -> list[tuple[int, list[str]]]:
    """(label, arguments) of each clip."""
    asked = engines.asked_by_sound()
    clips = zip(speech.labels, speech.waveforms, strict=True)
    return [(int(label), asked[fingerprint(waveform)]) for label, waveform in clips]


def same(one: Speech, other: Speech) -> bool:
    waveforms = zip(one.waveforms, other.waveforms, strict=True)
    return np.array_equal(one.labels, other.labels) and all(np.array_equal(*pair) for pair in waveforms)


# ---- who says what


def test_every_voice_says_every_word_in_every_take(engines: Engines, tmp_path: Path) -> None:
    engines.espeak()
    engines.flite()
    words = WORDS[:2]
    speech = spoken(replace(PLAIN, words=words), tmp_path)
    clips = asked_of_clips(engines, speech)
    assert len(engines.asked()) == len(clips) == 2 * 2 * 2 + 5 * 2 * 4 * 2
    counts = Counter(
        (option(arguments, "-v").partition("+")[2], arguments[-1], label)
        if "-v" in arguments
        else (option(arguments, "-voice"), option(arguments, "-t"), label)
        for label, arguments in clips
    )
    expected = {(voice, word, k): 2 for voice in ("f1", "m1") for k, word in enumerate(words)}
    expected |= {(voice, word, k): 8 for voice in FLITE_VOICES for k, word in enumerate(words)}
    assert counts == expected
    assert (speech.voices, speech.engines) == (7, {"espeak-ng": "1.51", "flite": "flite-2.2-current"})
    assert speech.sample_rate_hz == RATE and speech.labels.dtype == np.int64
    assert all(waveform.dtype == np.float32 for waveform in speech.waveforms)


def test_pitch_and_pace_vary_within_what_people_do(engines: Engines, tmp_path: Path) -> None:
    engines.espeak(variants=("f1", "f2", "f3", "m1", "m2", "m3"))
    engines.flite()
    spoken(replace(PLAIN, takes=3, words=("one",)), tmp_path)
    asked = engines.asked()
    of_espeak = [arguments for arguments in asked if "-v" in arguments]
    pitches, paces = ({int(option(arguments, name)) for arguments in of_espeak} for name in ("-p", "-s"))
    assert len(pitches) > 10 and min(pitches) >= 20 and max(pitches) <= 80
    assert len(paces) > 10 and min(paces) >= 105 and max(paces) < 195
    assert {option(arguments, "-v").partition("+")[0] for arguments in of_espeak} == set(PLAIN.english)
    changes = [arguments[3:6:2] for arguments in asked if "-voice" in arguments]
    stretches = {float(stretch.removeprefix("duration_stretch=")) for stretch, _ in changes}
    pitches_hz = {float(pitch.removeprefix("int_f0_target_mean=")) for _, pitch in changes}
    assert len(stretches) > 50 and min(stretches) > 0.77 and max(stretches) < 1.35
    assert len(pitches_hz) > 50 and min(pitches_hz) > 81 and max(pitches_hz) < 208


def test_every_second_take_has_an_accent_in_its_own_spelling(espeak: Engines, tmp_path: Path) -> None:
    """Two voices, four takes: each voice has each accent once for every word, in turn."""
    clips = asked_of_clips(espeak, spoken(ACCENTED, tmp_path))
    assert len(clips) == 2 * 3 * 4
    counts = Counter((*option(arguments, "-v").split("+"), label) for label, arguments in clips)
    accented = {(language, voice, k): 1 for language in ACCENTS for voice in ("f1", "m1") for k in range(3)}
    assert {key: count for key, count in counts.items() if key[0] in ACCENTS} == accented
    for label, arguments in clips:
        language = option(arguments, "-v").partition("+")[0]
        assert arguments[-1] == ACCENTS.get(language, WORDS)[label]
        assert language in (*ACCENTS, *PLAIN.english)
    turns = [option(arguments, "-v") for label, arguments in clips if label == 0][1::2]
    assert turns == ["de+f1", "it+f1", "it+m1", "de+m1"]


@pytest.mark.parametrize(("share", "accented"), [(0.0, 0), (0.3, 2), (0.7, 4), (1.0, 7)])
def test_accents_have_their_share_of_all_voices(espeak: Engines, tmp_path: Path, share: float, accented: int) -> None:
    """Of seven takes, which are spread over both accents."""
    config = replace(ACCENTED, takes=7, words=("one",), accents={"it": ("uan",), "de": ("wann",)}, accented_share=share)
    clips = asked_of_clips(espeak, spoken(config, tmp_path))
    for voice in ("f1", "m1"):
        heard = Counter(arguments[-1] for _, arguments in clips if option(arguments, "-v").endswith(f"+{voice}"))
        assert heard["one"] == 7 - accented and abs(heard["uan"] - heard["wann"]) <= 1


def test_voices_unlike_people_do_not_speak(engines: Engines, tmp_path: Path) -> None:
    odd = (
        "whisper",
        "whisperf",
        "robosoft3",
        "klatt6",
        "Mr serious",
        "Demonic",
        "UniRobot",
        "Half-LifeAnnouncementSystem",
    )
    engines.espeak(variants=("f1", *odd[:5], "klatt2", *odd[5:], "Andy"))
    assert espeak_variants() == ("Andy", "Half-LifeAnnouncementSystem", "f1", "klatt2")
    assert spoken(replace(PLAIN, takes=1, words=("one",)), tmp_path).voices == 4


# ---- what it depends on


def test_the_same_is_said_again_in_another_cache(espeak: Engines, tmp_path: Path) -> None:
    one, other = (spoken(ACCENTED, tmp_path / name) for name in "ab")
    assert one.digest == other.digest and same(one, other)
    assert len(espeak.asked()) == 2 * len(one.labels)
    assert not same(one, spoken(replace(ACCENTED, seed=1), tmp_path / "c"))


@pytest.mark.parametrize("change", [{"share": 0.9}, {"copies": 9}, {"name": "other"}], ids=str)
def test_how_words_are_used_does_not_change_them(espeak: Engines, tmp_path: Path, change: dict[str, Any]) -> None:
    config = replace(PLAIN, takes=1, words=WORDS + 7 * ("four",))  # as a share demands
    before = spoken(config, tmp_path)
    asked = len(espeak.asked())
    assert spoken(replace(config, **change), tmp_path).digest == before.digest
    assert len(espeak.asked()) == asked


@pytest.mark.parametrize(
    "change",
    [
        {"takes": 3},
        {"seed": 1},
        {"words": ("one", "two", "four")},
        {"words": ("one", "three", "two")},
        {"english": ("en-us",)},
        {"accents": {"de": ACCENTS["de"]}},
        {"accented_share": 1.0},
        {"accents": {**ACCENTS, "de": ("wan", "tuh", "sri")}},
    ],
    ids=str,
)
def test_the_digest_changes_with_what_is_said(espeak: Engines, tmp_path: Path, change: dict[str, Any]) -> None:
    config = replace(ACCENTED, takes=2)
    assert spoken(replace(config, **change), tmp_path).digest != spoken(config, tmp_path).digest


ENGINE_CHANGES: dict[str, Callable[[Engines], None]] = {
    "a new version": lambda engines: engines.espeak(version="1.52"),
    "another voice": lambda engines: engines.espeak(variants=("f1", "m2")),
    "a further voice": lambda engines: engines.espeak(variants=("f1", "m1", "m2")),
    "a further engine": lambda engines: engines.flite(),
}


@pytest.mark.parametrize("change", ENGINE_CHANGES)
def test_the_digest_changes_with_the_engines(espeak: Engines, tmp_path: Path, change: str) -> None:
    """A cache of the other ones is neither read nor lost."""
    config = replace(PLAIN, takes=1, words=("one",))
    before = spoken(config, tmp_path)
    ENGINE_CHANGES[change](espeak)
    after = spoken(config, tmp_path)
    assert after.digest != before.digest and len(after.labels) == len(after.waveforms)
    assert len(list(tmp_path.glob("speech-*.npz"))) == 2


def test_another_sample_rate_is_another_digest(espeak: Engines, tmp_path: Path) -> None:
    low, high = spoken(PLAIN, tmp_path), spoken(PLAIN, tmp_path, 16000)
    assert low.digest != high.digest
    assert [len(waveform) for waveform in high.waveforms] == [2 * len(waveform) for waveform in low.waveforms]


# ---- the cache


def test_what_was_said_once_is_read(espeak: Engines, tmp_path: Path) -> None:
    fresh = spoken(PLAIN, tmp_path)
    asked = len(espeak.asked())
    again = spoken(PLAIN, tmp_path)
    assert len(espeak.asked()) == asked == len(fresh.labels)
    assert again.digest == fresh.digest and same(again, fresh)
    assert (again.voices, again.engines, again.sample_rate_hz) == (fresh.voices, fresh.engines, RATE)
    assert all(waveform.dtype == np.float32 for waveform in again.waveforms)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a bit": flip,
    "another": lambda path: path.write_bytes(next(path.parent.glob("other/speech-*.npz")).read_bytes()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_again(
    espeak: Engines, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    fresh = spoken(PLAIN, tmp_path)
    spoken(replace(PLAIN, seed=5), tmp_path / "other")
    (path,) = tmp_path.glob("speech-*.npz")
    DAMAGES[damage](path)
    asked = len(espeak.asked())
    with caplog.at_level(logging.WARNING):
        assert same(spoken(PLAIN, tmp_path), fresh)
    assert len(espeak.asked()) == asked + len(fresh.labels)
    assert "is damaged and will be rebuilt" in caplog.text
    assert same(spoken(PLAIN, tmp_path), fresh)
    assert len(espeak.asked()) == asked + len(fresh.labels)


# ---- engines that fail, or are not there


@pytest.mark.parametrize(
    ("word", "reason"), [(FAILS, "no such voice in this program"), (SILENT, "silent"), (WRITES_NOTHING, "exit code 0")]
)
@pytest.mark.parametrize("command", ["espeak-ng", "flite"])
def test_an_engine_that_fails_is_answered_in_one_line(
    engines: Engines, tmp_path: Path, command: str, word: str, reason: str
) -> None:
    getattr(engines, command.partition("-")[0])()
    with pytest.raises(RunFailedError) as caught:
        synthetic_speech(replace(PLAIN, words=("one", word)), RATE, tmp_path)
    message = str(caught.value)
    assert first_line(caught.value) == message
    assert message.startswith(f"{command} cannot speak (") and f" {word}" in message
    assert message.endswith(f"): {reason}")
    assert not list(tmp_path.glob("speech-*.npz"))


def test_an_engine_that_does_not_say_its_version_has_an_unknown_one(espeak: Engines) -> None:
    assert ESPEAK.version == "1.51"
    assert replace(ESPEAK, version_pattern=r"release (\S+)").version == "unknown"


def test_without_engines_there_is_no_speech(engines: Engines, tmp_path: Path) -> None:
    assert synthetic_speech(PLAIN, RATE, tmp_path) is None
    assert missing_engines() == ("espeak-ng", "flite")
    assert not list(tmp_path.glob("speech-*"))


@pytest.mark.parametrize(("command", "missing", "voices"), [("espeak", "flite", 2), ("flite", "espeak-ng", 5)])
def test_one_engine_speaks_alone(engines: Engines, tmp_path: Path, command: str, missing: str, voices: int) -> None:
    getattr(engines, command)()
    assert spoken(replace(PLAIN, takes=1, words=("one",)), tmp_path).voices == voices
    assert missing_engines() == (missing,)


# ---- the real ones


def sound(waveform: np.ndarray) -> bool:
    return bool(0.1 < len(waveform) / RATE < 2.5 and np.ptp(waveform) > 0.1)


@pytest.mark.skipif(not ESPEAK.installed, reason="espeak-ng is not installed")
def test_the_real_espeak_speaks_every_language_of_conf(tmp_path: Path) -> None:
    ((_, config),) = compose_trials(["text_to_speech=digits"], multirun=False)
    digits, variants = config.text_to_speech, espeak_variants()
    assert ESPEAK.version != "unknown" and len(variants) >= 50 and {"f1", "m1"} <= set(variants)
    spelled = dict.fromkeys(digits.english, digits.words) | digits.accents
    for number, (language, words) in enumerate(spelled.items()):
        arguments = espeak_word(f"{language}+{variants[number]}", 150, 50, words[number % 10], tmp_path / "word.wav")
        assert sound(ESPEAK.speak(arguments, tmp_path / "word.wav", RATE)), (language, words[number % 10])
    unknown = espeak_word("xx-nowhere", 150, 50, "one", tmp_path / "word.wav")
    with pytest.raises(RunFailedError, match=r"xx-nowhere .*: Error: .*voice does not exist"):
        ESPEAK.speak(unknown, tmp_path / "word.wav", RATE)


@pytest.mark.skipif(not FLITE.installed, reason="flite is not installed")
def test_the_real_flite_has_all_its_voices(tmp_path: Path) -> None:
    assert FLITE.version != "unknown"
    file = tmp_path / "word.wav"
    words = [FLITE.speak(flite_word(v, 1.0, 120.0, "seven", file), file, RATE) for v in FLITE_VOICES]
    assert all(map(sound, words))
    assert len({word.tobytes() for word in words}) == 5  # a voice that is missing is another one, without a word
    slow = FLITE.speak(flite_word("slt", 1.3, 120.0, "seven", file), file, RATE)
    assert len(slow) > 1.1 * len(words[-1])


@pytest.mark.skipif(not (ESPEAK.installed and FLITE.installed), reason="espeak-ng or flite is not installed")
def test_the_real_ones_say_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsdd_lightning.data.text_to_speech.espeak_variants", lambda: ("f1", "Andy"))
    config = replace(PLAIN, takes=1, words=("six",))
    one, other = (spoken(config, tmp_path / name) for name in "ab")
    assert one.digest == other.digest and same(one, other) and same(one, spoken(config, tmp_path / "a"))
    assert len(one.labels) == 2 + 5 * 4 and all(map(sound, one.waveforms))
