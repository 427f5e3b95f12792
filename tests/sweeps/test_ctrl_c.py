"""Ctrl-C, SIGTERM and SIGHUP are interruptions wherever they come: an exit code, one word, a record that says so."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from commands import PATIENCE_S, Call, environment, only_line
from installed_extras import needs
from lost_signals import CODES

from fsdd_lightning.runs.lock import is_locked
from fsdd_lightning.runs.record import RunRecord, read_record

RunTrial = Callable[[Sequence[str], Path], RunRecord]


def press(*arguments: object, **keywords: object) -> NoReturn:
    """Ctrl-C, as the terminal sends it."""
    end(signal.SIGINT)


def end(number: int, *arguments: object, **keywords: object) -> NoReturn:
    """The same with another signal."""
    os.kill(os.getpid(), number)
    raise AssertionError("the signal was not delivered")


@pytest.mark.parametrize("moment", ["KEEPER.prepare", "evaluate_backends", "export_run", "log_bill"])
def test_at_any_moment_of_a_run_it_is_recorded(
    finished_overrides: list[str], tmp_path: Path, run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(f"fsdd_lightning.training.experiment.{moment}", press)
    with pytest.raises(KeyboardInterrupt):
        run_trial(finished_overrides, tmp_path)
    record = read_record(tmp_path)
    assert (record.status, record.error) == ("interrupted", "KeyboardInterrupt")


DOORS = {
    "plan": "fsdd_lightning.plan._print",
    "report": "fsdd_lightning.reports.page.write_report",
    "evaluate": "fsdd_lightning.evaluation.run.open_run",
    "predict": "fsdd_lightning.runs.folder.read_run",
    "export_model": "fsdd_lightning.runs.folder.read_run",
    "train": "fsdd_lightning.sweeps.compose.check_command",
    "listen": "fsdd_lightning.runs.folder.read_run",
    "record": "fsdd_lightning.data.sound_sources.fed_chunks",
}


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
@pytest.mark.parametrize("name", DOORS)
def test_every_command_ends_with_its_exit_code(
    finished_run: Path, call: Call, monkeypatch: pytest.MonkeyPatch, name: str, number: int, tmp_path: Path
) -> None:
    command = importlib.import_module(f"fsdd_lightning.{name}")
    monkeypatch.setattr(DOORS[name], partial(end, number))
    words = {"predict": [finished_run, tmp_path], "plan": [], "train": []}.get(name, [finished_run])
    if name == "record":
        words = [tmp_path / "takes", "--speaker", "me", "--input", tmp_path / "sound.wav"]
    code, _, err = call(command, *words)
    assert (code, err) == CODES[signal.Signals(number)]


def trials_at_work(folder: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    """A sweep of trainings that would take hours, once two of them have finished epochs; in a group of its own."""
    child = subprocess.Popen(
        [sys.executable, "-m", "fsdd_lightning.train", "-m", *words, "trainer.max_epochs=100000", "seed=1,2,3"],
        cwd=folder,
        env=environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # type: ignore[arg-type,return-value]
    )
    deadline = time.monotonic() + PATIENCE_S
    while len(list(folder.glob("multirun/*/*/checkpoints/best_float.ckpt"))) < 2:
        if child.poll() is not None or time.monotonic() > deadline:
            os.killpg(child.pid, signal.SIGKILL)
            pytest.fail(f"the trainings did not get going: {child.communicate()}")
        time.sleep(0.1)
    return child


def interrupt(child: subprocess.Popen[str], send: Callable[[int, int], None], number: int) -> tuple[int, str, str]:
    """From a terminal all processes get it, by `kill -INT` the command alone."""
    try:
        send(child.pid, number)
        out, err = child.communicate(timeout=PATIENCE_S)
    finally:
        left = processes_of(child.pid)
        for each in left:
            os.kill(each, signal.SIGKILL)
    assert not left, "processes of the sweep have outlived it"
    return child.returncode, out, err


def processes_of(session: int) -> list[int]:
    """Those of a session that still live half a minute later."""
    for _ in range(300):
        found = [int(path.name) for path in Path("/proc").glob("[0-9]*") if session_of(path) == session]
        if not found:
            return []
        time.sleep(0.1)
    return found


def session_of(process: Path) -> int | None:
    try:
        state, _parent, _group, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(session)


IN_PROCESSES = [
    pytest.param("joblib", marks=needs("hydra-joblib-launcher", "parallel")),
    pytest.param("submitit_local", marks=needs("hydra-submitit-launcher", "slurm")),
]
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("send", [os.killpg, os.kill], ids=["from the terminal", "this process alone"])
@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
@pytest.mark.parametrize("launcher", IN_PROCESSES)
def test_a_sweep_in_other_processes_is_interrupted(
    tiny_overrides: list[str], tmp_path: Path, launcher: str, number: int, send: Callable[[int, int], None]
) -> None:
    child = trials_at_work(tmp_path, *tiny_overrides, f"hydra/launcher={launcher}", "name=grid")
    code, out, err = interrupt(child, send, number)
    assert (code, err) == CODES[signal.Signals(number)]
    assert "0 of 3 trials are done; the same command goes on with the others" in out
    records = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/grid/*/run.json")]
    assert len(records) >= 2 and {record["status"] for record in records} == {"interrupted"}
    assert not list(tmp_path.glob("multirun/grid/*/network.npz"))


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("launcher", IN_PROCESSES)
def test_jobs_end_with_the_command_that_was_killed(tiny_overrides: list[str], tmp_path: Path, launcher: str) -> None:
    child = trials_at_work(tmp_path, *tiny_overrides, f"hydra/launcher={launcher}", "name=grid")
    try:
        os.kill(child.pid, signal.SIGKILL)
        child.wait(PATIENCE_S)
    finally:
        left = processes_of(child.pid)
        for each in left:
            os.kill(each, signal.SIGKILL)
        child.communicate()
    assert not left, "processes of the sweep have outlived it"
    records = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/grid/*/run.json")]
    assert len(records) >= 2 and {record["status"] for record in records} == {"interrupted"}
    assert not any(is_locked(path.parent) for path in tmp_path.glob("multirun/grid/*/run.json"))


@pytest.mark.slow
@needs_proc
@needs("hydra-joblib-launcher", "parallel")
def test_a_job_alone_that_is_ended_fails_the_sweep_in_one_line(tiny_overrides: list[str], tmp_path: Path) -> None:
    child = trials_at_work(tmp_path, *tiny_overrides, "hydra/launcher=joblib", "name=grid")
    code, _, err = interrupt(child, end_a_job, signal.SIGTERM)
    assert code == 1
    assert only_line(err).startswith("error: ") and "of 3 trials failed" in err
    records = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/grid/*/run.json")]
    assert {record["status"] for record in records} == {"interrupted"}
    assert "Terminated" in {record["error"] for record in records}


def end_a_job(command: int, number: int) -> None:
    jobs = [int(path.name) for path in Path("/proc").glob("[0-9]*") if is_job(path, command)]
    os.kill(jobs[0], number)


def is_job(process: Path, command: int) -> bool:
    with suppress(OSError):
        return session_of(process) == command and b"popen_loky_posix" in (process / "cmdline").read_bytes()
    return False
