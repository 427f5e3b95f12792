"""fsdd-listen as a user meets it: the words of fsdd-predict --stream, from a file or a microphone that is none."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import Call, Ended, only_line
from fake_sounddevice import FakeSounddevice
from rich.console import Console
from spoken_streams import dictated

from fsdd_lightning import listen, predict
from fsdd_lightning.console import listening
from fsdd_lightning.console.listening import meter, summary_line, word_line
from fsdd_lightning.data import microphone
from fsdd_lightning.evaluation.backends import open_backend
from fsdd_lightning.evaluation.ear import LiveEar
from fsdd_lightning.runs.folder import read_run

WORDS = [3, 7, 0, 9, 4]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("listen") / "words.wav"
    soundfile.write(path, dictated(WORDS, pause_s=0.6), 8000)
    return path


@pytest.fixture
def fsdd_listen(call: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # nobody needs it who feeds sound
    return lambda *arguments: call(listen, *arguments)


def microphone_that_hears(sound: Path, monkeypatch: pytest.MonkeyPatch, times_rate: int = 1) -> FakeSounddevice:
    """A library with a microphone of a rate so many times that of the file."""
    samples, rate_hz = soundfile.read(sound, dtype="int16")
    library = FakeSounddevice(times_rate * rate_hz)
    library.waiting = np.repeat(samples, times_rate)
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    return library


def words_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def without_latency(out: str) -> list[dict[str, Any]]:
    words = words_of(out)
    assert all(word.pop("latency_s") > 0.18 for word in words)  # more than nine frames of silence
    return words


@pytest.mark.parametrize("backend", ["integer", "c"])
def test_words_are_those_of_predict_to_the_last_bit(
    fsdd_listen: Callable[..., Ended], call: Call, finished_run: Path, sound: Path, backend: str
) -> None:
    code, out, err = fsdd_listen(finished_run, "--input", sound, "--backend", backend, "--json")
    assert code == 0
    expected = words_of(call(predict, finished_run, sound, "--stream", "--json", "--backend", backend).out)
    assert without_latency(out) == expected
    assert len(expected) == len(WORDS) and all(word["probability"] > 0 and word["logits"] for word in expected)
    assert only_line(err).startswith("5 words") and " in 6.5 s of sound" in err


def test_other_rates_and_kinds_are_heard_as_predict_hears_them(
    fsdd_listen: Callable[..., Ended], call: Call, finished_run: Path, sound: Path, tmp_path: Path
) -> None:
    samples, _ = soundfile.read(sound)
    soundfile.write(tmp_path / "a.flac", np.stack([samples, samples], axis=1), 11_025)
    found = without_latency(fsdd_listen(finished_run, "--input", tmp_path / "a.flac", "--json").out)
    expected = words_of(call(predict, finished_run, tmp_path / "a.flac", "--stream", "--json").out)
    numbers = ("word", "status", "margin", "logits", "probability", "start_s", "end_s")
    assert [[each.get(key) for key in numbers] for each in found] == [
        [each.get(key) for key in numbers] for each in expected
    ]
    assert found


def test_standard_input_is_heard_too(
    fsdd_listen: Callable[..., Ended], finished_run: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = without_latency(fsdd_listen(finished_run, "--input", sound, "--json").out)
    for content in (sound.read_bytes(), sound.read_bytes()[44:]):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False))
        found = without_latency(fsdd_listen(finished_run, "--input", "-", "--json").out)
        assert [{**word, "file": ""} for word in found] == [{**word, "file": ""} for word in expected]


def test_standard_input_that_is_no_sound_is_named(
    fsdd_listen: Callable[..., Ended], finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = SimpleNamespace(buffer=io.BytesIO(b"fLaC" + bytes(100)), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", pipe)
    code, out, err = fsdd_listen(finished_run, "--input", "-", "--json")
    assert (code, out) == (2, "") and only_line(err).startswith("error: -: cannot be decoded (")


def test_a_microphone_is_heard_until_it_is_gone(
    call: Call, finished_run: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = microphone_that_hears(sound, monkeypatch)
    monkeypatch.setattr(microphone, "PATIENCE_S", 0.01)
    code, out, err = call(listen, finished_run, "--json", "--device", 1)
    summary, reason = err.splitlines()
    assert (code, library.stream.settings["device"], library.stream.closed) == (1, 1, 1)
    assert reason == "error: the microphone has given nothing for 0.01 s: is it plugged in?"
    assert summary.startswith("5 words")
    expected = words_of(call(predict, finished_run, sound, "--stream", "--json").out)
    assert [{**word, "file": ""} for word in without_latency(out)] == [{**word, "file": ""} for word in expected]
    assert {word["file"] for word in words_of(out)} == {"microphone 1"}


def test_a_microphone_of_another_rate_is_resampled(
    call: Call, finished_run: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = microphone_that_hears(sound, monkeypatch, times_rate=2)
    code, out, _ = call(listen, finished_run, "--json", "--seconds", 5)
    assert code == 0 and library.stream.settings["samplerate"] == 16_000
    assert len(words_of(out)) >= 3


def test_ctrl_c_ends_with_a_summary(
    call: Call, finished_run: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = microphone_that_hears(sound, monkeypatch)
    heard = LiveEar.push

    def push(ear: LiveEar, samples: np.ndarray) -> Any:
        if ear.heard_s >= 3.0:
            raise KeyboardInterrupt
        return heard(ear, samples)

    monkeypatch.setattr(LiveEar, "push", push)
    code, out, err = call(listen, finished_run)
    assert (code, err) == (130, "interrupted\n")
    summary = out.splitlines()[-1]
    assert summary.startswith("2 words") and " in 3.0 s of sound" in summary
    assert library.stream.closed


def test_lines_name_time_word_probability_margin_and_latency(
    fsdd_listen: Callable[..., Ended], finished_run: Path, sound: Path
) -> None:
    code, out, err = fsdd_listen(finished_run, "--input", sound)
    assert (code, err) == (0, "")
    first, ends, *lines, summary = out.splitlines()
    assert (
        first
        == f"listening to {sound} at 8000 Hz with {finished_run} (integer), 10 words: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    )
    assert ends == "Ctrl-C ends." and summary.startswith("5 words")
    expected = words_of(fsdd_listen(finished_run, "--input", sound, "--json").out)
    for line, word in zip(lines, expected, strict=True):
        start, unit, said, share, name, margin, latency, *rest = line.split()
        assert (unit, name) == ("s", "margin")
        assert (said, margin) == (word["word"] or "-", f"{word['margin']:,}")
        assert (float(start), float(share)) == pytest.approx((word["start_s"], word["probability"]), abs=6e-3)
        assert int(latency) > 150 and rest[:3] == ["ms", "after", "it"]
        assert ("none of these" in line) is (word["word"] is None)


def test_a_terminal_has_a_meter(
    fsdd_listen: Callable[..., Ended], finished_run: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=80, highlight=False, markup=False)
    monkeypatch.setattr(listening, "console", terminal)
    code, _, _ = fsdd_listen(finished_run, "--input", sound)
    shown = screen.getvalue()
    assert code == 0
    assert all(text in shown for text in ("learning the room", "quiet", "a word", "█", "·", " dB"))
    assert shown.rstrip().splitlines()[-1].startswith("5 words") or "5 words" in shown.splitlines()[-1]


def test_the_meter_fits_80_columns_and_knows_what_is_clipped(finished_run: Path) -> None:
    run = read_run(finished_run)
    with open_backend(run) as backend:
        ear = LiveEar(run, backend, "a")
        texts = []
        for level in (0, 300, 32_767):
            ear.push(np.tile(np.array([level, -level], np.int16), 80))
            texts.append(meter(ear).plain)
        assert all(len(text) <= 80 for text in texts)
        assert [text.count("█") for text in texts] == [0, 9, 20]
        assert ["clipped" in text for text in texts] == [False, False, True]
        assert ear.state == "settling" and ear.heard_s == pytest.approx(0.06)
        ear.push(np.zeros(4000, np.int16))
        assert ear.state == "quiet"
        assert summary_line(ear, 0).startswith("0 words in 0.6 s of sound, ")
        assert summary_line(ear, 2).endswith("samples lost 2 times: this machine is too busy")


def test_what_is_not_a_word_has_a_line(finished_run: Path, sound: Path) -> None:
    run = read_run(finished_run)
    samples, _ = soundfile.read(sound, dtype="int16")
    with open_backend(run) as backend:
        word, *_ = LiveEar(run, backend, "a").push(samples)
    rejected = word.prediction.__class__("a", "rejected", start_s=1.0, end_s=2.5, notes=("too long to be a word",))
    line = word_line(word.__class__(rejected, 0.25), 3).plain
    assert line == "   1.00 s  -           margin       0   250 ms after it  (too long to be a word)"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((), "name a run folder: fsdd-listen RUN"),
        (("RUN", "--backend", "float"), "--backend float: a device has integers; choose integer or c"),
        (("RUN", "--seconds", "0"), "--seconds must be more than 0, not 0"),
        (("RUN", "--seconds", "nan"), "--seconds must be more than 0, not nan"),
        (("RUN", "--input", "nowhere.wav"), "nowhere.wav: cannot be read (No such file or directory)"),
        (
            ("RUN", "--input", "/dev/null"),
            "/dev/null: cannot be read (it is not a regular file): feed it as standard input",
        ),
        (("RUN",), 'a microphone needs an extra that is not installed: pip install -e ".[mic]"'),
        (("--list-devices",), 'a microphone needs an extra that is not installed: pip install -e ".[mic]"'),
    ],
)
def test_mistakes_are_answered_in_one_line(
    fsdd_listen: Callable[..., Ended], finished_run: Path, arguments: tuple[str, ...], answer: str
) -> None:
    words = [finished_run if word == "RUN" else word for word in arguments]
    assert fsdd_listen(*words) == (2, "", f"error: {answer}\n")


def test_a_device_that_does_not_exist_is_named(call: Call, finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice(8000))
    code, out, err = call(listen, finished_run, "--device", 99)
    assert (code, out) == (2, "")
    assert only_line(err).startswith(
        "error: cannot open the microphone (No input device matching 99): see --list-devices"
    )


def test_devices_are_listed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice())
    code, out, err = call(listen, "--list-devices")
    assert (code, err) == (0, "") and "built-in" in out and "headset [b]" in out and "loudspeaker" not in out
