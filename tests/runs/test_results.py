"""What a run owns in its folder goes before the next one; what is the user's stays, whatever it is called."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.folder import read_run
from fsdd_lightning.runs.lock import (
    archive_record,
    claim,
    is_locked,
    locked,
    owned_by_record,
    remove_results,
    remove_resume_files,
)
from fsdd_lightning.runs.record import RunRecord, read_record, write_record
from fsdd_lightning.runs.results import BOUND, LOCK, RESULTS, check_files, digests_of, find_files
from fsdd_lightning.runs.state import RunState, check_folder
from fsdd_lightning.training.resume import clear_folder

# The user's own: as results are called, or nearly.
OWN = (
    *("network.npz", "network.pt", "export/main.c", "export/notes.txt", "checkpoints/best_float.ckpt"),
    *("checkpoints/mine.ckpt", "confusion_a.png", "confusion_float.png", "x.tmp", "robustness.json", "unheard/a.wav"),
    *("evaluations/people.json", "events.out.tfevents.1.a.2.0", "golden_clips.npz", "thesis.tex"),
)
# What a run makes, and what a killed one leaves.
MADE = (
    *("network.npz", "integer_model.npz", "golden_clips.npz", "confusion_float.png", "confusion_c.png"),
    *("events.out.tfevents.1795748249.vm.13245.0", "events.out.tfevents.1795748249.vm.13245.1.trial_end"),
    *("checkpoints/best_float.ckpt", "checkpoints/last_quantized.ckpt", "checkpoints/curves_0000"),
    *("export/fsdd_lstm.c", "export/Makefile", "export/example/main.c", f"network.npz.{'0a' * 16}.tmp"),
    *("unheard/checkpoints/last_float.ckpt", "unheard/events.out.tfevents.1.vm.2.0", "robustness.csv"),
    f"checkpoints/last_float.ckpt.{'0a' * 16}.tmp",
)


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


def record() -> RunRecord:
    return RunRecord(name="trial", overrides=[], config={}, config_hash="ab", seed=2)


def begin(folder: Path) -> None:
    """As a run does."""
    new = record()
    claim(new, folder)
    write_record(new, folder)
    clear_folder(folder, owned_by_record(folder))


# --- what is removed


def test_a_finished_run_holds_nothing_but_what_is_known(finished_run: Path) -> None:
    known = {str(path.relative_to(finished_run)) for path, _ in find_files(finished_run, RESULTS)}
    assert files(finished_run) == known | {"run.json"}
    assert read_record(finished_run).owns == list(RESULTS)


def test_the_results_of_a_run_go_before_the_next_one(tmp_path: Path) -> None:
    begin(tmp_path)
    make(tmp_path, *(name for name in MADE if "last_" not in name), f"run.json.{'0a' * 16}.tmp")
    begin(tmp_path)
    assert files(tmp_path) == {"run.json"} and [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_what_the_user_adds_to_a_run_stays(tmp_path: Path) -> None:
    begin(tmp_path)
    make(tmp_path, *MADE)
    added = {"confusion_a.png", "x.tmp", "export/notes.txt", "export/example/mine.c", "checkpoints/mine.ckpt"}
    added |= {"evaluations/people.json", "evaluations/people.csv", "network.npz.tmp", "unheard/a.wav", "events.txt"}
    make(tmp_path, *added)
    remove_results(tmp_path)
    assert files(tmp_path) == added | {"run.json"}


def test_evaluations_go_that_are_ours(tmp_path: Path) -> None:
    begin(tmp_path)
    make(tmp_path, *(f"evaluations/people.{kind}" for kind in ("csv", "png")), "evaluations/mine.csv")
    (tmp_path / "evaluations" / "people.json").write_text(json.dumps({"digest": "ab", "backend": "c"}))
    remove_results(tmp_path)
    assert files(tmp_path) == {"run.json", "evaluations/mine.csv"}


def test_a_run_in_a_folder_of_the_users_removes_nothing_of_theirs(tmp_path: Path) -> None:
    """Though the commands refuse it: by the functions of the package one may."""
    make(tmp_path, *OWN)
    for _ in range(2):  # what was not the first one's is not the second one's
        begin(tmp_path)
        remove_results(tmp_path)
        remove_resume_files(tmp_path)
        assert files(tmp_path) == {*OWN, "run.json"}
    make(tmp_path, "integer_model.npz", "confusion_c.png")  # which the user had not
    begin(tmp_path)
    assert files(tmp_path) == {*OWN, "run.json"}


def test_a_list_removes_nothing_that_no_run_writes(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.txt", tmp_path / "run"
    outside.touch()
    make(folder, *OWN)
    foreign = record()
    foreign.owns = ["thesis.tex", "*", "../outside.txt", str(outside), "export/*", "run.json", "", ".", "x.tmp"]
    write_record(foreign, folder)
    remove_results(folder)
    assert files(folder) == {*OWN, "run.json"} and outside.exists()


def test_an_earlier_record_without_a_list_owns_what_is_known(tmp_path: Path) -> None:
    make(tmp_path, *OWN)
    write_record(record(), tmp_path)
    remove_results(tmp_path)
    kept = {"export/notes.txt", "checkpoints/mine.ckpt", "confusion_a.png", "x.tmp", "unheard/a.wav", "thesis.tex"}
    assert files(tmp_path) == kept | {"run.json", "evaluations/people.json"}


@pytest.mark.parametrize("spoiled", ["missing", "damaged", "foreign", "newer"])
def test_without_a_readable_record_nothing_goes(tmp_path: Path, spoiled: str) -> None:
    contents = {"damaged": "{", "foreign": "[]", "newer": '{"schema_version": 99}'}
    make(tmp_path, *OWN)
    if spoiled in contents:
        (tmp_path / "run.json").write_text(contents[spoiled])
    before = files(tmp_path)
    for remove in (remove_results, remove_resume_files):
        with pytest.raises(UserError):
            remove(tmp_path)
    assert files(tmp_path) == before
    begin(tmp_path)
    assert files(tmp_path) == before | {"run.json"}


LINKS = ("export", "checkpoints", "unheard", "evaluations", "export/example", "unheard/checkpoints", "network.npz")


@pytest.mark.parametrize("link", LINKS)
def test_no_link_is_followed(tmp_path: Path, link: str) -> None:
    """The link goes, as the run would write through it; what it leads to stays."""
    target, folder = tmp_path / "target", tmp_path / "run"
    folder.mkdir()
    begin(folder)
    make(target, *OWN, *MADE, *(Path(name).name for name in MADE))
    for name in ("export", "checkpoints", "unheard"):
        (folder / name).mkdir()
    before = files(target)
    if (folder / link).is_dir():
        (folder / link).rmdir()
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to(target / "network.npz" if link == "network.npz" else target)
    begin(folder)
    remove_results(folder)
    remove_resume_files(folder)
    assert files(target) == before and files(folder) == {"run.json"}


def test_curves_are_not_moved_through_a_link(tmp_path: Path) -> None:
    target, folder = tmp_path / "target", tmp_path / "run"
    folder.mkdir()
    begin(folder)
    make(target, "last_float.ckpt")
    (folder / "checkpoints").symlink_to(target)
    make(folder, "events.out.tfevents.1.vm.2.0")
    begin(folder)
    assert files(target) == {"last_float.ckpt"}


def test_a_checkpoint_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    begin(tmp_path / "run")
    make(tmp_path, "precious")
    make(tmp_path / "run", "checkpoints/last_float.ckpt")
    (tmp_path / "run" / "checkpoints" / "best_float.ckpt").symlink_to(tmp_path / "precious")
    begin(tmp_path / "run")
    assert files(tmp_path / "run") == {"run.json", "checkpoints/last_float.ckpt"}


def test_curves_of_an_interrupted_training_are_kept_in_order(tmp_path: Path) -> None:
    begin(tmp_path)
    make(tmp_path, "checkpoints/last_float.ckpt", "checkpoints/curves_0001", "events.out.tfevents.1.vm.2.0")
    os.mkfifo(tmp_path / "events.out.tfevents.1.vm.3.0")  # nobody reads it, nobody waits for it
    begin(tmp_path)
    inside = {f"checkpoints/{name}" for name in ("last_float.ckpt", "curves_0001", "curves_0002")}
    assert files(tmp_path) == inside | {"run.json"}


# --- which folders a run begins in

FREE: dict[str, tuple[str, ...]] = {
    "empty": (),
    "what Hydra writes first": ("hydra/config.yaml", "hydra/hydra.yaml", "hydra/overrides.yaml", "run.log", "run.lock"),
    "half a record": ("run.lock", f"run.json.{'0a' * 16}.tmp"),
}


@pytest.mark.parametrize("found", FREE)
def test_a_folder_that_a_killed_run_left_is_free(tmp_path: Path, found: str) -> None:
    make(tmp_path, *FREE[found])
    check_folder(tmp_path)
    check_folder(tmp_path / "not there yet")


@pytest.mark.parametrize(
    "name", [*OWN, ".git/config", "hydra/conf.py", "hydra/config.yaml/a", "run.log/a", "run.lock2"]
)
def test_a_folder_of_the_users_is_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    with pytest.raises(UserError, match=r"holds .*, and no run of this program: nothing is written there") as caught:
        check_folder(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["hydra", "run.log", "run.lock", "export", "hydra/config.yaml"])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, name: str, recorded: bool) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "run" / name).parent.mkdir(parents=True)
    (tmp_path / "run" / name).symlink_to(tmp_path / "target")
    if recorded:
        write_record(record(), tmp_path / "run")
    with pytest.raises(UserError, match=r"link that leads out|nothing is written there"):
        check_folder(tmp_path / "run")


@pytest.mark.parametrize("place", ["file", "file/inside", "null", "long", "pipe"])
def test_what_is_no_folder_is_refused_in_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    path = {"null": Path("/dev/null"), "long": tmp_path / ("a" * 300)}.get(place, tmp_path / place)
    with pytest.raises(UserError) as caught:
        check_folder(path)
    assert "\n" not in str(caught.value)


def damage(folder: Path) -> None:
    (folder / "run.json").write_text("{")
    (folder / "run.lock").touch()


def test_of_a_damaged_record_the_folder_must_be_a_runs(tmp_path: Path) -> None:
    begin(tmp_path)
    make(tmp_path, *(name for name in MADE if "last_" not in name))
    make(tmp_path, "earlier/run-1.json", "run.json.damaged-1", "hydra/hydra.yaml")
    damage(tmp_path)
    check_folder(tmp_path)
    begin(tmp_path)
    left = {"earlier/run-1.json", "run.json.damaged-1", "hydra/hydra.yaml", "run.json", "run.lock"}
    assert files(tmp_path) == left


@pytest.mark.parametrize("name", ["x.tmp", "export/notes.txt", "confusion_a.png", "checkpoints/mine.ckpt"])
def test_a_damaged_record_vouches_for_nothing_of_the_users(tmp_path: Path, name: str) -> None:
    make(tmp_path, name, "network.npz")
    damage(tmp_path)
    with pytest.raises(UserError, match=r"a run\.json that can't be read: nothing is written there"):
        check_folder(tmp_path)
    begin(tmp_path)
    assert files(tmp_path) == {name, "network.npz", "run.json", "run.lock"}


# --- what is kept


def test_records_are_kept_once_and_never_over_another(tmp_path: Path) -> None:
    write_record(record(), tmp_path)
    done = RunState("to run", record=RunRecord(**{**vars(record()), "status": "done"}))
    for _ in range(2):  # killed in between
        archive_record(tmp_path, done)
    assert files(tmp_path) == {"run.json", "earlier/run-1.json"}
    (tmp_path / "earlier" / "run-1.json").rename(tmp_path / "earlier" / "run-7.json")
    write_record(RunRecord(**{**vars(record()), "seed": 3}), tmp_path)
    archive_record(tmp_path, done)
    assert files(tmp_path / "earlier") == {"run-7.json", "run-8.json"}
    damage(tmp_path)
    make(tmp_path, "run.json.damaged-3")
    archive_record(tmp_path, RunState("to run", damaged=True))
    assert (tmp_path / "run.json.damaged-4").read_text() == "{" == (tmp_path / "run.json").read_text()


def test_records_are_not_kept_through_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write_record(record(), folder)
    (folder / "earlier").symlink_to(tmp_path)
    with pytest.raises(UserError, match="link that leads out"):
        archive_record(folder, RunState("to run", record=RunRecord(**{**vars(record()), "status": "done"})))
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


# --- which files belong to a record


@pytest.fixture
def run_folder(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("name", BOUND)
@pytest.mark.parametrize(
    ("spoil", "why"),
    [(Path.unlink, "is missing"), (flip, "is damaged, or another run's"), (pipe, "can't be read")],
    ids=["missing", "another", "pipe"],
)
def test_a_run_whose_files_are_not_its_own_is_not_whole(
    run_folder: Path, name: str, spoil: Callable[[Path], Any], why: str
) -> None:
    found = read_record(run_folder)
    assert found.digests == digests_of(run_folder) and list(found.digests) == list(BOUND)
    assert check_files(found, run_folder) is None
    spoil(run_folder / name)
    assert f"{name} {why}" in str(check_files(found, run_folder))
    with pytest.raises(UserError, match=rf"is not whole: {name} {why}.*; run it again") as caught:
        read_run(run_folder)
    assert "\n" not in str(caught.value)


def test_records_of_earlier_versions_have_no_digests(run_folder: Path) -> None:
    content = json.loads((run_folder / "run.json").read_text())
    earlier = {key: value for key, value in content.items() if key not in ("digests", "owns")}
    (run_folder / "run.json").write_text(json.dumps(earlier))
    found = read_record(run_folder)
    assert (found.digests, found.owns, check_files(found, run_folder)) == ({}, None, None)
    read_run(run_folder)
    (run_folder / "network.npz").rename(run_folder / "network.pt")
    assert check_files(found, run_folder) is None  # done it is, though this program can't open it
    with pytest.raises(UserError, match="was made by an earlier version"):
        read_run(run_folder)
    (run_folder / "network.pt").unlink()
    assert check_files(found, run_folder) == "network.npz is missing"


def test_a_lock_that_leads_out_is_neither_held_nor_touched(tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    folder.mkdir()
    outside.write_text("the user's")
    (folder / LOCK).symlink_to(outside)
    assert not is_locked(folder)
    with pytest.raises(UserError, match=f"{LOCK} is a link that leads out of"), locked(folder):
        pytest.fail("locked through a link")
    assert outside.read_text() == "the user's"
    (folder / LOCK).unlink()
    with locked(folder):
        assert is_locked(folder)


@pytest.mark.parametrize("make_it", [os.mkfifo, Path.mkdir, lambda path: socket.socket(socket.AF_UNIX).bind(str(path))])
@pytest.mark.parametrize("name", ["run.log", LOCK])
def test_what_a_run_writes_first_must_be_an_ordinary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make_it: Callable[[Path], object]
) -> None:
    begin(tmp_path)
    check_folder(tmp_path)
    monkeypatch.chdir(tmp_path)  # the path of a socket may have a hundred bytes
    make_it(Path(name))
    with pytest.raises(UserError, match=f"{name} is no ordinary file, and a run writes one: remove it"):
        check_folder(tmp_path)
