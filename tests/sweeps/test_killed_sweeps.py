"""A sweep that is killed and resumed, or runs in another order, has the same results as an undisturbed one."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from results_table import results_table
from sweep_processes import Finished, end_of, run_sweep, start_sweep

pytestmark = pytest.mark.slow

KILLS = 2
MOST_CHANGES = 60  # a whole sweep makes about twice as many


def shuffle(seed: int) -> None:
    """Run the trials in another order."""
    from fsdd_lightning.sweeps import sweeper as sweeping

    def shuffled(trials: list[object]) -> list[object]:
        return random.Random(seed).sample(trials, len(trials))

    sweeping.running_order = shuffled  # type: ignore[assignment]


def as_written() -> None:
    """Trials with quantized training come second here; otherwise they train the shared float network."""
    from fsdd_lightning.sweeps import sweeper as sweeping

    sweeping.running_order = list  # type: ignore[assignment]


def trained_by(sweep: Path) -> set[tuple[str, bool]]:
    records = [json.loads(path.read_text()) for path in sweep.glob("*/run.json")]
    return {(str(record["overrides"]), record["training"]["float"]["reused"]) for record in records}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sweep_killed_at_random_moments_ends_with_the_same_results(
    finished_sweep: Finished, tmp_path: Path, seed: int
) -> None:
    moments = random.Random(seed)
    killed = 0
    for _ in range(KILLS):
        child = start_sweep(finished_sweep.words, tmp_path)
        wait_for_changes(tmp_path / "multirun", moments.randint(1, MOST_CHANGES), child)
        killed += child.is_alive()
        child.kill()
        child.join()
    assert killed > 0
    code, _out, err = run_sweep(finished_sweep.words, tmp_path)
    assert (code, err) == (0, "")
    assert results_table(tmp_path / "multirun" / "grid") == results_table(finished_sweep.trials)
    assert not list((tmp_path / "multirun" / "grid").rglob("*.tmp"))


def wait_for_changes(folder: Path, changes: int, child: BaseProcess) -> None:
    """Until files have changed so many times: a moment that depends on the work, not on the clock."""
    before = contents(folder)
    while child.is_alive() and changes:
        now = contents(folder)
        changes -= now != before
        before = now
        time.sleep(0.005)


def contents(folder: Path) -> list[tuple[str, int, int]]:
    """Of all that is there; os.walk passes over folders that go meanwhile."""
    found = []
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            with contextlib.suppress(FileNotFoundError):
                state = Path(parent, name).stat()
                found.append((str(Path(parent, name)), state.st_size, state.st_mtime_ns))
    return found


@pytest.mark.parametrize("order", [(as_written,), (shuffle, 3)], ids=["as written", "shuffled"])
def test_the_order_of_trials_does_not_matter(
    finished_sweep: Finished, tmp_path: Path, order: tuple[object, ...]
) -> None:
    change, *arguments = order
    code, _, err = run_sweep(finished_sweep.words, tmp_path, change, *arguments)  # type: ignore[arg-type]
    assert (code, err) == (0, "")
    assert results_table(tmp_path / "multirun" / "grid") == results_table(finished_sweep.trials)
    if not arguments:  # else it would be compared with itself
        assert trained_by(tmp_path / "multirun" / "grid") != trained_by(finished_sweep.trials)


def test_two_sweeps_of_one_name_started_at_once_share_the_work(finished_sweep: Finished, tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    (tmp_path / "multirun").mkdir()
    root = f"output_root={tmp_path / 'multirun'}"
    children = [start_sweep([*finished_sweep.words, root], folder) for folder in folders]
    ends = [end_of(child, folder) for child, folder in zip(children, folders, strict=True)]
    assert [(code, err) for code, _, err in ends] == [(0, ""), (0, "")]
    ended = [json.loads(path.read_text())["status"] for path in tmp_path.glob("multirun/grid/*/run.json")]
    assert ended == ["done"] * 4
    manifest = json.loads((tmp_path / "multirun" / "grid" / "sweep.json").read_text())
    assert len(manifest["trials"]) == 4
    again = run_sweep([*finished_sweep.words, root], folders[0])
    assert again[0] == 0 and "4 trials: 4 skipped" in again[1]
    assert without_root(tmp_path / "multirun" / "grid") == without_root(finished_sweep.trials)


def without_root(sweep: Path) -> list[object]:
    rows = [json.loads(row) for row in results_table(sweep).splitlines()]
    return sorted((row["config_hash"], json.dumps(row["views"])) for row in rows)


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_sweep_that_is_ended_prints_how_to_resume_and_resumes(
    finished_sweep: Finished, tmp_path: Path, number: signal.Signals, code: int, word: str
) -> None:
    child = start_sweep(finished_sweep.words, tmp_path)
    while not list(tmp_path.glob("multirun/grid/*/network.npz")) and child.is_alive():
        time.sleep(0.01)  # in the middle of a trial
    assert child.pid is not None
    os.kill(child.pid, number)
    ended, out, err = end_of(child, tmp_path)
    assert (ended, err.strip()) == (code, word)
    assert "the same command goes on with the others" in out
    ended, _, err = run_sweep(finished_sweep.words, tmp_path)
    assert (ended, err) == (0, "")
    assert results_table(tmp_path / "multirun" / "grid") == results_table(finished_sweep.trials)
