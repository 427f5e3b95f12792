"""Runs are found wherever they lie, and one that is broken takes no other with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fabricated_runs import blank_record, ended, grid, run, write

from fsdd_lightning.errors import UserError
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.runs.lock import locked


def states(folder: Path) -> dict[str, tuple[str, str]]:
    """Status and reason of the runs in `folder`, by their names."""
    return {found.folder.name: (found.status, found.reason) for found in collect_runs([folder])}


def test_a_sweep_holds_its_runs(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "grid")
    (sweep / "multirun.yaml").touch()
    (sweep / ".locks").mkdir()
    runs = collect_runs([sweep])
    assert len(runs) == 18
    assert {(found.sweep, found.status, found.reason) for found in runs} == {("grid", "done", "")}


def test_a_run_may_be_named_itself_and_counts_once(tmp_path: Path) -> None:
    one = run(tmp_path / "a", "int8_ptq", 8, 1, 500)
    two = run(tmp_path / "b", "int8_ptq", 8, 2, 500)
    assert [found.folder for found in collect_runs([one, two, tmp_path / "a", one / ".."])] == [one, two]


def test_the_folder_of_sweeps_holds_theirs(tmp_path: Path) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 500)
    ended(tmp_path / "b", "failed", "ValueError: x")
    (tmp_path / "float_networks" / "abc").mkdir(parents=True)
    assert [found.sweep for found in collect_runs([tmp_path])] == ["a", "b"]


def test_an_earlier_report_is_no_run(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 500)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "results.csv").touch()
    assert len(collect_runs([tmp_path])) == 1


NO_RUNS: dict[str, Callable[[Path], object]] = {
    "does not exist": lambda folder: None,
    "is not a folder": Path.touch,
    "holds no runs": lambda folder: (folder / "letters" / "2024").mkdir(parents=True),
    "holds no runs:": Path.mkdir,
}


@pytest.mark.parametrize("message", NO_RUNS)
def test_a_folder_without_runs_is_an_error(tmp_path: Path, message: str) -> None:
    NO_RUNS[message](tmp_path / "x")
    with pytest.raises(UserError, match=f"x {message}"):
        collect_runs([tmp_path / "x"])


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_a_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda path: os.truncate(path, path.stat().st_size // 2), "run.json can't be read"),
    "foreign": (lambda path: path.write_text("[1, 2]"), "not a run record"),
    "newer": (
        lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 2})),
        "run.json is of schema version 2; this program knows 1: update it",
    ),
    "missing": (Path.unlink, "the folder is not a run folder"),
    "binary": (lambda path: path.write_bytes(b"\x00\xff" * 99), "run.json can't be read"),
    "a folder": (make_a_folder, "run.json can't be read"),
    "dangling": (make_a_dangling_link, "the folder is not a run folder"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_run_is_listed_with_one_line(tmp_path: Path, how: str) -> None:
    good, bad = (run(tmp_path, "int8_ptq", 8, seed, 500) for seed in (1, 2))
    damage, message = BROKEN[how]
    damage(bad / "run.json")
    runs = {found.folder: found for found in collect_runs([tmp_path])}
    assert runs[good].status == "done"
    assert (runs[bad].status, runs[bad].record) == ("unreadable", None)
    assert message in runs[bad].reason
    assert "\n" not in runs[bad].reason and str(tmp_path) not in runs[bad].reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_record_that_may_not_be_read_is_listed(tmp_path: Path) -> None:
    folder = run(tmp_path, "int8_ptq", 8, 1, 500)
    (folder / "run.json").chmod(0)
    assert collect_runs([tmp_path])[0].status == "unreadable"


def test_runs_without_a_result_are_listed_by_how_they_ended(tmp_path: Path) -> None:
    running = write(tmp_path / "running", blank_record())  # as it is written at the start
    write(tmp_path / "killed", blank_record())
    for status, error in (("interrupted", "Ctrl-C"), ("failed", "two\nlines"), ("over_budget", "too large")):
        ended(tmp_path, status, error)
    ended(tmp_path, "tired", "x")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.log").touch()  # killed before its record was written
    with locked(running):
        assert states(tmp_path) == {
            "running": ("running", "a process is at work on it"),
            "killed": ("interrupted", "killed: it left no end in its record"),
            "interrupted": ("interrupted", "Ctrl-C"),
            "failed": ("failed", "two lines"),
            "over_budget": ("over_budget", "too large"),
            "tired": ("unreadable", "run.json has an unknown status: tired"),
            "begun": ("unreadable", "the folder is not a run folder: it holds no run.json"),
        }


def test_a_run_that_was_killed_before_its_record_is_found_alone(tmp_path: Path) -> None:
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "run.log").touch()
    assert states(tmp_path)["trial"][0] == "unreadable"


def test_planned_trials_are_listed(tmp_path: Path) -> None:
    done = run(tmp_path, "int8_ptq", 8, 1, 500)
    for name in ("ready", "begun"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.lock").touch()
    (tmp_path / "begun" / "run.log").touch()
    trials = {name: {} for name in (done.name, "ready", "begun", "later", "../evil", "", "..", ".")}
    (tmp_path / "sweep.json").write_text(json.dumps({"schema_version": 1, "commands": [], "trials": trials}))
    assert states(tmp_path) == {
        done.name: ("done", ""),
        "ready": ("not started", "planned in sweep.json"),
        "later": ("not started", "planned in sweep.json"),
        "begun": ("unreadable", "the folder is not a run folder: it holds no run.json"),
    }


@pytest.mark.parametrize("text", ["", "[]", '{"trials": 3}', '{"trials": [{}]}', "\xff", '{"trials": [1, null]}'])
def test_a_broken_plan_of_a_sweep_takes_no_run_with_it(tmp_path: Path, text: str) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 500)
    (tmp_path / "sweep.json").write_bytes(text.encode("latin-1"))
    assert [found.status for found in collect_runs([tmp_path])] == ["done"]
