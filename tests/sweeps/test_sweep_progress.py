"""Progress is told from run.json files alone, whoever writes them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.runs.lock import claimed
from fsdd_lightning.runs.record import new_record, write_record
from fsdd_lightning.sweeps.compose import check_command
from fsdd_lightning.sweeps.plan import SweepCell, plan_sweep
from fsdd_lightning.sweeps.progress import SweepProgress, _clock
from fsdd_lightning.sweeps.steps import conclude

VIEW = {"accuracy": 0.5}


@pytest.fixture
def cells(tmp_path: Path) -> list[SweepCell]:
    composed = check_command(["-m", "seed=1,2,3,4,5,6", "name=grid", f"output_root={tmp_path}"])
    planned = plan_sweep(composed.cells, composed.folder)
    for each in planned:
        each.folder.mkdir(parents=True)
    return planned


def end(each: SweepCell, status: str, error: str | None = None) -> None:
    """What a job, wherever it runs, leaves behind."""
    record = new_record(each.cell, list(each.overrides))
    record.status, record.error = status, error
    record.views, record.timings_s = {"float": VIEW, "integer": {"accuracy": 0.25}}, {"total": 3.0}
    write_record(record, each.folder)


def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def printed(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_every_cell_that_ends_is_one_line_with_what_is_going_on(cells: list[SweepCell]) -> None:
    out = console()
    progress = SweepProgress(cells, out)
    end(cells[0], "interrupted", "still running, or killed")
    progress._look()
    assert printed(out) == ""
    end(cells[1], "done")
    end(cells[2], "refused", "too large")
    end(cells[3], "failed", "no luck")
    progress._look()
    first, second, third = printed(out).splitlines()
    assert first.startswith(
        "[1/6] done    seed=2: float 50.00 %, integer 25.00 % in 3.0 s (1 running, 1 done"
    )
    assert second.startswith("[2/6] refused seed=3: too large (1 running, 1 done, 1 refused, 0 failed; ")
    assert third.startswith("[3/6] failed  seed=4: no luck (1 running, 1 done, 1 refused, 1 failed; ")
    assert re.search(r"; 0:\d\d, about \d:\d\d left\)$", third)
    progress._look()
    assert len(printed(out).splitlines()) == 3


def test_records_of_before_do_not_count(cells: list[SweepCell]) -> None:
    for each in cells:
        end(each, "failed", "long ago")
    progress = SweepProgress(cells, console())
    progress._look()
    assert progress.outcomes == {}
    end(cells[0], "done")
    progress._look()
    assert list(progress.outcomes) == ["seed=1"]


def test_half_a_record_is_not_yet_one(cells: list[SweepCell]) -> None:
    progress = SweepProgress(cells, console())
    (cells[0].folder / "run.json").write_text('{"schema')
    progress._look()
    assert progress.outcomes == {}


def test_in_the_end_every_cell_has_an_outcome(cells: list[SweepCell]) -> None:
    out = console()
    with SweepProgress(cells, out) as progress:
        end(cells[0], "done")
        end(cells[1], "interrupted", "still running, or killed")
    with claimed(cells[2].folder):
        outcomes = progress.end({"seed=4": "no space"})
    assert outcomes["seed=1"][0] == "done"  # though nobody looked before the end
    assert outcomes["seed=2"] == ("failed", "its process was killed")
    assert outcomes["seed=3"][0] == "elsewhere"
    assert outcomes["seed=4"] == ("failed", "no space")
    assert [outcomes[f"seed={seed}"][0] for seed in (5, 6)] == ["not run"] * 2
    with pytest.raises(
        RunFailedError, match=r"^2 of 6 cells failed, the first with: its process was killed$"
    ):
        conclude(cells, outcomes, out)
    text = printed(out)
    assert "6 cells: 1 done, 2 failed, 1 elsewhere, 2 not run\n" in text
    assert "failed: seed=4: no space\n" in text and "elsewhere: seed=3: another process runs it\n" in text


def test_where_the_launcher_gives_up_what_never_began_did_not_fail(cells: list[SweepCell]) -> None:
    with SweepProgress(cells, console()) as progress:
        end(cells[0], "interrupted", "still running, or killed")
        for each in cells[2:]:
            end(each, "done")
    outcomes = progress.end({}, "a worker was killed")
    assert outcomes["seed=1"] == ("failed", "a worker was killed")
    assert outcomes["seed=2"][0] == "not run"
    with pytest.raises(RunFailedError, match=r"^the sweep ended early: a worker was killed$"):
        conclude(cells[1:], outcomes, console(), "a worker was killed")


def test_a_terminal_sees_what_runs_between_two_lines(cells: list[SweepCell]) -> None:
    out = Console(file=io.StringIO(), width=120, force_terminal=True)
    with SweepProgress(cells, out) as progress:
        assert progress._status is not None
        end(cells[0], "done")
        progress._look()
        progress._status.update(progress._tail())
    assert "0 running, 1 done" in printed(out)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (61.4, "1:01"), (3599.9, "1:00:00"), (7260, "2:01:00")]
)
def test_times_are_short(seconds: float, shown: str) -> None:
    assert _clock(seconds) == shown
