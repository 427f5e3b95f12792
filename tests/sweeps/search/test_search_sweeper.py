"""A search as its user meets it: refused trials cost nothing, a killed one goes on, the front is right."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from installed_extras import needs

pytest.importorskip("optuna", reason="the extra [search] is not installed")

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE_S = 300
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


def command(overrides: list[str]) -> list[str]:
    return [sys.executable, "-m", "fsdd_lightning.train", "-m", *overrides]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}


def search(folder: Path, overrides: list[str]) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        command(overrides),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def sweep_folder(folder: Path) -> Path:
    return folder / "multirun" / "accuracy_vs_bytes"


def records(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        path.parent.name: json.loads(path.read_text()) for path in sweep_folder(folder).glob("*/run.json")
    }


def front_by_definition(found: dict[str, dict[str, Any]]) -> set[str]:
    """All done runs of which no other is at least as good in both and better in one."""
    reached = {
        name: (each["training"]["val_accuracy"]["integer"], -each["memory"]["flash_bytes"])
        for name, each in found.items()
        if each["status"] == "done"
    }
    return {
        name
        for name, mine in reached.items()
        if not any(
            theirs != mine and theirs[0] >= mine[0] and theirs[1] >= mine[1] for theirs in reached.values()
        )
    }


def written_front(folder: Path) -> list[dict[str, str]]:
    with (sweep_folder(folder) / "pareto_front.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(
    tiny_overrides: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A search that nothing corrupted. Look, don't touch."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, search(folder, [*tiny_overrides, *SEARCH])


Whole = tuple[Path, subprocess.CompletedProcess[str]]


def test_a_space_smaller_than_the_search_is_searched_whole(whole: Whole) -> None:
    folder, process = whole
    assert process.returncode == 0, process.stderr
    statuses = [each["status"] for each in records(folder).values()]
    assert sorted(statuses) == ["done"] * 4 + ["over_budget"] * 4
    assert "search: 8 trials to choose from, 40 to train, 1 at once" in process.stdout
    assert "8 trials: 4 done, 4 over_budget" in process.stdout


def test_refused_cells_are_pruned_without_training(whole: Whole) -> None:
    folder, _ = whole
    over_budget = [name for name, each in records(folder).items() if each["status"] == "over_budget"]
    assert not [name for name in over_budget if (sweep_folder(folder) / name / "network.pt").exists()]
    storage = JournalStorage(JournalFileBackend(str(sweep_folder(folder) / "search.journal")))
    trials = optuna.load_study(study_name="accuracy_vs_bytes", storage=storage).trials
    pruned = [each.params["model.hidden_size"] for each in trials if each.state is TrialState.PRUNED]
    assert sorted(map(int, pruned)) == [100, 100, 200, 200]


def test_the_front_is_that_of_the_records(whole: Whole) -> None:
    folder, process = whole
    front, found = written_front(folder), records(folder)
    assert {row["run"] for row in front} == front_by_definition(found)
    for row in front:
        record = found[row["run"]]
        assert float(row["val_accuracy"]) == pytest.approx(
            record["training"]["val_accuracy"]["integer"], abs=1e-6
        )
        assert int(row["flash_bytes"]) == record["memory"]["flash_bytes"]
        assert f"{int(row['flash_bytes']):,}" in process.stdout
    for suffix in ("md", "png"):
        assert (sweep_folder(folder) / f"pareto_front.{suffix}").stat().st_size > 0


def test_the_scores_of_the_test_clips_change_nothing(
    whole: Whole, tiny_overrides: list[str], tmp_path: Path
) -> None:
    """Told again from records whose test scores are upside down, the search proposes and ends the same."""
    folder, before = whole
    work = tmp_path / "work"
    subprocess.run(["cp", "-r", folder, work], check=True)
    for path in sweep_folder(work).glob("*/run.json"):
        record = json.loads(path.read_text())
        for view in record["views"].values():
            view["accuracy"] = 1.0 - view["accuracy"]
        path.write_text(json.dumps(record))
    process = search(work, [*tiny_overrides, *SEARCH])
    assert process.returncode == 0, process.stderr
    assert written_front(work) == written_front(folder)
    assert proposed(process.stdout) == proposed(before.stdout)
    assert "known" in process.stdout and " done " not in process.stdout


def proposed(output: str) -> list[str]:
    lines = [line for line in output.splitlines() if line.startswith("[")]
    return [line.split()[2] for line in lines]


def test_a_killed_search_goes_on_where_it_was(
    whole: Whole, tiny_overrides: list[str], tmp_path: Path
) -> None:
    folder, before = whole
    work = tmp_path / "work"
    work.mkdir()
    child = subprocess.Popen(
        command([*tiny_overrides, *SEARCH]), cwd=work, env=environment(), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + PATIENCE_S
    while sum(each["status"] == "done" for each in records(work).values()) < 2:
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    finished = {name: each["started"] for name, each in records(work).items() if each["status"] == "done"}
    assert 2 <= len(finished) < 4

    process = search(work, [*tiny_overrides, *SEARCH])
    assert process.returncode == 0, process.stderr
    assert proposed(process.stdout) == proposed(before.stdout)
    assert process.stdout.count(" known ") == len(finished)
    found = records(work)
    assert {name: found[name]["started"] for name in finished} == finished
    assert written_front(work) == written_front(folder)
    assert found.keys() == records(folder).keys()


@needs("hydra-joblib-launcher", "parallel")
def test_with_joblib_cells_are_chosen_and_trained_two_at_a_time(
    tiny_overrides: list[str], tmp_path: Path
) -> None:
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.trials=3"]
    process = search(tmp_path, [*tiny_overrides, *SEARCH, *launcher])
    assert process.returncode == 0, process.stderr
    assert "3 to train, 2 at once" in process.stdout
    found = records(tmp_path)
    assert [each["status"] for each in found.values()].count("done") == 3
    assert {row["run"] for row in written_front(tmp_path)} == front_by_definition(found)


def test_a_failed_cell_is_told_and_does_not_end_the_search(tiny_overrides: list[str], tmp_path: Path) -> None:
    words = [
        "hparams_search=accuracy_vs_bytes",
        "split=random,unseen_speaker",
        "split.held_out=nobody",
        "trainer.max_epochs=1",
    ]
    rest = ["model.hidden_size=4", "model.layers=1", "quantization=int8_ptq"]
    process = search(tmp_path, [*tiny_overrides, *words, *rest])
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith(
        "error: 1 of 2 trials failed, the first with: split.held_out=nobody: no such speaker"
    )
    assert sorted(each["status"] for each in records(tmp_path).values()) == ["done", "failed"]
    assert len(written_front(tmp_path)) == 1


def test_the_first_failure_ends_a_search_that_is_told_so(tiny_overrides: list[str], tmp_path: Path) -> None:
    words = [
        "hparams_search=accuracy_vs_bytes",
        "split=unseen_speaker",
        "split.held_out=nobody,noone",
        "fail_fast=true",
    ]
    rest = ["model.hidden_size=4", "model.layers=1", "quantization=int8_ptq"]
    process = search(tmp_path, [*tiny_overrides, *words, *rest])
    assert process.returncode == 1
    assert [each["status"] for each in records(tmp_path).values()] == ["failed"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["quantization=int8_ptq,typo"], "no option 'typo' in group 'quantization'"),
        (["model.hidden_size=range(-8,9,8)"], "hidden_size must be at least 1 or 'fit', not -8"),
        (["hydra.sweeper.trials=0"], "hydra.sweeper.trials must be at least 1, not 0"),
        (["model.hidden_size=4", "model.layers=1", "quantization=int8_ptq"], "something to choose from"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_is_trained(
    words: list[str], told: str, tiny_overrides: list[str], tmp_path: Path
) -> None:
    process = search(tmp_path, [*tiny_overrides, "hparams_search=accuracy_vs_bytes", *words])
    assert process.returncode == 2, process.stderr
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: ") and told in line
    assert not list(tmp_path.glob("multirun/**/run.json"))
