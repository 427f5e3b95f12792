"""A search learns how a trial ended from its record."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.runs.record import new_record, read_record, write_record
from fsdd_lightning.runs.state import Environment, RunState
from fsdd_lightning.sweeps.compose import compose_trials
from fsdd_lightning.sweeps.identity import identity_of
from fsdd_lightning.sweeps.search.front import Objective
from fsdd_lightning.sweeps.search.progress import SearchProgress
from fsdd_lightning.sweeps.status import TrialEnd
from fsdd_lightning.sweeps.trial import Trial


@pytest.fixture
def progress() -> SearchProgress:
    return SearchProgress(to_train=3, out=Console(file=io.StringIO(), width=200))


def plan(folder: Path, state: RunState, *more: str) -> Trial:
    ((overrides, config),) = compose_trials(["model.hidden_size=8", *more], multirun=False)
    folder.mkdir(exist_ok=True)
    return Trial(
        tuple(overrides), plan_run(config), folder, "label", state, identity_of(plan_run(config), Environment())
    )


def record_end(trial: Trial, status: str, started: str = "now") -> None:
    record = new_record(trial.plan, list(trial.overrides))
    record.status, record.error, record.started = (status, None if status == "done" else "no such speaker", started)
    record.training = {"val_accuracy": {"integer": 0.75}}
    write_record(record, trial.folder)


def printed(progress: SearchProgress) -> str:
    assert isinstance(progress.out.file, io.StringIO)
    return progress.out.file.getvalue()


def test_a_trained_trial_is_a_point(progress: SearchProgress, tmp_path: Path) -> None:
    trial = plan(tmp_path, RunState("to run"))
    progress.trials.append(trial)
    record_end(trial, "done")
    assert progress.note_end(trial, {"a": "1"}, "the launcher gave up later") == Objective(
        0.75, trial.plan.bill.flash_bytes
    )
    assert progress.ends == {"label": TrialEnd("done", f"validation 75.00 %, {trial.plan.bill.flash_bytes:,} bytes")}
    assert "[1/3] done        label: validation 75.00 %" in printed(progress)
    assert progress.missing == 2


def test_a_failed_trial_is_explained_by_its_record(progress: SearchProgress, tmp_path: Path) -> None:
    trial = plan(tmp_path, RunState("to run"))
    record_end(trial, "failed")
    assert progress.note_end(trial, {}, None) is None
    assert progress.ends == {"label": TrialEnd("failed", "no such speaker")}


def test_without_a_record_it_is_explained_by_the_launcher(progress: SearchProgress, tmp_path: Path) -> None:
    assert progress.note_end(plan(tmp_path, RunState("to run")), {}, "its machine has to share the folder") is None
    assert progress.ends == {"label": TrialEnd("failed", "its machine has to share the folder")}


def test_an_outdated_record_that_was_not_replaced_is_none(progress: SearchProgress, tmp_path: Path) -> None:
    trial = plan(tmp_path, RunState("to run"))
    record_end(trial, "done")
    outdated = plan(tmp_path, RunState("to run", "code changed", read_record(tmp_path)))
    assert progress.note_end(outdated, {}, None) is None
    record_end(trial, "done", started="later")
    assert progress.note_end(outdated, {}, None) is not None


def test_trials_over_budget_are_not_counted(progress: SearchProgress, tmp_path: Path) -> None:
    trial = plan(tmp_path, RunState("to run"), "model.hidden_size=400", "memory_budget=kb8")
    progress.trials.append(trial)
    progress.note_over_budget(trial)
    assert progress.missing == 3
    assert "[0/3] over_budget label: " in printed(progress)
