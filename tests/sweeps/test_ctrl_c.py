"""Ctrl-C is an interruption wherever it comes: exit code 130, one word, and a record that says so."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from commands import PATIENCE_S, Call, environment, only_line
from installed_extras import needs

from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.training import experiment

RunTrial = Callable[[Sequence[str], Path], RunRecord]


def press(*arguments: object, **keywords: object) -> NoReturn:
    """Ctrl-C, as the terminal sends it."""
    os.kill(os.getpid(), signal.SIGINT)
    raise AssertionError("SIGINT was not delivered")


@pytest.mark.parametrize("moment", ["prepare_data", "evaluate_backends", "export_run", "log_bill"])
def test_at_any_moment_of_a_run_it_is_recorded(
    finished_overrides: list[str], tmp_path: Path, run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(experiment, moment, press)
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
}


@pytest.mark.parametrize("name", DOORS)
def test_every_command_ends_with_130(
    finished_run: Path, call: Call, monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    command = importlib.import_module(f"fsdd_lightning.{name}")
    monkeypatch.setattr(DOORS[name], press)
    words = {"predict": [finished_run, tmp_path], "plan": [], "train": []}.get(name, [finished_run])
    code, _, err = call(command, *words)
    assert (code, only_line(err)) == (130, "interrupted")


def trials_at_work(folder: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    """A sweep of trainings that would take hours, once two of them have finished epochs; in a group of its own."""
    child = subprocess.Popen(
        [sys.executable, "-m", "fsdd_lightning.train", "-m", *words, "trainer.max_epochs=1000000", "seed=1,2,3"],
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


def interrupt(child: subprocess.Popen[str], whole_group: bool) -> tuple[int, str, str]:
    """From a terminal all processes get it, by `kill -INT` the command alone."""
    try:
        (os.killpg if whole_group else os.kill)(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        left = processes_of(child.pid)
        for each in left:
            os.kill(each, signal.SIGKILL)
    assert not left, "processes of the sweep have outlived it"
    return child.returncode, out, err


def processes_of(session: int) -> list[int]:
    """Those of a session that still live a few seconds later."""
    for _ in range(50):
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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("whole_group", [True, False], ids=["from the terminal", "this process alone"])
@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param("joblib", marks=needs("hydra-joblib-launcher", "parallel")),
        pytest.param("submitit_local", marks=needs("hydra-submitit-launcher", "slurm")),
    ],
)
def test_a_sweep_in_other_processes_is_interrupted(
    tiny_overrides: list[str], tmp_path: Path, launcher: str, whole_group: bool
) -> None:
    child = trials_at_work(tmp_path, *tiny_overrides, f"hydra/launcher={launcher}", "name=grid")
    code, out, err = interrupt(child, whole_group)
    assert (code, err) == (130, "interrupted\n")
    assert "0 of 3 trials are done; the same command goes on with the others" in out
    records = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/grid/*/run.json")]
    assert len(records) >= 2 and {record["status"] for record in records} == {"interrupted"}
    assert not list(tmp_path.glob("multirun/grid/*/network.npz"))
