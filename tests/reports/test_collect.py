"""Runs are found wherever they lie, and one that is broken takes no other with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fabricated_runs import blank_record, ended, grid, run, write

from fsdd_lightning.errors import UserError
from fsdd_lightning.reports.collect import RunFolder, collect_runs
from fsdd_lightning.runs.lock import locked


def names(runs: list[RunFolder]) -> list[str]:
    return [each.folder.name for each in runs]


def test_a_sweep_holds_its_runs(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "grid")
    (sweep / "multirun.yaml").touch()
    (sweep / ".locks").mkdir()
    runs = collect_runs([sweep])
    assert len(runs) == 18
    assert {each.sweep for each in runs} == {"grid"}
    assert {each.status for each in runs} == {"done"}
    assert {each.reason for each in runs} == {""}


def test_a_run_may_be_named_itself_and_counts_once(tmp_path: Path) -> None:
    one = run(tmp_path / "a", "int8_ptq", 8, 1, 500)
    two = run(tmp_path / "b", "int8_ptq", 8, 2, 500)
    assert [each.folder for each in collect_runs([one, two, tmp_path / "a", one / ".."])] == [one, two]


def test_the_folder_of_sweeps_holds_theirs(tmp_path: Path) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 500)
    ended(tmp_path / "b", "failed", "ValueError: x")
    (tmp_path / "float_networks" / "abc").mkdir(parents=True)
    assert [each.sweep for each in collect_runs([tmp_path])] == ["a", "b"]


def test_an_earlier_report_is_no_run(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 500)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "results.csv").touch()
    assert len(collect_runs([tmp_path])) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "does not exist"),
        (lambda folder: folder.touch(), "is not a folder"),
        (lambda folder: folder.mkdir(), "holds no runs"),
        (lambda folder: (folder / "letters" / "2024").mkdir(parents=True), "holds no runs"),
    ],
)
def test_what_is_no_folder_of_runs_is_refused(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(UserError, match=f"x {message}"):
        collect_runs([tmp_path / "x"])


def break_by_truncation(folder: Path) -> None:
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text[: len(text) // 2])


def break_by_a_later_program(folder: Path) -> None:
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**content, "schema_version": 2}))


def break_by_a_folder(folder: Path) -> None:
    (folder / "run.json").unlink()
    (folder / "run.json").mkdir()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (break_by_truncation, "run.json can't be read"),
    "foreign": (lambda folder: (folder / "run.json").write_text("[1, 2]"), "not a run record"),
    "newer": (break_by_a_later_program, "run.json is of schema version 2; this program knows 1: update it"),
    "missing": (lambda folder: (folder / "run.json").unlink(), "the folder is not a run folder"),
    "binary": (lambda folder: (folder / "run.json").write_bytes(b"\x00\xff" * 99), "run.json can't be read"),
    "a folder": (break_by_a_folder, "run.json can't be read"),
    "dangling": (
        lambda folder: ((folder / "run.json").unlink(), (folder / "run.json").symlink_to("nowhere")),
        "the folder is not a run folder",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_run_is_listed_with_one_line(tmp_path: Path, how: str) -> None:
    good, bad = (run(tmp_path, "int8_ptq", 8, seed, 500) for seed in (1, 2))
    damage, message = BROKEN[how]
    damage(bad)
    runs = {each.folder: each for each in collect_runs([tmp_path])}
    assert runs[good].status == "done"
    assert (runs[bad].status, runs[bad].record) == ("unreadable", None)
    assert message in runs[bad].reason
    assert "\n" not in runs[bad].reason and str(tmp_path) not in runs[bad].reason


def test_an_unknown_status_is_said(tmp_path: Path) -> None:
    ended(tmp_path, "tired", "x")
    (one,) = collect_runs([tmp_path])
    assert (one.status, one.reason) == ("unreadable", "run.json has an unknown status: tired")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_record_that_may_not_be_read_is_listed(tmp_path: Path) -> None:
    folder = run(tmp_path, "int8_ptq", 8, 1, 500)
    (folder / "run.json").chmod(0)
    assert collect_runs([tmp_path])[0].status == "unreadable"


def test_a_run_that_was_killed_before_its_record_is_listed(tmp_path: Path) -> None:
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "run.log").touch()
    (one,) = collect_runs([tmp_path])
    assert (one.folder.name, one.status) == ("trial", "unreadable")


def test_what_runs_what_was_stopped_and_what_was_killed_are_told_apart(tmp_path: Path) -> None:
    running = write(tmp_path / "running", blank_record())  # as it is written at the start
    write(tmp_path / "killed", blank_record())
    ended(tmp_path, "interrupted", "KeyboardInterrupt")
    ended(tmp_path, "failed", "two\nlines")
    ended(tmp_path, "over_budget", "too large")
    with locked(running):
        found = {each.folder.name: (each.status, each.reason) for each in collect_runs([tmp_path])}
    assert found["running"] == ("running", "a process is at work on it")
    assert found["killed"] == ("interrupted", "killed: it could not say so itself")
    assert found["interrupted"] == ("interrupted", "KeyboardInterrupt")
    assert found["failed"] == ("failed", "two lines")
    assert found["over_budget"] == ("over_budget", "too large")


def test_what_a_sweep_has_not_come_to_is_listed(tmp_path: Path) -> None:
    done = run(tmp_path, "int8_ptq", 8, 1, 500)
    for name in ("ready", "begun"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.lock").touch()
    (tmp_path / "begun" / "run.log").touch()
    trials = {name: {} for name in (done.name, "ready", "begun", "later", "../evil", "", "..", ".")}
    (tmp_path / "sweep.json").write_text(json.dumps({"schema_version": 1, "commands": [], "trials": trials}))
    found = {each.folder.name: (each.status, each.reason) for each in collect_runs([tmp_path])}
    assert found == {
        done.name: ("done", ""),
        "ready": ("not started", "planned in sweep.json"),
        "later": ("not started", "planned in sweep.json"),
        "begun": ("unreadable", "the folder is not a run folder: it holds no run.json"),
    }


@pytest.mark.parametrize("text", ["", "[]", '{"trials": 3}', '{"trials": [{}]}', "\xff", '{"trials": [1, null]}'])
def test_a_broken_plan_of_a_sweep_takes_no_run_with_it(tmp_path: Path, text: str) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 500)
    (tmp_path / "sweep.json").write_bytes(text.encode("latin-1"))
    assert [each.status for each in collect_runs([tmp_path])] == ["done"]
