"""fsdd-record as a user meets it: prompts, files, refusals, sessions that go on, and a line for each mistake."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from commands import Call, Ended, only_line
from fake_sounddevice import FakeSounddevice
from spoken_streams import RATE, dictated, in_room, pause, spoken

from fsdd_lightning import record
from fsdd_lightning.data import microphone
from fsdd_lightning.data.recorder.hearing import SETTLE_S, START_S
from fsdd_lightning.data.recorder.takes import missing_words
from fsdd_lightning.data.recordings import load_recordings

WORDS = ("3", "7")
ORDER = missing_words({"3": [], "7": []}, WORDS, 2, seed=0)


class Recorder:
    """Calls fsdd-record in this process, without a microphone."""

    def __init__(self, call: Call, folder: Path) -> None:
        self.call, self.folder, self.sounds = call, folder / "mine", folder

    def __call__(self, *inputs: np.ndarray, takes: int = 2, options: Sequence[object] = ()) -> Ended:
        files = []
        for number, samples in enumerate(inputs):
            files.append(self.sounds / f"sound{number}.wav")
            soundfile.write(files[-1], samples, RATE)
        words = ("--words", ",".join(WORDS), "--takes", takes)
        fed = ("--input", *files) if files else ()
        return self.call(record, self.folder, "--speaker", "ann", *words, *options, *fed)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def recorder(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # nobody needs it who feeds sound
    return Recorder(call, tmp_path)


def prompts(out: str) -> list[str]:
    """The words that were asked for, in order."""
    spelled = {"3 three": "3", "7 seven": "7"}
    asked = [line.split("  ") for line in out.splitlines() if "/4  " in line or "/6  " in line]
    return [next(word for name, word in spelled.items() if name in map(str.strip, parts)) for parts in asked]


def test_words_that_are_said_as_asked_become_recordings(recorder: Recorder) -> None:
    code, out, err = recorder(dictated(ORDER))
    assert (code, err) == (0, "")
    assert recorder.names() == ["3_ann_0.wav", "3_ann_1.wav", "7_ann_0.wav", "7_ann_1.wav"]
    assert prompts(out) == ORDER
    assert "missing:" not in out and "are missing" not in out
    assert f"fsdd-train data.root={recorder.folder}\n" in out

    loaded = load_recordings(recorder.folder, "mine", RATE, "error", 256)
    assert [(each.label, each.take) for each in loaded.recordings] == [("3", 0), ("3", 1), ("7", 0), ("7", 1)]
    assert loaded.notes == ()  # neither resampled nor mixed


def test_a_recording_is_a_piece_of_what_was_heard_sample_for_sample(recorder: Recorder) -> None:
    sound = dictated(ORDER)
    recorder(sound)
    for name in recorder.names():
        samples, rate = soundfile.read(recorder.folder / name, dtype="int16")
        assert rate == RATE
        assert any(
            np.array_equal(sound[k : k + len(samples)], samples) for k in np.flatnonzero(sound == samples[0]).tolist()
        )


def test_a_refused_take_is_asked_for_again(recorder: Recorder) -> None:
    spoiled = in_room(pause(0.9), np.clip(4 * spoken(ORDER[0]), -1, 1))
    code, out, _ = recorder(np.concatenate([spoiled, dictated(ORDER)]))
    assert code == 0
    assert prompts(out) == [ORDER[0], *ORDER]
    (line,) = [line for line in out.splitlines() if "again:" in line]
    assert "clipped" in line and line.strip().startswith("1/4")
    assert len(recorder.names()) == 4


def test_sound_that_ends_early_keeps_what_is_there_and_the_same_command_goes_on(recorder: Recorder) -> None:
    code, out, err = recorder(dictated(ORDER[:3]))
    assert code == 1
    assert only_line(err) == "error: the sound has ended before all words were recorded: feed more of it"
    assert "1 of 4 recordings are missing: the same command goes on from there." in out
    assert "fsdd-train" not in out
    before = {name: (recorder.folder / name).read_bytes() for name in recorder.names()}
    assert len(before) == 3

    code, out, _ = recorder(dictated(ORDER[3:]))
    assert code == 0
    assert prompts(out) == ORDER[3:]
    assert out.splitlines()[0].endswith(", 3 of them there already.")
    assert len(recorder.names()) == 4
    assert all((recorder.folder / name).read_bytes() == content for name, content in before.items())


def test_a_session_that_is_complete_needs_no_microphone(recorder: Recorder) -> None:
    recorder(dictated(ORDER))
    code, out, err = recorder()
    assert (code, err, prompts(out)) == (0, "", [])
    assert "Takes of ann" in out and "fsdd-train" in out


def test_more_takes_go_on_after_the_highest_number(recorder: Recorder) -> None:
    recorder(dictated(ORDER))
    (recorder.folder / "3_ann_1.wav").rename(recorder.folder / "3_ann_41.wav")
    code, _, _ = recorder(dictated(missing_words({"3": [0, 41], "7": [0, 1]}, WORDS, 3, seed=0)), takes=3)
    assert code == 0
    assert recorder.names() == [*("3_ann_0.wav", "3_ann_41.wav", "3_ann_42.wav"), *(f"7_ann_{k}.wav" for k in range(3))]


def test_another_seed_asks_in_another_order(recorder: Recorder) -> None:
    options = ("--seed", 3)
    order = missing_words({"3": [], "7": []}, WORDS, 3, seed=3)
    assert order != missing_words({"3": [], "7": []}, WORDS, 3, seed=0)
    _, out, _ = recorder(dictated(order), takes=3, options=options)
    assert prompts(out) == order


def test_several_files_of_any_rate_and_channels_are_one_sound(recorder: Recorder, tmp_path: Path) -> None:
    import soxr

    files = [tmp_path / "first.wav", tmp_path / "second.wav"]
    wide = soxr.resample(dictated(ORDER[:2]) / 32_768, RATE, 44_100)
    soundfile.write(files[0], np.stack([wide, wide], axis=1), 44_100, subtype="PCM_24")
    soundfile.write(files[1], dictated(ORDER[2:]), RATE)
    code, out, _ = recorder(options=("--input", *files))
    assert (code, prompts(out)) == (0, ORDER)


def test_a_file_that_was_clipped_before_resampling_is_refused(recorder: Recorder, tmp_path: Path) -> None:
    import soxr

    word = soxr.resample(4 * spoken(ORDER[0]), RATE, 44_100)
    loud = np.concatenate([np.zeros(44_100), np.clip(word, -1, 1), np.zeros(44_100)])
    soundfile.write(tmp_path / "loud.wav", np.clip(loud + 1e-4 * np.sin(np.arange(len(loud))), -1, 1), 44_100)
    code, out, _ = recorder(options=("--input", tmp_path / "loud.wav"))
    assert code == 1
    assert "again: clipped" in out


def standard_input(monkeypatch: pytest.MonkeyPatch, pipe: object) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=pipe, isatty=lambda: pipe is None))


def test_raw_samples_come_from_standard_input(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, io.BytesIO(dictated(ORDER).astype("<i2").tobytes()))
    code, out, _ = recorder(options=("--input", "-"))
    assert (code, prompts(out)) == (0, ORDER)


class Interrupted(io.BytesIO):
    """A pipe in whose middle the user presses Ctrl-C."""

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if not content:
            raise KeyboardInterrupt
        return content


def test_ctrl_c_keeps_what_is_there_and_says_what_is_missing(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    standard_input(monkeypatch, Interrupted(dictated(ORDER[:1]).astype("<i2").tobytes()))
    code, out, err = recorder(options=("--input", "-"))
    assert (code, err) == (130, "interrupted\n")
    assert recorder.names() == [f"{ORDER[0]}_ann_0.wav"]
    assert "3 of 4 recordings are missing: the same command goes on from there." in out


def test_the_files_of_a_full_disk_are_whole_or_not_there(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsdd_lightning import artifacts

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts.os, "fsync", full)
    code, out, err = recorder(dictated(ORDER))
    assert code == 1
    assert only_line(err).startswith(f"error: cannot write {recorder.folder / f'{ORDER[0]}_ann_0.wav'} (No space left")
    assert recorder.names() == []
    assert "4 of 4 recordings are missing" in out


def test_without_the_extra_a_microphone_is_refused_before_anything_is_made(recorder: Recorder) -> None:
    for arguments in ((), ("--list-devices",)):
        code, out, err = recorder(options=arguments)
        assert (code, out) == (2, "")
        assert only_line(err).endswith('pip install -e ".[mic]"')
    assert not recorder.folder.exists()


NAMELESS = "name a folder and who speaks: fsdd-record FOLDER --speaker NAME"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", NAMELESS),
        ("mine", NAMELESS),
        ("--speaker ann", NAMELESS),
        ("mine --speaker a_b", "--speaker: speaker 'a_b' holds '_' (letters, digits and hyphens are allowed)"),
        ("mine --speaker a --words 1,,2", "--words 1,,2: label is missing; write e.g. --words yes,no"),
        ("mine --speaker a --words a/b", "--words a/b: 'a/b' can't be a part of a file name"),
        ("mine --speaker a --takes 0", "--takes must be at least 1, not 0"),
        ("mine --speaker a --seed -1", "--seed must be at least 0, not -1"),
        ("mine --speaker a --rate 11025", "--rate must be 8000 or 16000, not 11025"),
        ("mine --speaker a --input - -", "there is one standard input: name - once"),
        ("mine --speaker a --input -", "--input - reads samples, not a terminal: arecord -t raw -f S16_LE -r 8000 | "),
        ("mine --speaker a --input no.wav", "no.wav: cannot be read (No such file or directory)"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    standard_input(monkeypatch, None)
    code, out, err = call(record, *line.split())
    assert (code, out) == (2, "")
    assert only_line(err).startswith(f"error: {reason}")
    assert list(tmp_path.iterdir()) == []


# --- with a microphone ---


@pytest.fixture
def library(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    """The extra is installed."""
    fake = FakeSounddevice(RATE)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def test_a_microphone_hears_the_room_first(recorder: Recorder, library: FakeSounddevice) -> None:
    library.waiting = np.concatenate([in_room(pause(START_S + SETTLE_S)), dictated(ORDER[:2])])
    code, out, err = recorder(takes=1, options=("--device", 1))
    assert (code, err) == (0, "")
    assert "Quiet for a moment, please ... the room has -66 dB.\n" in out
    assert len(recorder.names()) == 2
    assert library.stream.settings["device"] == 1
    assert library.stream.closed


def test_a_microphone_that_fails_leaves_what_is_there(
    recorder: Recorder, library: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "PATIENCE_S", 0.01)
    library.waiting = np.concatenate([in_room(pause(START_S + SETTLE_S)), dictated(ORDER[:1])])
    code, out, err = recorder(takes=1)
    assert code == 1
    assert only_line(err) == "error: the microphone has given nothing for 0.01 s: is it plugged in?"
    assert "1 of 2 recordings are missing" in out
    assert library.stream.closed


def test_devices_are_listed_with_their_numbers(recorder: Recorder, library: FakeSounddevice) -> None:
    code, out, _ = recorder.call(record, "--list-devices")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["1", "built-in", "48,000"] in rows
    assert ["2", "headset", "[b]", "16,000", "default"] in rows
    assert "loudspeaker" not in out
