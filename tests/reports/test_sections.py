"""Results that may be averaged are, those that may not never are, and both can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated_runs import ended, finished, grid, run, write

from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.figures import bars
from fsdd_lightning.reports.frame import frame
from fsdd_lightning.reports.sections import Section, sections
from fsdd_lightning.reports.tables import changed_columns, summary_table, trials_table

SPEAKERS = ("george", "jackson", "theo")


def sections_of(*folders: Path) -> tuple[Section, ...]:
    return sections(frame(collect_runs(folders)))


def test_seeds_are_put_together_and_nothing_else(tmp_path: Path) -> None:
    (section,) = sections_of(grid(tmp_path))
    assert list(section.summary["seeds"]) == [3] * 6
    means = section.summary.set_index(["mode", "hidden_size"])["accuracy"].mul(600).round()
    assert means.to_dict() == {
        ("float32", 8): 534,
        ("float32", 16): 566,
        ("int8_ptq", 8): 531,
        ("int8_ptq", 16): 563,
        ("pot_qat", 8): 528,
        ("pot_qat", 16): 560,
    }


@pytest.mark.parametrize("words", [("split.seed=43",), ("split=official",), ("split.test_fraction=0.3",)])
def test_another_split_is_another_section(tmp_path: Path, words: tuple[str, ...]) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    run(tmp_path, "int8_ptq", 8, 2, 500, *words)
    assert [list(section.summary["seeds"]) for section in sections_of(tmp_path)] == [[1], [1]]


def test_another_dataset_is_another_section(tmp_path: Path) -> None:
    for name, digest in (("a", "d1" * 32), ("b", "d2" * 32)):
        write(tmp_path / name, finished((f"seed={len(name)}",), {"float": 590, "integer": 580}, digest))
    assert [section.digest[:2] for section in sections_of(tmp_path)] == ["d1", "d2"]


def test_the_same_trial_twice_is_one_sample(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        run(tmp_path / sweep, "int8_ptq", 8, 1, 580)
    run(tmp_path / "b", "int8_ptq", 8, 2, 581)
    (section,) = sections_of(tmp_path / "a", tmp_path / "b")
    assert list(section.trials["training_seed"]) == [1, 2]
    assert section.notes == (
        "1 run repeats a network of another sweep or budget with the same result; each network is counted once",
    )


def test_the_same_trial_with_another_result_is_noted(tmp_path: Path) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 580)
    again = run(tmp_path / "b", "int8_ptq", 8, 1, 570)
    (section,) = sections_of(tmp_path / "a", tmp_path / "b")
    assert list(section.summary["accuracy"]) == [580 / 600]
    assert section.notes == (f"b/{again.name} repeats a/{again.name} with another result; only the first is counted",)


def test_a_network_that_fits_two_budgets_is_one_network(tmp_path: Path) -> None:
    for budget in ("kb8", "kb36"):
        run(tmp_path, "int8_ptq", 8, 1, 580, f"memory_budget={budget}")
    (section,) = sections_of(tmp_path)
    assert section.budgets == (8 * 1024, 36 * 1024)
    table = summary_table(section)
    assert [row[table.columns.index("budget")].text for row in table.rows] == ["kb8, kb36"]


def test_trials_over_budget_stand_with_those_of_their_data_and_split(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    large = ("quantization=float32", "model.hidden_size=90", "memory_budget=kb8")
    ended(tmp_path, "over_budget", "too large", *large)
    ended(tmp_path, "over_budget", "too large", *large, "split=official")
    (section,) = sections_of(tmp_path)
    assert section.unfinished[["series", "hidden_size", "state"]].values.tolist() == [["float32", 90, "over_budget"]]
    assert section.budgets == (8 * 1024,)


def test_a_trial_over_budget_that_may_belong_to_two_datasets_stands_with_none(tmp_path: Path) -> None:
    for name, digest in (("a", "d1" * 32), ("b", "d2" * 32)):
        write(tmp_path / name, finished((), {"float": 590, "integer": 580}, digest))
    ended(tmp_path, "over_budget", "too large", "model.hidden_size=90")
    assert [len(section.unfinished) for section in sections_of(tmp_path)] == [0, 0]


def test_variants_are_named_by_what_differs_within_a_mode(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    run(tmp_path, "int8_ptq", 8, 1, 581, "model.layers=1")
    run(tmp_path, "pot_qat", 8, 1, 570, "trainer.max_epochs=9", "model.layers=1")
    (section,) = sections_of(tmp_path)
    assert list(section.summary["series"]) == ["int8_ptq, layers=1", "int8_ptq, layers=2", "pot_qat, layers=1"]


def test_several_versions_of_the_code_are_noted(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    words = ("quantization=int8_ptq", "model.hidden_size=8", "seed=2")
    other = finished(words, {"float": 590, "integer": 500})
    other.git = {"commit": "ab" * 20, "dirty": True}
    write(tmp_path / "other", other)
    trials = frame(collect_runs([tmp_path]))
    (section,) = sections(trials)
    assert section.notes == ("these trials were made by 2 versions of the code (ababababab, c0c0c0c0c0)",)
    assert {"git.commit", "git.dirty"} <= set(changed_columns(trials))


def leave_one_out(folder: Path, mode: str, correct: dict[str, int], seed: int = 1) -> None:
    for speaker, count in correct.items():
        run(folder, mode, 8, seed, count, "split=unseen_speaker", f"split.held_out={speaker}")


def test_speakers_are_a_dimension_of_one_section(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300, "jackson": 480, "theo": 420})
    leave_one_out(tmp_path, "int8_ptq", {"george": 360}, seed=2)
    (section,) = sections_of(tmp_path)
    assert section.several_speakers
    assert list(section.summary["speaker"]) == ["george", "jackson", "theo"]  # no two are averaged over seeds
    (row,) = section.speakers.to_dict("records")
    assert row["voices"] == pytest.approx({"george": 0.55, "jackson": 0.8, "theo": 0.7})
    assert (row["worst_speaker"], row["missing"], row["fewest_seeds"], row["seeds"]) == ("george", (), 1, 2)
    half = 4.302652729911275 * row["std"] / 3**0.5  # t(0.975, 2) from a table: the three speakers are the sample
    expected = {"accuracy": 2.05 / 3, "low": 2.05 / 3 - half, "high": min(2.05 / 3 + half, 1.0)}
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert (row["kind"], row["worst"], row["spread"]) == ("t", pytest.approx(0.55), pytest.approx(0.25))
    assert bars(section) == "mean over held-out speakers; bars: 95 % interval (Student t over speakers)"


def test_two_speakers_have_no_interval(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300, "theo": 420})
    (section,) = sections_of(tmp_path)
    (row,) = section.points.to_dict("records")
    assert (row["low"], row["accuracy"], row["high"], row["kind"]) == (0.6, 0.6, 0.6, "")
    assert bars(section) == "mean over held-out speakers; bars: none"


def test_of_speakers_that_are_as_bad_the_first_is_named(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"theo": 300, "jackson": 300, "lucas": 400})
    (section,) = sections_of(tmp_path)
    assert list(section.speakers["worst_speaker"]) == ["jackson"]


def test_a_mean_over_fewer_speakers_is_not_compared(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", dict.fromkeys(SPEAKERS, 480))
    leave_one_out(tmp_path, "pot_qat", {"jackson": 590})
    (section,) = sections_of(tmp_path)
    missing = dict(zip(section.speakers["mode"], section.speakers["missing"], strict=True))
    assert missing == {"int8_ptq": (), "pot_qat": ("george", "theo")}
    assert list(section.points["series"]) == ["int8_ptq"]


def test_one_speaker_alone_is_a_split_as_any(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300})
    (section,) = sections_of(tmp_path)
    assert not section.several_speakers and len(section.speakers) == 1
    assert "mean of 1 seed;" in bars(section)


def test_only_settings_that_changed_are_shown(tmp_path: Path) -> None:
    trials = frame(collect_runs([grid(tmp_path)]))
    assert changed_columns(trials) == ["config.model.hidden_size", "config.quantization.name", "config.seed"]
    columns = trials_table(trials).columns
    assert columns[:5] == ("run", "state", "model.hidden_size", "quantization", "seed")
    assert "trainer.max_epochs" not in columns
