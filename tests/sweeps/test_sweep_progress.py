"""Progress is read from run.json files alone, whoever writes them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from fsdd_lightning.console.progress import FLOAT, Stage, current_progress, progress_of_run
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.runs.lock import locked
from fsdd_lightning.runs.record import new_record, write_record
from fsdd_lightning.sweeps.compose import check_command
from fsdd_lightning.sweeps.plan import plan_sweep
from fsdd_lightning.sweeps.progress import SweepProgress, _clock
from fsdd_lightning.sweeps.status import TrialEnd, conclude
from fsdd_lightning.sweeps.trial import Trial

VIEW = {"accuracy": 0.5}


@pytest.fixture
def trials(tmp_path: Path) -> list[Trial]:
    composed = check_command(["-m", "seed=1,2,3,4,5,6", "name=grid", f"output_root={tmp_path}"])
    planned = plan_sweep(composed.trials, composed.folder)
    for trial in planned:
        trial.folder.mkdir(parents=True)
    return planned


def end(trial: Trial, status: str, error: str | None = None) -> None:
    """Write the record that a job leaves, wherever it runs."""
    record = new_record(trial.plan, list(trial.overrides))
    record.status, record.error = status, error
    record.views, record.timings_s = {"float": VIEW, "integer": {"accuracy": 0.25}}, {"total": 3.0}
    write_record(record, trial.folder)


def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def printed(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_every_trial_that_ends_is_one_line_with_the_counts(trials: list[Trial]) -> None:
    out = console()
    progress = SweepProgress(trials, out)
    end(trials[0], "interrupted", "still running, or killed")
    progress._look()
    assert printed(out) == ""
    end(trials[1], "done")
    end(trials[2], "over_budget", "too large")
    end(trials[3], "failed", "no luck")
    progress._look()
    first, second, third = printed(out).splitlines()
    assert first.startswith("[1/6] done    seed=2: float 50.00 %, integer 25.00 % in 3.0 s (1 running; 0:0")
    assert second.startswith("[2/6] over_budget seed=3: too large (1 running, 1 over_budget; ")
    assert third.startswith("[3/6] failed  seed=4: no luck (1 running, 1 over_budget, 1 failed; ")
    assert re.search(r"; 0:\d\d, about \d:\d\d left\)$", third)
    progress._look()
    assert len(printed(out).splitlines()) == 3


def test_earlier_records_do_not_count(trials: list[Trial]) -> None:
    for trial in trials:
        end(trial, "failed", "long ago")
    progress = SweepProgress(trials, console())
    progress._look()
    assert progress.ends == {}
    end(trials[0], "done")
    progress._look()
    assert list(progress.ends) == ["seed=1"]


def test_half_a_record_does_not_count(trials: list[Trial]) -> None:
    progress = SweepProgress(trials, console())
    (trials[0].folder / "run.json").write_text('{"schema')
    progress._look()
    assert progress.ends == {}


def test_at_the_end_every_trial_has_a_status(trials: list[Trial]) -> None:
    out = console()
    progress = SweepProgress(trials, out)
    with progress.watching():
        end(trials[0], "done")
        end(trials[1], "interrupted", "still running, or killed")
    with locked(trials[2].folder):
        ends = progress.end({"seed=4": "no space"})
    assert ends["seed=1"].status == "done"  # though no look found it before the end
    assert ends["seed=2"] == TrialEnd("failed", "its process was killed")
    assert ends["seed=3"].status == "elsewhere"
    assert ends["seed=4"] == TrialEnd("failed", "no space")
    assert [ends[f"seed={seed}"].status for seed in (5, 6)] == ["not run"] * 2
    with pytest.raises(RunFailedError, match=r"^2 of 6 trials failed, the first with: its process was killed$"):
        conclude(trials, ends, out)
    text = printed(out)
    assert "6 trials: 1 done, 2 failed, 1 elsewhere, 2 not run\n" in text
    assert "failed: seed=4: no space\n" in text and "elsewhere: seed=3: another process runs it\n" in text


def test_where_the_launcher_gives_up_trials_that_never_started_did_not_fail(trials: list[Trial]) -> None:
    progress = SweepProgress(trials, console())
    with progress.watching():
        end(trials[0], "interrupted", "still running, or killed")
        for trial in trials[2:]:
            end(trial, "done")
    ends = progress.end({}, "a worker was killed")
    assert ends["seed=1"] == TrialEnd("failed", "a worker was killed")
    assert ends["seed=2"].status == "not run"
    with pytest.raises(RunFailedError, match=r"^the sweep ended early: a worker was killed$"):
        conclude(trials[1:], ends, console(), "a worker was killed")


def test_a_terminal_has_a_status_line_with_what_the_trial_of_this_process_is_at(trials: list[Trial]) -> None:
    out = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    progress = SweepProgress(trials, out)
    with progress.watching():
        assert progress._status is not None
        end(trials[0], "done")
        progress._look()
        assert re.fullmatch(r"1 of 6 trials, 0:\d\d left", progress._line())
        end(trials[1], "failed", "no luck")
        progress._look()
        with progress_of_run():
            current_progress().plan([Stage(FLOAT, "float", 60)])
            current_progress().begin(FLOAT)
            current_progress().step(11.5)
            current_progress().score(0.4123, 0.9333)
            shown = re.sub(r"\d:\d\d left, ", "", progress._line())
        assert shown == "2 of 6 trials, 1 failed, float epoch 12/60, val loss 0.412, accuracy 93.3 %"
        progress._show()
    assert "2 of 6 trials, 1 failed" in printed(out)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (61.4, "1:01"), (3599.9, "1:00:00"), (7260, "2:01:00")])
def test_times_are_short(seconds: float, shown: str) -> None:
    assert _clock(seconds) == shown
