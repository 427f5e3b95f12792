"""Sweeps that are asked to end at random moments, or killed between their results and their pictures."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import pytest
from lost_signals import CODES
from results_table import results_table
from sweep_contents import contents
from sweep_processes import Finished, end_of, run_sweep, start_sweep
from test_killed_sweeps import wait_for_changes

MOMENTS, MOST_CHANGES = 12, 60


@pytest.mark.slow
def test_at_random_moments_the_exit_code_is_right_and_nothing_is_lost(finished_sweep: Finished, tmp_path: Path) -> None:
    moments = random.Random(13)
    for number in range(MOMENTS):
        sent = moments.choice(list(CODES))
        child = start_sweep(finished_sweep.words, tmp_path)
        wait_for_changes(tmp_path / "multirun", moments.randint(1, MOST_CHANGES), child)
        assert child.pid is not None
        for _ in range(1 + number % 2):  # every other time twice in a row
            if child.is_alive():
                os.kill(child.pid, sent)
        code, _, err = end_of(child, tmp_path)
        records = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/grid/*/run.json")]
        assert {record["status"] for record in records} <= {"done", "interrupted"}
        if code == 0:
            assert [record["status"] for record in records] == ["done"] * 4
            break
        assert (code, err) == CODES[sent]
    code, _, err = run_sweep(finished_sweep.words, tmp_path)
    assert (code, err) == (0, "")
    assert results_table(tmp_path / "multirun" / "grid") == results_table(finished_sweep.trials)
    assert not list((tmp_path / "multirun" / "grid").rglob("*.tmp"))


def killed_among_pictures() -> None:
    """The process dies as soon as one picture is there, of which others are to be copies."""
    from fsdd_lightning.evaluation import confusion

    draw = confusion.draw

    def fatal(path: Path, make: object, copies: object) -> None:
        draw(path, make)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGKILL)

    confusion.draw = fatal  # type: ignore[assignment]


def files(sweep: Path) -> set[str]:
    return {
        str(path.relative_to(sweep))
        for path in sweep.rglob("*")
        if path.is_file() and not path.name.startswith("events.out") and path.name != "run.log"
    }


def shown(root: Path) -> dict[str, str]:
    """Pictures and sounds of runs that are done, in TensorBoard."""
    found = {name: events for name, events in contents(root).items() if name.endswith(".pictures")}
    assert found and all("confusion/" in events and "misclassified/" in events for events in found.values())
    return found


def test_the_next_sweep_draws_what_a_kill_left_undone(finished_sweep: Finished, tmp_path: Path) -> None:
    child = start_sweep(finished_sweep.words, tmp_path, killed_among_pictures)
    code, _, _ = end_of(child, tmp_path)
    assert code == -signal.SIGKILL
    (first,) = tmp_path.glob("multirun/grid/*/run.json")
    assert json.loads(first.read_text())["status"] == "done"
    made = first.stat().st_ino
    assert len(list(first.parent.glob("confusion_*.png"))) == 1
    code, out, err = run_sweep(finished_sweep.words, tmp_path)
    assert (code, err) == (0, "")
    assert "1 to skip" in out and first.stat().st_ino != made
    assert results_table(tmp_path / "multirun" / "grid") == results_table(finished_sweep.trials)
    assert files(tmp_path / "multirun" / "grid") == files(finished_sweep.trials)
    for path in (tmp_path / "multirun" / "grid").glob("*/confusion_*.png"):
        twin = finished_sweep.trials / path.relative_to(tmp_path / "multirun" / "grid")
        assert path.read_bytes() == twin.read_bytes()
    assert shown(tmp_path / "multirun") == shown(finished_sweep.trials.parent)
