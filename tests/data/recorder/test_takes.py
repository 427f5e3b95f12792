"""Which takes are there, which words are asked for, and what a new take is called."""

from __future__ import annotations

import wave
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.data.recorder.takes import TakeFolder, find_takes, missing_words
from fsdd_lightning.errors import RunFailedError, UserError

DIGITS = "0123456789"
NONE: dict[str, list[int]] = {digit: [] for digit in DIGITS}
SAMPLES = np.arange(-400, 400, dtype=np.int16)


def filled(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"sound")
    return folder


def test_takes_are_those_of_the_speaker_alone(tmp_path: Path) -> None:
    names = ("7_ann_10.wav", "7_ann_2.WAV", "0_ann_0.wav", "7_ann-b_3.wav", "7_bob_4.wav", "7_ann_x.wav", "ann.txt")
    takes = find_takes(filled(tmp_path, *names), "ann")
    assert takes.takes() == {"7": [2, 10], "0": [0]}
    assert takes.takes()["5"] == []
    assert takes.speakers() == 3


def test_a_new_take_follows_the_highest_and_overwrites_nothing(tmp_path: Path) -> None:
    takes = find_takes(filled(tmp_path, "7_ann_3.wav"), "ann")
    assert takes.write("7", SAMPLES, 8000).name == "7_ann_4.wav"
    assert takes.write("7", SAMPLES, 8000).name == "7_ann_5.wav"
    assert takes.write("6", SAMPLES, 8000).name == "6_ann_0.wav"
    assert (tmp_path / "7_ann_3.wav").read_bytes() == b"sound"
    assert len(list(tmp_path.iterdir())) == 4  # nothing is left beside them


def test_a_file_that_is_no_take_of_the_speaker_is_not_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a file system does not tell Ann from ann."""
    takes = TakeFolder(filled(tmp_path, "7_ann_0.wav", "7_ann_1.wav"), "ann")
    monkeypatch.setattr(TakeFolder, "takes", lambda self: {**NONE})
    assert takes.write("7", SAMPLES, 8000).name == "7_ann_2.wav"


def test_a_take_holds_its_samples(tmp_path: Path) -> None:
    path = TakeFolder(tmp_path, "ann").write("7", SAMPLES, 16_000)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert np.array_equal(np.frombuffer(file.readframes(1000), "<i2"), SAMPLES)


def test_takes_lie_where_the_project_reads_them(tmp_path: Path) -> None:
    assert find_takes(tmp_path / "new", "ann").folder == tmp_path / "new"
    assert not (tmp_path / "new").exists()
    inner = filled(tmp_path / "corpus" / "recordings", "7_bob_0.wav")
    assert find_takes(tmp_path / "corpus", "ann").folder == inner


def test_the_folder_is_made_with_all_above_it(tmp_path: Path) -> None:
    takes = find_takes(tmp_path / "a" / "b", "ann")
    assert takes.takes() == {}
    takes.make()
    takes.make()
    assert takes.write("1", SAMPLES, 8000).is_file()


def test_a_folder_that_cannot_be_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^cannot make the folder .*file \(File exists\): choose another one$"):
        find_takes(tmp_path / "file", "ann").make()
    with pytest.raises(RunFailedError, match=r"^cannot write .*7_ann_0.wav \(.*\): what was recorded before is kept$"):
        TakeFolder(tmp_path / "nowhere", "ann").write("7", SAMPLES, 8000)


@pytest.mark.parametrize(("name", "reason"), [("a_b", "holds '_'"), ("", "is missing"), ("a b", "holds ' '")])
def test_a_name_that_no_recording_may_have_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(UserError, match=f"^--speaker: speaker .*{reason}"):
        find_takes(tmp_path, name)


def test_a_name_is_the_same_however_its_accents_are_composed(tmp_path: Path) -> None:
    assert find_takes(filled(tmp_path, "7_zoe\u0301_3.wav"), "zo\u00e9").takes()["7"] == [3]


# --- what is asked ---


def test_every_round_asks_for_every_word_once_in_an_order_of_its_own() -> None:
    asked = missing_words(NONE, DIGITS, 3, seed=0)
    rounds = [asked[start : start + 10] for start in (0, 10, 20)]
    assert [sorted(each) for each in rounds] == [list(DIGITS)] * 3
    assert len({tuple(each) for each in rounds}) == 3
    assert asked == missing_words(NONE, DIGITS, 3, seed=0) != missing_words(NONE, DIGITS, 3, seed=1)


@pytest.mark.parametrize("done", [0, 1, 7, 10, 13, 30])
def test_a_session_goes_on_where_it_stopped(done: int) -> None:
    asked = missing_words(NONE, DIGITS, 3, seed=0)
    counts = Counter(asked[:done])
    there = {digit: list(range(counts[digit])) for digit in DIGITS}
    assert missing_words(there, DIGITS, 3, seed=0) == asked[done:]


def test_takes_count_whatever_their_numbers_are() -> None:
    asked = missing_words({**NONE, "4": [7, 9]}, ["4", "5"], 3, seed=0)
    assert sorted(asked) == ["4", "5", "5", "5"]
    assert missing_words({**NONE, "4": [1, 2, 3, 4]}, ["4"], 3, seed=0) == []


def test_words_are_any_and_one_may_hold_an_underscore(tmp_path: Path) -> None:
    takes = TakeFolder(filled(tmp_path, "turn_on_ann_0.wav"), "ann")
    assert takes.write("turn_on", SAMPLES, 8000).name == "turn_on_ann_1.wav"
    assert takes.takes() == {"turn_on": [0, 1]}
