"""Which files are recordings, of which word and by whom, in both layouts; and what decides their digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sounds import tone, wav_bytes

from fsdd_lightning.config.load import config_from_mapping, config_to_mapping
from fsdd_lightning.config.schema import DataConfig
from fsdd_lightning.data.corpora import load_corpora
from fsdd_lightning.data.layouts import layout_of, list_folder
from fsdd_lightning.data.locate import labels_of, locate_corpora, present_digest
from fsdd_lightning.data.preparation import prepare_data
from fsdd_lightning.data.recordings import folder_digest, load_recordings
from fsdd_lightning.data.words import DIGITS, NOISE, OTHER, Words
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import compose_config

FOLDERS = Words("folders", None)
FILES = Words("fsdd", None)
NAMES = ("left/ann_nohash_0", "left/ann_nohash_1", "left/bob_nohash_0", "right/ann_nohash_0", "up/bob_nohash_3")


def tree(folder: Path, names: Sequence[str] = NAMES, rate_hz: int = 8000) -> Path:
    """WAV files, each with a sound of its own."""
    for at, name in enumerate(names):
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav_bytes(tone(300 + 10 * at), rate_hz, "PCM_16"))
    return folder


def words_in(folder: Path, words: Words) -> list[str]:
    return [recording.name for recording in load_recordings(folder, "some", 8000, "error", words=words).recordings]


def data_config(*overrides: str) -> DataConfig:
    return compose_config(*overrides).data


# a folder for each word


def test_a_folder_is_a_word_and_the_names_tell_the_speakers(tmp_path: Path) -> None:
    found = load_recordings(tree(tmp_path), "some", 8000, "error", words=FOLDERS)
    assert [one.name for one in found.recordings] == [
        "left_ann_0",
        "left_ann_1",
        "left_bob_0",
        "right_ann_0",
        "up_bob_3",
    ]
    assert found.labels == ("left", "right", "up")
    assert found.targets().tolist() == [0, 0, 0, 1, 2]
    assert found.targets(["up", "right", "left"]).tolist() == [2, 2, 2, 1, 0]


def test_folders_that_hold_no_words_are_none(tmp_path: Path) -> None:
    tree(tmp_path, [*NAMES, "_background_noise_/rain", ".git/x_nohash_0"])
    (tmp_path / "docs").mkdir()
    (tmp_path / "LICENSE").write_text("none")
    assert load_recordings(tmp_path, "some", 8000, "error", words=FOLDERS).labels == ("left", "right", "up")


@pytest.mark.parametrize(
    ("stems", "expected"),
    [
        (["ann_nohash_2"], [("ann", 2)]),
        (["0a7c2a8d_nohash_0", "0a7c2a8d_nohash_1"], [("0a7c2a8d", 0), ("0a7c2a8d", 1)]),
        (["ann_2", "ann-3"], [("ann", 2), ("ann", 3)]),
        (["ann b_2"], [("ann-b", 2)]),
        (["one", "two"], [("unknown", 0), ("unknown", 1)]),
        (["ann-1", "ann_1"], [("ann", 0), ("ann", 1)]),  # the second 1 is the next free one
        (["take 7"], [("unknown", 0)]),
    ],
)
def test_speakers_and_takes_of_file_names(tmp_path: Path, stems: list[str], expected: list[tuple[str, int]]) -> None:
    tree(tmp_path, [f"left/{stem}" for stem in stems])
    found = load_recordings(tmp_path, "some", 8000, "error", words=FOLDERS)
    assert [(one.speaker, one.take) for one in found.recordings] == expected
    assert any("name no speaker" in note for note in found.notes) == (expected[0][0] == "unknown")


def test_a_pattern_of_ones_own_tells_the_speaker(tmp_path: Path) -> None:
    tree(tmp_path, ["left/2024-05-ann-x", "left/2024-06-bob-y"])
    words = replace(FOLDERS, speaker_pattern=r"\d+-\d+-(?P<speaker>\w+)-.")
    assert words_in(tmp_path, words) == ["left_ann_0", "left_bob_0"]


def test_a_word_may_hold_spaces_and_underscores(tmp_path: Path) -> None:
    assert words_in(tree(tmp_path, ["turn on/a_0", "turn_off/a_0"]), FOLDERS) == ["turn on_a_0", "turn_off_a_0"]
    assert words_in(tree(tmp_path / "files", ["turn_off_a_0", "turn on_a_0"]), FILES) == ["turn on_a_0", "turn_off_a_0"]


# which words


def test_listed_labels_keep_their_order_and_others_are_named(tmp_path: Path) -> None:
    words = replace(FOLDERS, labels=("up", "left"))
    found = load_recordings(tree(tmp_path), "some", 8000, "error", words=words)
    assert found.labels == ("up", "left") and found.targets().tolist() == [1, 1, 1, 0]
    assert found.notes[-1] == "1 recordings of words that data.labels does not list: right (1)"


def test_among_fsdds_file_names_a_strange_label_is_a_bad_file_and_a_digit_is_left_out(tmp_path: Path) -> None:
    tree(tmp_path, ["0_ann_0", "1_ann_0", "10_ann_0"])
    with pytest.raises(UserError, match=r"10_ann_0.wav: label '10' is not one of 0 to 9"):
        load_recordings(tmp_path, "some", 8000, "error")
    found = load_recordings(tmp_path, "some", 8000, "skip", words=Words(labels=("0",)))
    assert [one.name for one in found.recordings] == ["0_ann_0"] and len(found.bad) == 1


def test_other_words_are_one_class_whose_takes_are_counted_anew(tmp_path: Path) -> None:
    named = replace(FOLDERS, other=("right", "left"))
    assert words_in(tree(tmp_path), named) == ["other_ann_0", "other_ann_1", "other_ann_2", "other_bob_0", "up_bob_3"]
    rest = replace(FOLDERS, labels=("up",), other="rest")
    assert words_in(tmp_path, rest) == words_in(tmp_path, named)
    assert load_recordings(tmp_path, "some", 8000, "error", words=rest).labels == ("up", OTHER)


def test_other_words_may_lie_elsewhere(tmp_path: Path) -> None:
    elsewhere = tree(tmp_path / "more", ["hello/cid_nohash_0", "loose_4"])
    words = replace(FOLDERS, other=(str(elsewhere), "up"))
    assert words_in(tree(tmp_path / "data"), words)[-3:] == ["other_cid_0", "other_loose_0", "right_ann_0"]
    with pytest.raises(UserError, match=r"data.other: 'rihgt' is neither a word of the data nor a folder; did you"):
        words_in(tmp_path / "data", replace(FOLDERS, other=("rihgt",)))


# noise


def test_clips_of_noise_are_pieces_of_long_ones(tmp_path: Path) -> None:
    rain = np.concatenate([tone(200 + at) for at in range(100)])
    tree(tmp_path, NAMES)
    (tmp_path / "_background_noise_").mkdir()
    for name in ("rain", "fan belt"):
        (tmp_path / "_background_noise_" / f"{name}.wav").write_bytes(wav_bytes(rain, 8000, "PCM_16"))
    found = load_recordings(tmp_path, "some", 8000, "error", words=replace(FOLDERS, noise=5))
    clips = [one for one in zip(found.recordings, found.waveforms, strict=True) if one[0].label == NOISE]
    assert [one.name for one, _ in clips] == [
        "noise_noise-fan-belt_0",
        "noise_noise-fan-belt_1",
        "noise_noise-fan-belt_2",
        "noise_noise-rain_0",
        "noise_noise-rain_1",
    ]
    assert found.labels[-1] == NOISE and all(len(waveform) == 8000 for _, waveform in clips)
    pieces = {waveform.tobytes() for _, waveform in clips}
    assert len(pieces) == 5


def test_noise_is_made_where_there_is_none_and_is_the_same_again(tmp_path: Path) -> None:
    words = replace(FOLDERS, noise=4)
    first, second = (load_recordings(tree(tmp_path), "some", 8000, "error", words=words) for _ in range(2))
    assert sum(one.label == NOISE for one in first.recordings) == 4
    for one, other in zip(first.waveforms, second.waveforms, strict=True):
        assert np.array_equal(one, other)


# the official parts


def test_lists_decide_the_official_split(tmp_path: Path) -> None:
    names = [f"{word}/s{at}_nohash_0" for word in ("left", "right") for at in range(6)]
    tree(tmp_path, names)
    (tmp_path / "testing_list.txt").write_text("left/s0_nohash_0.wav\nright/s1_nohash_0.wav\n")
    (tmp_path / "validation_list.txt").write_text("left/s2_nohash_0.wav\nright/s2_nohash_0.wav\n")
    config = compose_config("data=words", f"data.root={tmp_path}", "split=official", "data.noise=20")
    data = prepare_data(config.data, config.split, config.features)
    parts = {
        part: [data.recordings.recordings[at].name for at in getattr(data.split, part)] for part in ("test", "val")
    }
    assert parts["test"] == ["left_s0_0", "noise_noise-made_0", "noise_noise-made_10", "right_s1_0"]
    assert parts["val"] == ["left_s2_0", "noise_noise-made_1", "noise_noise-made_11", "right_s2_0"]
    assert len(data.split.train) == 12 - 4 + 20 - 4


def test_without_a_list_of_validation_clips_some_are_cut_from_training(tmp_path: Path) -> None:
    tree(tmp_path, [f"{word}/s{at}_nohash_0" for word in ("left", "right") for at in range(8)])
    (tmp_path / "testing_list.txt").write_text("left/s0_nohash_0.wav\nright/s1_nohash_0.wav\n")
    config = compose_config("data=words", f"data.root={tmp_path}", "split=official")
    split = prepare_data(config.data, config.split, config.features).split
    assert (len(split.train), len(split.val), len(split.test)) == (12, 2, 2)


# digests


@pytest.mark.parametrize(
    "words",
    [
        FOLDERS,
        replace(FOLDERS, labels=("left", "up")),
        replace(FOLDERS, other=("up",)),
        replace(FOLDERS, labels=("left",), other="rest"),
        replace(FOLDERS, noise=3),
        replace(FOLDERS, speaker_pattern="(?P<speaker>.).*"),
    ],
)
def test_the_digest_is_that_of_the_files_undecoded(tmp_path: Path, words: Words) -> None:
    tree(tmp_path, [*NAMES, "_background_noise_/rain"])
    (tmp_path / "testing_list.txt").write_text("left/ann_nohash_0.wav\n")
    assert load_recordings(tmp_path, "some", 8000, "error", words=words).digest == folder_digest(tmp_path, words)


def test_whatever_changes_the_clips_or_their_order_changes_the_digest(tmp_path: Path) -> None:
    tree(tmp_path, [*NAMES, "_background_noise_/rain"])
    every = [
        FOLDERS,
        replace(FOLDERS, labels=("left", "up")),
        replace(FOLDERS, other=("up",)),
        replace(FOLDERS, other=("left",)),
        replace(FOLDERS, noise=3),
        replace(FOLDERS, noise=4),
        replace(FOLDERS, speaker_pattern="(?P<speaker>.).*"),
    ]
    digests = [folder_digest(tmp_path, words) for words in every]
    (tmp_path / "testing_list.txt").write_text("left/ann_nohash_0.wav\n")
    digests.append(folder_digest(tmp_path, FOLDERS))
    (tmp_path / "left" / "ann_nohash_0.wav").rename(tmp_path / "left" / "eve_nohash_0.wav")
    digests.append(folder_digest(tmp_path, FOLDERS))
    assert len(set(digests)) == len(digests)


# sound of any kind


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "aiff"])
def test_recordings_may_be_of_any_kind(tmp_path: Path, suffix: str) -> None:
    import soundfile

    place = tree(tmp_path, ["left/ann_0", "right/ann_0"])
    soundfile.write(place / "left" / f"bob_7.{suffix}", np.tile(tone(440), 4), 8000)
    found = load_recordings(place, "some", 8000, "error", words=FOLDERS)
    assert [one.name for one in found.recordings] == ["left_ann_0", "left_bob_7", "right_ann_0"]
    assert found.digest == folder_digest(place, FOLDERS)


# the config


def test_labels_are_those_of_all_roots(tmp_path: Path) -> None:
    a, b = tree(tmp_path / "a", ["left/ann_0", "up/ann_0"]), tree(tmp_path / "b", ["down/bob_0", "up/bob_0"])
    data = data_config("data=words", f"data.root=[{a},{b}]")
    assert labels_of(data) == ("down", "left", "up")
    joined = load_corpora(locate_corpora(data), 8000, "error", words=FOLDERS)
    assert joined.labels == labels_of(data)
    assert [one.name for one in joined.recordings] == ["down_b-bob_0", "left_a-ann_0", "up_a-ann_0", "up_b-bob_0"]
    assert present_digest(data, 8000) == joined.digest


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((), "data=words needs a folder of words: data.root=FOLDER"),
        (("data.root={nowhere}",), "nowhere is not a folder"),
        (("data.root={empty}",), "empty holds no recordings"),
        (("data.root={files}",), "its files are those of data.layout=fsdd"),
        (("data.root={tree}", "data.labels=[left]"), "there is one class, left, and nothing to tell it from"),
        (("data.root={tree}", "data.labels=[left,rihgt]"), "no recordings of rihgt; did you mean 'right'"),
        (("data.root={tree}", "data.labels=[left,xyz]"), "no recordings of xyz; there are left, right, up"),
    ],
)
def test_words_that_are_not_there_are_refused_in_one_line(
    tmp_path: Path, overrides: tuple[str, ...], message: str
) -> None:
    places = {name: tmp_path / name for name in ("nowhere", "empty", "files", "tree")}
    places["empty"].mkdir()
    tree(places["files"], ["left_ann_0"])
    tree(places["tree"])
    with pytest.raises(UserError, match=message) as caught:
        labels_of(data_config("data=words", *(text.format(**places) for text in overrides)))
    assert "\n" not in str(caught.value)


def test_a_word_with_too_few_clips_is_named(tmp_path: Path) -> None:
    names = [f"left/s{at}_0" for at in range(9)] + ["up/s1_0", "up/s2_0"]
    config = compose_config("data=words", f"data.root={tree(tmp_path, names)}")
    with pytest.raises(UserError, match=r"too few recordings in .*: 'up' has 2, but training, validation and test"):
        prepare_data(config.data, config.split, config.features)


def test_a_folder_tells_its_layout(tmp_path: Path) -> None:
    assert layout_of(tree(tmp_path / "a")) == FOLDERS
    assert layout_of(tree(tmp_path / "b", ["left_ann_0"])) == FILES
    (tmp_path / "c").mkdir()
    with pytest.raises(UserError, match="c holds no recordings: name a folder with files like"):
        layout_of(tmp_path / "c")


def test_fsdd_has_the_ten_digits_whether_it_is_here_or_not() -> None:
    assert labels_of(data_config()) == labels_of(data_config("data=synthetic")) == DIGITS


def test_the_config_of_words_is_read_back(tmp_path: Path) -> None:
    root = tree(tmp_path, ["yes/a_0", "no/a_0", "7/a_0"])
    config = compose_config("data=words", f"data.root={root}", "data.labels=[yes,no,7]", "data.other=rest")
    assert config.data.labels == ("yes", "no", "7")
    assert config_from_mapping(config_to_mapping(config)) == config


def test_no_file_is_opened_to_list_a_folder(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "ann_nohash_0.wav").write_bytes(b"no sound")
    assert [file.label for file in list_folder(tmp_path, FOLDERS).files] == ["left"]
