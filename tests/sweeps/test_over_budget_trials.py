"""A trial over its memory budget ends with its bill, before torch is imported or data are read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from commands import Process, run_command
from example_listening import DEFAULT as FRONT_END
from sweep_processes import run_sweep

from fsdd_lightning import train
from fsdd_lightning.memory.bill import float32_bill
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.runs.record import read_record

TOO_LARGE = ("quantization=float32", "model.hidden_size=25", "memory_budget=kb36")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Process]:
    folder = tmp_path_factory.mktemp("single")
    return folder, run_command(folder, "train", *TOO_LARGE)


def test_a_run_over_budget_ends_with_exit_code_2_and_one_line(single: tuple[Path, Process]) -> None:
    _, process = single
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line == (
        "error: over budget: the float32 network of 2x25 units needs 38,833 bytes of flash, memory_budget=kb36 "
        "allows 36,864; the largest hidden size that fits is 24"
    )


def test_a_run_over_budget_prints_its_bill_and_imports_nothing_heavy(single: tuple[Path, Process]) -> None:
    folder, process = single
    *printed, heavy = process.stdout.splitlines()
    assert heavy == "HEAVY ['tensorboard']"  # for its row there
    assert any("Memory bill" in line for line in printed)
    assert any("total" in line and "38,833" in line for line in printed)
    assert not (folder / "cache").exists()  # no data were looked for


def test_a_refusal_leads_with_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stderr", sys.stdout)  # as on a terminal
    for words, rest in ((TOO_LARGE, "Memory bill"), ((*TOO_LARGE, "quiet=true"), "")):
        monkeypatch.setattr(sys, "argv", ["fsdd-train", *words])
        with pytest.raises(SystemExit):
            train.main()
        first, *others = capfd.readouterr().out.splitlines()
        assert first.startswith("error: over budget: the float32 network of 2x25 units needs 38,833 bytes")
        assert (others[0].strip() if others else "") == rest


def test_a_run_over_budget_is_recorded_with_its_bill(single: tuple[Path, Process]) -> None:
    folder, process = single
    (file,) = folder.glob("multirun/single/*/run.json")
    record = read_record(file.parent)
    bill = float32_bill(NetworkShape(13, 25, 2, 10), 36, FRONT_END)
    assert record.status == "over_budget"
    assert f"error: over budget: {record.error}\n" == process.stderr
    assert (record.views, record.training, record.dataset) == ({}, {}, {})
    assert (record.memory["fits"], record.memory["budget_bytes"]) == (False, 36_864)
    assert record.memory["flash_bytes"] == bill.flash_bytes == 38_833
    assert record.memory["lines"] == json.loads(json.dumps(bill.as_record()["lines"]))
    assert record.versions and record.config_hash and record.overrides == list(TOO_LARGE)


def test_other_trials_of_a_sweep_run_and_the_plan_agrees(tiny_overrides: list[str], tmp_path: Path) -> None:
    sizes = [word for word in tiny_overrides if not word.startswith("model.hidden_size")]
    words = ["-m", *sizes, "name=grid", "trainer.max_epochs=1", "memory_budget=kb8", "model.hidden_size=200,4,90"]
    code, out, err = run_sweep(words[1:], tmp_path)
    assert (code, err) == (0, "")
    records = [read_record(file.parent) for file in tmp_path.glob("multirun/grid/*/run.json")]
    ends = {record.memory["hidden_size"]: record.status for record in records}
    assert ends == {200: "over_budget", 4: "done", 90: "over_budget"}
    over_budget = [record for record in records if record.status == "over_budget"]
    for record in over_budget:
        size = record.memory["hidden_size"]
        assert f" over_budget hidden_size={size}: {record.error} (" in out
        assert record.memory["fits"] is False and record.memory["lines"]
    planned = run_command(tmp_path, "plan", *words)
    *printed, heavy = planned.stdout.splitlines()
    assert (planned.returncode, planned.stderr, heavy) == (0, "", "HEAVY []")
    assert printed[-1] == "3 trials: 2 over_budget, 1 done"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["-m", "model=small,fit"], "hidden_size=fit needs a budget"),
        (["-m", "quantization.weight_code=int8,int3"], "quantization.weight_code: there is no 'int3'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_trial_that_cannot_be_planned_stops_a_sweep_before_its_first_run(
    tmp_path: Path, words: list[str], answer: str
) -> None:
    process = run_command(tmp_path, "train", *words)
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert answer in line
    assert process.stdout == "HEAVY []\n"
    assert not (tmp_path / "multirun").exists()
