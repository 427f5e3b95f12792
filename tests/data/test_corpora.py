"""Several corpora in one set: speakers kept apart, one digest, and nothing else for a single folder."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import tone, wav_bytes

from fsdd_lightning.config.schema import DataConfig
from fsdd_lightning.data.corpora import corpora_digest, corpus_names, fit, load_corpora
from fsdd_lightning.data.layouts import parse_name
from fsdd_lightning.data.locate import locate_corpora, present_digest
from fsdd_lightning.data.recordings import load_recordings
from fsdd_lightning.data.splits import split_recordings
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import compose_trials


def corpus(folder: Path, *names: str, base_hz: float = 300.0) -> Path:
    folder.mkdir(parents=True)
    for at, name in enumerate(names):
        (folder / f"{name}.wav").write_bytes(wav_bytes(tone(base_hz + 20 * at)))
    return folder


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    """`ann` is in both, and is somebody else in each."""
    first = corpus(tmp_path / "first" / "recordings", "0_ann_1", "7_ann_0", "0_bob_0")
    second = corpus(tmp_path / "my voices", "0_ann_0", "7_zoe_0", base_hz=500.0)
    return [first.parent, second]


def data_config(*words: str) -> DataConfig:
    ((_, config),) = compose_trials(words, multirun=False)
    return config.data


def data_of(roots: list[Path]) -> DataConfig:
    return dataclasses.replace(data_config(), root=tuple(map(str, roots)))


# --- names ---


@given(st.text(max_size=12))
def test_any_folder_name_can_be_made_part_of_a_speakers_name(text: str) -> None:
    name = fit(text)
    assert parse_name(f"7_{name}-ann_0") == ("7", f"{name}-ann", 0)
    assert fit(name) == name


def test_a_corpus_is_called_as_its_folder_or_the_parent_of_one_that_says_nothing() -> None:
    folders = map(Path, ["/a/fsdd", "/a/other_voices/untrimmed", "/b/x/recordings", "/c/..", "/d/fsdd", "/e/fsdd/"])
    assert corpus_names(folders) == ["fsdd", "other-voices", "x", "corpus", "fsdd-2", "fsdd-3"]
    assert corpus_names(map(Path, ["/a/v-2", "/b/v", "/c/v"])) == ["v-2", "v", "v-3"]


def test_names_of_relative_folders_and_links_are_those_that_a_user_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    assert corpus_names([Path(), Path("../link")]) == ["mine", "link"]


# --- the set ---


def test_speakers_are_kept_apart_by_corpus(roots: list[Path]) -> None:
    joined = load_corpora(locate_corpora(data_of(roots)), 8000, "error")
    assert joined.name == "first+my-voices"
    assert [recording.name for recording in joined.recordings] == [
        "0_first-ann_1",
        "0_first-bob_0",
        "0_my-voices-ann_0",
        "7_first-ann_0",
        "7_my-voices-zoe_0",
    ]
    for recording, waveform in zip(joined.recordings, joined.waveforms, strict=True):
        alone = load_recordings(recording.path.parent, "alone", 8000, "error")
        (position,) = [at for at, other in enumerate(alone.recordings) if other.path == recording.path]
        assert np.array_equal(waveform, alone.waveforms[position])
    assert joined.folders == {"first": roots[0] / "recordings", "my-voices": roots[1]}
    assert not joined.notes


def test_a_mapping_names_the_corpora(roots: list[Path]) -> None:
    data = data_config(f"data.root={{a:{roots[0]},b:'{roots[1]}'}}")
    assert {r.speaker for r in load_corpora(locate_corpora(data), 8000, "error").recordings} == {
        *("a-ann", "a-bob", "b-ann", "b-zoe")
    }


def test_the_digest_is_of_corpora_names_and_contents(roots: list[Path]) -> None:
    """And that of files that are not decoded is the same; the order of the roots is nothing."""
    joined = load_corpora(locate_corpora(data_of(roots)), 8000, "error")
    lines = []
    for name, folder in joined.folders.items():
        listed = subprocess.run("sha256sum *.wav", shell=True, cwd=folder, capture_output=True, check=True).stdout
        lines.append(f"{hashlib.sha256(listed).hexdigest()}  {name}\n")
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert joined.digest == corpora_digest(joined.folders) == present_digest(data_of(roots), 8000) == expected
    assert present_digest(data_of(roots[::-1]), 8000) == joined.digest
    roots[1].rename(roots[1].parent / "others")
    assert present_digest(data_of([roots[0], roots[1].parent / "others"]), 8000) != joined.digest
    assert present_digest(data_of([roots[0], roots[1]]), 8000) is None


@pytest.mark.parametrize("root", ["{0}", "[{0}]"])
def test_one_folder_is_what_it_was(roots: list[Path], root: str) -> None:
    data = data_config(f"data.root={root.format(roots[0])}")
    alone = load_corpora(locate_corpora(data), 8000, "error")
    before = load_recordings(roots[0], "fsdd", 8000, "error")
    assert (alone.name, alone.recordings, alone.digest) == ("fsdd", before.recordings, before.digest)
    assert (alone.folder, alone.corpora, {r.corpus for r in alone.recordings}) == (before.folder, {}, {""})
    assert present_digest(data, 8000) == before.digest


def test_clips_that_are_in_two_corpora_are_noted(tmp_path: Path) -> None:
    first = corpus(tmp_path / "a", "0_ann_0", "1_ann_0")
    second = corpus(tmp_path / "b", "0_bob_0", base_hz=320.0)  # sounds like 1_ann_0
    assert load_corpora({"a": first, "b": second}, 8000, "error").notes == (
        "b: 1 of 1 recordings are in another corpus, too: leave one out",
    )


def test_bad_files_are_named_with_their_corpus(roots: list[Path]) -> None:
    (roots[1] / "8_zoe.wav").write_bytes(b"")
    with pytest.raises(UserError, match=r"1 bad file\(s\) in .*/my voices, e\.g\. 8_zoe\.wav: "):
        load_corpora(locate_corpora(data_of(roots)), 8000, "error")
    kept = load_corpora(locate_corpora(data_of(roots)), 8000, "skip")
    assert [bad.path for bad in kept.bad] == [roots[1] / "8_zoe.wav"]
    assert kept.notes[0].startswith("my-voices: 1 bad file(s) left out, e.g. 8_zoe.wav: ")


def test_two_speakers_are_never_one(tmp_path: Path) -> None:
    first, second = corpus(tmp_path / "a", "0_b-ann_0"), corpus(tmp_path / "a-b", "1_ann_0")
    with pytest.raises(UserError, match=r"speaker a-b-ann would be in the corpora a and a-b: name the corpora"):
        load_corpora(locate_corpora(data_of([first, second])), 8000, "error")


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("[{0},{0}/recordings]", r"data.root names the recordings in .*/first/recordings twice"),
        ("[{0},{0}/nowhere]", r"data.root=.*/first/nowhere is not a folder"),
        ("{{f_a:{0},b:{1}}}", r"'f_a' can't be the name of a corpus .* write 'f-a'"),
    ],
)
def test_roots_that_cannot_be_joined(roots: list[Path], root: str, message: str) -> None:
    second = roots[1].rename(roots[1].parent / "second")
    with pytest.raises(UserError, match=message):
        locate_corpora(data_config(f"data.root={root.format(roots[0], second)}"))


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("[]", "data: root must name a folder, or several"),
        ("[a,'']", "data: root must name a folder, or several"),
        ("{a:b}", "must name several"),
        ("5", "data.root must be a valid string or a valid array or an object, not 5"),
        ("[a,5]", "data.root.1 must be a valid string, not 5"),
    ],
)
def test_roots_that_are_no_folders(root: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        data_config(f"data.root={root}")


# --- splits ---


@pytest.mark.parametrize(("given_name", "held_out"), [("second-ann", "second-ann"), ("zoe", "second-zoe")])
def test_a_speaker_is_held_out_by_full_name_or_where_it_is_unique_without_the_corpus(
    tmp_path: Path, given_name: str, held_out: str
) -> None:
    voices = {"first": ("ann", "bob"), "second": ("ann", "zoe", "b-zoe")}
    folders = {
        name: corpus(
            tmp_path / name, *(f"{digit}_{who}_{take}" for digit in (0, 1) for who in whose for take in (0, 1))
        )
        for name, whose in voices.items()
    }
    recordings = load_corpora(folders, 8000, "error").recordings
    ((_, config),) = compose_trials(["split=unseen_speaker", f"split.held_out={given_name}"], multirun=False)
    split = split_recordings(recordings, config.split)
    assert {recordings[at].speaker for at in split.test} == {held_out}
    full = split_recordings(recordings, dataclasses.replace(config.split, held_out=held_out))
    assert np.array_equal(full.val, split.val) and len(full.val)
    for name, message in {
        "ann": "several corpora have this speaker; choose one of first-ann, second-ann$",
        "an": "no such speaker; choose one of first-ann, first-bob, second-ann, second-b-zoe, second-zoe$",
    }.items():
        with pytest.raises(UserError, match=message):
            split_recordings(recordings, dataclasses.replace(config.split, held_out=name))


def test_without_corpora_a_part_of_a_name_is_no_name(tmp_path: Path) -> None:
    recordings = load_corpora({"fsdd": corpus(tmp_path / "a", "0_ann-b_0", "0_bob_0")}, 8000, "error").recordings
    ((_, config),) = compose_trials(["split=unseen_speaker", "split.held_out=b"], multirun=False)
    with pytest.raises(UserError, match="no such speaker"):
        split_recordings(recordings, config.split)
