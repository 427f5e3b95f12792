"""Folders of people never heard: names, and what is wrong with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from example_configs import feature_config
from sounds import tone, wav_bytes

from fsdd_lightning.data.others import corpus_name, load_others, present_digest_of, speakers_known
from fsdd_lightning.data.recordings import folder_digest
from fsdd_lightning.errors import UserError


def corpus(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / f"{name}.wav").write_bytes(wav_bytes(tone()))
    return folder


def test_a_folder_called_recordings_has_the_name_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = corpus(tmp_path / "people" / "recordings", "3_ann_0")
    assert corpus_name(inside) == corpus_name(tmp_path / "people") == "people"
    monkeypatch.chdir(inside)
    assert corpus_name(Path()) == "people" and corpus_name(Path("../../other")) == "other"


def test_corpora_are_read_in_their_order(tmp_path: Path) -> None:
    first, second = corpus(tmp_path / "b", "3_ann_0", "4_bob_0"), corpus(tmp_path / "a" / "recordings", "1_cleo_2")
    found = load_others([first, second], feature_config(), "--others")
    assert [(one.name, len(one.recordings)) for one in found] == [("b", 2), ("a", 1)]
    assert [one.digest for one in found] == [present_digest_of(first), present_digest_of(second)]
    assert load_others([], feature_config(), "--others") == ()


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    empty, people = tmp_path / "empty", corpus(tmp_path / "people", "3_ann_0")
    empty.mkdir()
    with pytest.raises(UserError, match=r"data.others: .*/nowhere is not a folder: name a folder with files like"):
        load_others([people, tmp_path / "nowhere"], feature_config(), "data.others")
    with pytest.raises(UserError, match=r"--others: .*/empty holds no recordings"):
        load_others([empty], feature_config(), "--others")
    twin = Path(shutil.copytree(people, tmp_path / "elsewhere" / "people"))
    with pytest.raises(UserError, match=r"--others: 2 folders are called people, as their results would be"):
        load_others([people, twin], feature_config(), "--others")
    (people / "4_ann_0.wav").write_bytes(b"no sound")
    with pytest.raises(UserError, match="1 bad file"):
        load_others([people], feature_config(), "--others")
    (kept,) = load_others([people], feature_config(), "data.others", "skip")
    assert len(kept.recordings) == 1 and kept.digest != present_digest_of(people)
    assert present_digest_of(empty) is None and present_digest_of(tmp_path / "nowhere") is None


@pytest.mark.parametrize("labels", [("left", "up"), ("left", "other")])
def test_the_digest_of_all_files_is_of_those_that_count_for_a_network(tmp_path: Path, labels: tuple[str, ...]) -> None:
    """Also where bad ones are left out, in a folder for each word: so a rerun sees that nothing has changed."""
    for word in ("left", "up"):
        corpus(tmp_path / "people" / word, "ann_0", "ann_1")
    (tmp_path / "people" / "up" / "bob_0.wav").write_bytes(b"no sound")
    (kept,) = load_others([tmp_path / "people"], feature_config(), "--others", "skip", labels)
    assert len(kept.bad) == 1 and len(kept.recordings) == 4
    assert folder_digest(kept.folder, kept.words) == present_digest_of(tmp_path / "people", labels) != kept.digest


def test_people_who_may_have_been_heard_are_named(tmp_path: Path) -> None:
    folders = corpus(tmp_path / "new", "3_ann_0", "4_bob_0"), corpus(tmp_path / "known", "1_bob_0", "1_cleo_0")
    new, known = load_others(folders, feature_config(), "--others")
    assert speakers_known(new, known) == "new: bob also in known, so perhaps heard in training"
    (alone,) = load_others([corpus(tmp_path / "alone", "3_ann_0")], feature_config(), "--others")
    assert speakers_known(alone, known) is None
