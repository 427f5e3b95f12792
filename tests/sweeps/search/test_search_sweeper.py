"""Whole searches: trials over budget cost nothing, a killed search resumes, the front is right."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import PATIENCE_S, Ended, run
from installed_extras import needs
from sweep_processes import run_sweep, start_sweep

pytest.importorskip("optuna", reason="the extra [search] is not installed")

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

# Eight trials: four that fit, four that don't.
SEARCH = [
    "hparams_search=accuracy_vs_bytes",
    "model.hidden_size=4,8,100,200",
    "model.layers=1",
    "quantization=int8_ptq,pot_qat",
    "quantization.epochs=1",
    "trainer.max_epochs=2",
    "memory_budget=kb8",
]


def search(folder: Path, overrides: list[str]) -> Ended:
    return Ended(*run_sweep(overrides, folder))


def sweep_folder(folder: Path) -> Path:
    return folder / "multirun" / "accuracy_vs_bytes"


def records(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in sweep_folder(folder).glob("*/run.json")}


def front_by_definition(found: dict[str, dict[str, Any]]) -> set[str]:
    """All done runs of which no other is at least as good in both and better in one."""
    reached = {
        name: (record["training"]["val_accuracy"]["integer"], -record["memory"]["flash_bytes"])
        for name, record in found.items()
        if record["status"] == "done"
    }
    return {
        name
        for name, mine in reached.items()
        if not any(theirs != mine and theirs[0] >= mine[0] and theirs[1] >= mine[1] for theirs in reached.values())
    }


def written_front(folder: Path) -> list[dict[str, str]]:
    with (sweep_folder(folder) / "pareto_front.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(tiny_overrides: list[str], once: Callable[[str, Callable[[Path], object]], Path]) -> tuple[Path, Ended]:
    """A search that nothing disturbed. Look, don't touch."""

    def run(folder: Path) -> None:
        process = search(folder, [*tiny_overrides, *SEARCH])
        assert process.code == 0, process.err

    folder = once("whole-search", run)
    return folder, Ended(0, (folder / "out.txt").read_text(), (folder / "err.txt").read_text())


Whole = tuple[Path, Ended]


def test_a_space_smaller_than_the_search_is_searched_whole(whole: Whole) -> None:
    folder, process = whole
    statuses = [record["status"] for record in records(folder).values()]
    assert sorted(statuses) == ["done"] * 4 + ["over_budget"] * 4
    assert "search: 8 trials to choose from, 40 to train, 1 at once" in process.out
    assert "8 trials: 4 done, 4 over_budget" in process.out


def test_trials_over_budget_are_pruned_without_training(whole: Whole) -> None:
    folder, _ = whole
    over_budget = [name for name, record in records(folder).items() if record["status"] == "over_budget"]
    assert not [name for name in over_budget if (sweep_folder(folder) / name / "network.npz").exists()]
    storage = JournalStorage(JournalFileBackend(str(sweep_folder(folder) / "search.journal")))
    trials = optuna.load_study(study_name="accuracy_vs_bytes", storage=storage).trials
    pruned = [trial.params["model.hidden_size"] for trial in trials if trial.state is TrialState.PRUNED]
    assert sorted(map(int, pruned)) == [100, 100, 200, 200]


def test_the_front_is_that_of_the_records(whole: Whole) -> None:
    folder, process = whole
    front, found = written_front(folder), records(folder)
    assert {row["run"] for row in front} == front_by_definition(found)
    for row in front:
        record = found[row["run"]]
        assert float(row["val_accuracy"]) == pytest.approx(record["training"]["val_accuracy"]["integer"], abs=1e-6)
        assert int(row["flash_bytes"]) == record["memory"]["flash_bytes"]
        assert f"{int(row['flash_bytes']):,}" in process.out
    for suffix in ("md", "png"):
        assert (sweep_folder(folder) / f"pareto_front.{suffix}").stat().st_size > 0


@pytest.mark.slow
def test_the_scores_of_the_test_clips_change_nothing(whole: Whole, tiny_overrides: list[str], tmp_path: Path) -> None:
    """Repeated with records whose test scores are inverted, the search proposes and ends the same."""
    folder, before = whole
    work = tmp_path / "work"
    shutil.copytree(folder, work)
    for path in sweep_folder(work).glob("*/run.json"):
        record = json.loads(path.read_text())
        for view in record["views"].values():
            view["accuracy"] = 1.0 - view["accuracy"]
        path.write_text(json.dumps(record))
    process = search(work, [*tiny_overrides, *SEARCH])
    assert process.code == 0, process.err
    assert written_front(work) == written_front(folder)
    assert proposed(process.out) == proposed(before.out)
    assert "known" in process.out and " done " not in process.out


def proposed(output: str) -> list[str]:
    lines = [line for line in output.splitlines() if line.startswith("[")]
    return [line.split()[2] for line in lines]


@pytest.mark.slow
def test_a_killed_search_resumes(whole: Whole, tiny_overrides: list[str], tmp_path: Path) -> None:
    folder, before = whole
    work = tmp_path / "work"
    work.mkdir()
    child = start_sweep([*tiny_overrides, *SEARCH], work)
    deadline = time.monotonic() + PATIENCE_S
    while sum(record["status"] == "done" for record in records(work).values()) < 2:
        assert child.is_alive() and time.monotonic() < deadline
        time.sleep(0.05)
    child.kill()
    child.join()
    finished = {name: record["started"] for name, record in records(work).items() if record["status"] == "done"}
    assert 2 <= len(finished) < 4

    process = search(work, [*tiny_overrides, *SEARCH])
    assert process.code == 0, process.err
    assert proposed(process.out) == proposed(before.out)
    assert process.out.count(" known ") == len(finished)
    found = records(work)
    assert {name: found[name]["started"] for name in finished} == finished
    assert written_front(work) == written_front(folder)
    assert found.keys() == records(folder).keys()


@pytest.mark.slow
@needs("hydra-joblib-launcher", "parallel")
def test_with_joblib_trials_are_chosen_and_trained_two_at_a_time(tiny_overrides: list[str], tmp_path: Path) -> None:
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.trials=3"]
    # A process of its own: one of multiprocessing would wait at its end for the idle workers of joblib.
    ended = run(tmp_path, "-m", "fsdd_lightning.train", "-m", *tiny_overrides, *SEARCH, *launcher)
    process = Ended(ended.returncode, ended.stdout, ended.stderr)
    assert process.code == 0, process.err
    assert "3 to train, 2 at once" in process.out
    found = records(tmp_path)
    assert [record["status"] for record in found.values()].count("done") == 3
    assert {row["run"] for row in written_front(tmp_path)} == front_by_definition(found)


def test_a_failed_trial_is_reported_and_does_not_end_the_search(tiny_overrides: list[str], tmp_path: Path) -> None:
    words = [
        "hparams_search=accuracy_vs_bytes",
        "split=random,unseen_speaker",
        "split.held_out=nobody",
        "trainer.max_epochs=1",
    ]
    rest = ["model.hidden_size=4", "model.layers=1", "quantization=int8_ptq"]
    process = search(tmp_path, [*tiny_overrides, *words, *rest])
    assert process.code == 1
    (line,) = process.err.splitlines()
    assert line.startswith("error: 1 of 2 trials failed, the first with: split.held_out=nobody: no such speaker")
    assert sorted(record["status"] for record in records(tmp_path).values()) == ["done", "failed"]
    assert len(written_front(tmp_path)) == 1


@pytest.mark.slow
def test_the_first_failure_ends_a_search_that_asks_for_it(tiny_overrides: list[str], tmp_path: Path) -> None:
    words = [
        "hparams_search=accuracy_vs_bytes",
        "split=unseen_speaker",
        "split.held_out=nobody,noone",
        "fail_fast=true",
    ]
    rest = ["model.hidden_size=4", "model.layers=1", "quantization=int8_ptq"]
    process = search(tmp_path, [*tiny_overrides, *words, *rest])
    assert process.code == 1
    assert [record["status"] for record in records(tmp_path).values()] == ["failed"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["quantization=int8_ptq,typo"], "no option 'typo' in group 'quantization'"),
        (["model.hidden_size=range(-8,9,8)"], "hidden_size must be at least 1 or 'fit', not -8"),
        (["hydra.sweeper.trials=0"], "hydra.sweeper.trials must be at least 1 and at most 10000, not 0"),
        (["model.hidden_size=4", "model.layers=1", "quantization=int8_ptq"], "something to choose from"),
    ],
)
def test_what_cannot_be_searched_is_reported_before_anything_is_trained(
    words: list[str], message: str, tiny_overrides: list[str], tmp_path: Path
) -> None:
    process = search(tmp_path, [*tiny_overrides, "hparams_search=accuracy_vs_bytes", *words])
    assert process.code == 2, process.err
    (line,) = process.err.splitlines()
    assert line.startswith("error: ") and message in line
    assert not list(tmp_path.glob("multirun/**/run.json"))
