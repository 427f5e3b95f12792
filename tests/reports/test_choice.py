"""The best trial for a budget is chosen by validation accuracy, whatever the test clips say, and told in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated_runs import ended, finished, leave_one_out, run, section_of, write

from fsdd_lightning.reports.choice import Answer, Budget, answers, budgets_of, ranked
from fsdd_lightning.runs.record import RunRecord


def trained(folder: Path, name: str, validation: float | None, correct: int, *words: str) -> RunRecord:
    """A run of int8_ptq with this accuracy on validation clips, and so many test clips right."""
    record = finished(("quantization=int8_ptq", *words), {"float": 590, "integer": correct})
    record.training["val_accuracy"] = {} if validation is None else {"float": 1.0, "integer": validation}
    write(folder / name, record)
    return record


def told(answer: Answer) -> tuple[str, str, str]:
    return answer.limit, answer.network, answer.accuracy


def test_the_test_clips_choose_nothing(tmp_path: Path) -> None:
    trained(tmp_path, "better in validation", 0.96, 540, "model.hidden_size=8")
    trained(tmp_path, "better in the test", 0.95, 599, "model.hidden_size=8", "model.dropout=0.5")
    (answer,) = answers(section_of(tmp_path))
    assert (answer.trial[1], answer.accuracy) == ("better in validation", "90.00")
    assert answer.chosen == "Best of 2 configs by validation accuracy (96.00 %)"
    assert answer.facts[0].startswith("of the test clips, of voices it has heard (95 % interval 87.3")


def test_of_equal_ones_the_smallest_is_taken(tmp_path: Path) -> None:
    for hidden in (16, 8, 24):
        trained(tmp_path, str(hidden), 0.95, 500 + hidden, f"model.hidden_size={hidden}")
    (answer,) = answers(section_of(tmp_path))
    assert answer.limit == "In 8 KB and at any size"  # of which two choose the same
    assert answer.network == "2×8"


def test_a_config_counts_by_the_mean_of_its_seeds(tmp_path: Path) -> None:
    for seed, validation in ((1, 0.99), (2, 0.91)):
        trained(tmp_path, f"lucky{seed}", validation, 570, "model.hidden_size=8", f"seed={seed}")
    for seed, validation in ((1, 0.95), (2, 0.96)):
        trained(tmp_path, f"steady{seed}", validation, 570, "model.hidden_size=8", f"seed={seed}", "model.dropout=0.5")
    section = section_of(tmp_path)
    (answer,) = answers(section)
    assert answer.trial[1] == "steady2"  # of the config its best run
    assert list(ranked(section)["run"]) == ["steady2", "steady1", "lucky1", "lucky2"]
    assert "mean of 2 seeds" in answer.facts[0]


def test_every_budget_has_its_answer(tmp_path: Path) -> None:
    for hidden, validation in ((8, 0.90), (24, 0.95), (64, 0.97)):
        trained(tmp_path, str(hidden), validation, 570, f"model.hidden_size={hidden}", "memory_budget=kb16")
    ended(tmp_path, "over_budget", "too large", "quantization=float32", "memory_budget=kb8")
    section = section_of(tmp_path)
    assert budgets_of(section) == (Budget(8192, "network"), Budget(16384, "network"))
    expected = [("In 8 KB", "2×8", "95.00"), ("In 16 KB", "2×24", "95.00"), ("At any size", "2×64", "95.00")]
    assert [told(answer) for answer in answers(section)] == expected


def test_without_a_budget_those_of_the_package_that_divide_the_trials_are_shown(tmp_path: Path) -> None:
    for hidden in (8, 64):
        run(tmp_path, "int8_ptq", hidden, 1, 570)
    assert [budget.label for budget in budgets_of(section_of(tmp_path))] == ["8 KB", "16 KB", "36 KB"]


def test_a_budget_for_a_layer_limits_layers(tmp_path: Path) -> None:
    words = ("model.hidden_size=64", "memory_budget=kb36_per_layer")
    record = trained(tmp_path, "wide", 0.95, 570, *words)
    assert record.memory["flash_bytes"] > 36 * 1024 > record.memory["largest_layer_flash_bytes"]
    (first,) = answers(section_of(tmp_path))
    assert told(first) == ("In 36 KB a layer and at any size", "2×64", "95.00")
    assert first.chosen == "The only config that fits, by validation accuracy (95.00 %)"


@pytest.mark.parametrize("validation", [None, float("nan")])
def test_records_without_a_validation_accuracy_are_not_chosen(tmp_path: Path, validation: float | None) -> None:
    trained(tmp_path, "old", validation, 599, "model.hidden_size=8")
    assert answers(section_of(tmp_path)) == ()
    trained(tmp_path, "new", 0.5, 400, "model.hidden_size=16")
    (answer, *_) = answers(section_of(tmp_path))
    assert answer.trial[1] == "new"


def test_unheard_voices_and_other_people_are_told(tmp_path: Path) -> None:
    record = finished(("quantization=int8_ptq",), {"float": 590, "integer": 570})
    record.unheard = {"speaker": "theo", "correct": 45, "total": 60, "accuracy": 0.75}
    groups = {"count": 5, "mean": 0.6, "ci95": [0.5, 0.7], "worst": 0.3, "worst_name": "zoe"}
    record.others = {"people": {way: {"recordings": 200, "found": 190, "groups": groups} for way in ("heard", "alone")}}
    write(tmp_path / "trial", record)
    (answer,) = answers(section_of(tmp_path))
    assert answer.facts[1:] == (
        "75.00 % on theo, unheard (62.77 – 84.22)",
        "60.00 % on people, never heard, through the listener (50.00 – 70.00)",
    )


def test_held_out_speakers_are_unheard(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300, "jackson": 480, "theo": 420})
    leave_one_out(tmp_path, "pot_qat", {"george": 600})  # compared with nothing: two speakers are missing
    (answer,) = answers(section_of(tmp_path))
    assert (answer.mode, answer.accuracy) == ("int8_ptq", "66.67")
    assert answer.facts[0].startswith("of the test clips, of voices it has never heard (95 % interval")
