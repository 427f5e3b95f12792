"""fsdd-report --prune forgets what has no result, and nothing that has one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Call, only_line
from filelock import FileLock

from fsdd_lightning import report
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.runs.record import RunRecord, new_record, write_record
from fsdd_lightning.sweeps.compose import check_command
from fsdd_lightning.sweeps.manifest import planned_names, write_manifest
from fsdd_lightning.sweeps.plan import compose_sweep
from fsdd_lightning.sweeps.prune import prune_sweep
from fsdd_lightning.sweeps.trial import Trial

STATES = {2: "failed", 3: "interrupted", 4: "over_budget", 5: "interrupted", 6: "done"}  # by seed; 1 and 7 not begun


@pytest.fixture
def sweep(tmp_path: Path) -> list[Trial]:
    """Trials of seven seeds in tmp_path/multirun/grid; that of seed 5 is running, the last one's record is damaged."""
    root = tmp_path / "multirun"
    composed = check_command(["-m", "seed=range(1,9)", "name=grid", f"output_root={root}"])
    planned = compose_sweep(composed.trials)
    (root / "grid").mkdir(parents=True)
    write_manifest(root / "grid", ["a"], planned.trials, planned.bases[root / "grid"])
    for trial in planned.trials:
        trial.folder.mkdir()
        (trial.folder / "run.lock").touch()
        if trial.plan.config.seed in STATES:
            write_record(record_of(trial), trial.folder)
    (planned.trials[7].folder / "run.json").write_text("{")
    return planned.trials


def record_of(trial: Trial) -> RunRecord:
    record = new_record(trial.plan, list(trial.overrides))
    record.status = STATES[trial.plan.config.seed]
    return record


def test_what_has_no_result_is_forgotten_and_what_was_begun_is_kept_aside(sweep: list[Trial]) -> None:
    folder = sweep[0].folder.parent
    with FileLock(sweep[4].folder / "run.lock"):
        forgotten = prune_sweep(folder)
    aside = folder.parent / ".pruned" / "grid"
    assert [(each.name, each.state, each.place) for each in forgotten] == [
        ("seed=1", "not started", None),
        ("seed=2", "failed", aside / "seed=2"),
        ("seed=3", "interrupted", aside / "seed=3"),
        ("seed=7", "not started", None),
        ("seed=8", "damaged", aside / "seed=8"),
    ]
    assert planned_names(folder) == {"seed=4", "seed=5", "seed=6"}
    assert {run.folder.name for run in collect_runs([folder.parent])} == {"seed=4", "seed=5", "seed=6"}
    assert (aside / "seed=2" / "run.json").is_file()
    (command,) = json.loads((folder / "sweep.json").read_text())["commands"]
    assert command["trials"] == ["seed=4", "seed=5", "seed=6"]


def test_what_is_forgotten_can_be_planned_and_forgotten_again(sweep: list[Trial]) -> None:
    folder = sweep[0].folder.parent
    prune_sweep(folder)
    composed = check_command(["-m", "seed=range(1,4)", "name=grid", f"output_root={folder.parent}"])
    trials = compose_sweep(composed.trials).trials
    assert [(trial.run_name, trial.state.name) for trial in trials] == [
        (f"seed={seed}", "to run") for seed in (1, 2, 3)
    ]
    trials[1].folder.mkdir()
    write_record(record_of(trials[1]), trials[1].folder)
    assert [each.place for each in prune_sweep(folder)] == [folder.parent / ".pruned" / "grid" / "seed=2.2"]
    assert prune_sweep(folder) == []


def test_the_command_says_what_it_forgot(sweep: list[Trial], call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sweep[0].folder.parent
    monkeypatch.chdir(folder.parent.parent)
    code, out, err = call(report, "--prune", "multirun/grid")
    assert (code, err) == (0, "")
    assert "forgotten: seed=1 (not started)\n" in out
    assert "forgotten: seed=2 (failed); its folder is now multirun/.pruned/grid/seed=2\n" in out
    assert "6 trials of multirun/grid forgotten\n" in out
    assert "trials: " in out.splitlines()[-3]  # and the report of the others


@pytest.mark.parametrize("folder", [".", "multirun"])
def test_only_a_sweep_can_be_pruned(sweep: list[Trial], tmp_path: Path, call: Call, folder: str) -> None:
    code, out, err = call(report, tmp_path / folder, "--prune")
    assert (code, out) == (2, "")
    assert "is not the folder of a sweep: it holds no sweep.json" in only_line(err)
    assert all(trial.folder.is_dir() for trial in sweep)


def test_a_sweep_without_any_result_needs_no_report(tmp_path: Path, call: Call) -> None:
    (tmp_path / "sweep.json").write_text('{"schema_version": 2, "commands": [], "trials": {"seed=1": {}}}')
    code, out, _ = call(report, tmp_path, "--prune")
    assert code == 0 and out.splitlines()[0] == "forgotten: seed=1 (not started)"
    assert not (tmp_path / "report").exists()
