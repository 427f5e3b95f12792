"""Results that may be averaged are, those that may not never are, and means and intervals are right."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from fabricated_runs import ended, finished, frame_of, grid, learning_curve, leave_one_out, run, section_of, write

from fsdd_lightning.evaluation.scores import wilson_interval
from fsdd_lightning.reports.columns import changed_columns, others_table, summary_table, trials_table
from fsdd_lightning.reports.figures import bars
from fsdd_lightning.reports.sections import sections
from fsdd_lightning.reports.summaries import accuracy_estimate, mean_estimate, over_corpora

SPEAKERS = ("george", "jackson", "theo")
T2 = 4.302652729911275 / 3**0.5  # t(0.975, 2) from a table, for three values
HALF = 0.02 * T2


def two_datasets(folder: Path) -> None:
    for name, digest in (("a", "d1" * 32), ("b", "d2" * 32)):
        write(folder / name, finished((), {"float": 590, "integer": 580}, digest))


def test_seeds_are_put_together_and_nothing_else(tmp_path: Path) -> None:
    summary = section_of(grid(tmp_path)).summary
    assert list(summary["seeds"]) == [3] * 6
    means = summary.pivot(index="mode", columns="hidden_size", values="accuracy").mul(600).round()
    assert means.to_dict("split")["data"] == [[534, 566], [531, 563], [528, 560]]
    assert list(means.index) == ["float32", "int8_ptq", "pot_qat"] and list(means) == [8, 16]


@pytest.mark.parametrize("words", ["split.seed=43", "split=official", "split.test_fraction=0.3"])
def test_another_split_is_another_section(tmp_path: Path, words: str) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    run(tmp_path, "int8_ptq", 8, 2, 500, words)
    assert [list(section.summary["seeds"]) for section in sections(frame_of(tmp_path))] == [[1], [1]]


def test_another_dataset_is_another_section(tmp_path: Path) -> None:
    two_datasets(tmp_path)
    ended(tmp_path, "over_budget", "too large", "model.hidden_size=90")  # of either, so it stands with none
    found = sections(frame_of(tmp_path))
    assert [(section.digest[:2], len(section.unfinished)) for section in found] == [("d1", 0), ("d2", 0)]


def test_the_same_trial_twice_is_one_sample(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        run(tmp_path / sweep, "int8_ptq", 8, 1, 580)
    run(tmp_path / "b", "int8_ptq", 8, 2, 581)
    section = section_of(tmp_path / "a", tmp_path / "b")
    assert list(section.trials["training_seed"]) == [1, 2]
    assert section.notes == (
        "1 run repeats a network of another sweep or budget with the same result; each network is counted once",
    )


def test_the_same_trial_with_another_result_is_noted(tmp_path: Path) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 580)
    name = run(tmp_path / "b", "int8_ptq", 8, 1, 570).name
    section = section_of(tmp_path / "a", tmp_path / "b")
    assert list(section.summary["accuracy"]) == [580 / 600]
    assert section.notes == (f"b/{name} repeats a/{name} with another result; only the first is counted",)


def test_a_network_that_fits_two_budgets_is_one_network(tmp_path: Path) -> None:
    for budget in ("kb8", "kb36"):
        run(tmp_path, "int8_ptq", 8, 1, 580, f"memory_budget={budget}")
    section = section_of(tmp_path)
    assert section.budgets == (8 * 1024, 36 * 1024)
    assert summary_table(section)["budget"].texts == ["kb8, kb36"]


def test_trials_over_budget_stand_with_those_of_their_data_and_split(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    large = ("quantization=float32", "model.hidden_size=90", "memory_budget=kb8")
    ended(tmp_path, "over_budget", "too large", *large)
    ended(tmp_path, "over_budget", "too large", *large, "split=official")
    section = section_of(tmp_path)
    unfinished = section.unfinished[["series", "hidden_size", "state"]].values.tolist()
    assert (unfinished, section.budgets) == ([["float32", 90, "over_budget"]], (8 * 1024,))


def test_variants_are_named_by_what_differs_within_a_mode(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    run(tmp_path, "int8_ptq", 8, 1, 581, "model.layers=1")
    run(tmp_path, "pot_qat", 8, 1, 570, "trainer.max_epochs=9", "model.layers=1")
    series = ["int8_ptq, layers=1", "int8_ptq, layers=2", "pot_qat, layers=1"]
    assert list(section_of(tmp_path).summary["series"]) == series


def test_several_kinds_of_processor_are_noted(tmp_path: Path) -> None:
    for seed, (kind, vectors) in enumerate((("Intel 6 85", "AVX-512"), ("AMD 25 1", "AVX2"), ("AMD 25 1", "AVX2"))):
        record = finished(("quantization=int8_ptq", f"seed={seed}"), {"float": 590, "integer": 580})
        record.machine = {"kind": kind, "vectors": vectors}
        write(tmp_path / str(seed), record)
    write(tmp_path / "old", finished(("quantization=int8_ptq", "seed=7"), {"float": 590, "integer": 580}))
    (note,) = section_of(tmp_path).notes
    assert note.startswith(
        "these trials were trained on 2 kinds of processor (2 on AMD 25 1 with AVX2, 1 on Intel 6 85"
    )
    assert note.endswith("with AVX-512): a rerun may differ in float training")


def test_portable_runs_of_several_processors_are_alike(tmp_path: Path) -> None:
    for seed, kind in enumerate(("Intel 6 85", "AMD 25 1")):
        words = ("quantization=int8_ptq", f"seed={seed}", "trainer.portable=true")
        record = finished(words, {"float": 590, "integer": 580})
        record.machine = {"kind": kind, "vectors": "AVX2"}
        write(tmp_path / str(seed), record)
    assert section_of(tmp_path).notes == ()


def test_several_versions_of_the_code_are_noted(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    other = finished(("quantization=int8_ptq", "model.hidden_size=8", "seed=2"), {"float": 590, "integer": 500})
    other.git = {"commit": "ab" * 20, "dirty": True}
    write(tmp_path / "other", other)
    note = "these trials were made by 2 versions of the code (ababababab, c0c0c0c0c0)"
    assert section_of(tmp_path).notes == (note,)
    assert {"git.commit", "git.dirty"} <= set(changed_columns(frame_of(tmp_path)))


def test_speakers_are_a_dimension_of_one_section(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300, "jackson": 480, "theo": 420})
    leave_one_out(tmp_path, "int8_ptq", {"george": 360}, seed=2)
    section = section_of(tmp_path)
    assert section.several_speakers
    assert list(section.summary["speaker"]) == list(SPEAKERS)  # no two are averaged over seeds
    (row,) = section.speakers.to_dict("records")
    assert row["voices"] == pytest.approx({"george": 0.55, "jackson": 0.8, "theo": 0.7})
    assert (row["worst_speaker"], row["missing"], row["fewest_seeds"], row["seeds"]) == ("george", (), 1, 2)
    half = T2 * row["std"]  # the three speakers are the sample
    expected = {"accuracy": 2.05 / 3, "low": 2.05 / 3 - half, "high": min(2.05 / 3 + half, 1.0)}
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert (row["kind"], row["worst"], row["spread"]) == ("t", pytest.approx(0.55), pytest.approx(0.25))
    assert bars(section) == "mean over held-out speakers; bars: 95 % interval (Student t over speakers)"


def test_training_speakers_are_a_variant_within_one_section(tmp_path: Path) -> None:
    section = section_of(learning_curve(tmp_path, ("int8_ptq",)))
    assert list(section.speakers["series"]) == [f"int8_ptq, train_speakers={heard}" for heard in (1, 2, 4)]
    assert list(section.speakers["curve"]) == ["int8_ptq"] * 3
    assert list(section.speakers["train_speakers"]) == [1, 2, 4]
    assert list(section.speakers["accuracy"]) == pytest.approx([(310 + 40 * heard) / 600 for heard in (1, 2, 4)])


def test_clips_are_counted_from_the_fewest_to_the_most(tmp_path: Path) -> None:
    for heard, clips in ((1, 475), (2, 1900)):
        words = ("split=unseen_speaker", f"split.train_speakers={heard}")
        record = finished(words, {"float": 500, "integer": 500})
        record.split["train"] = clips
        write(tmp_path / str(heard), record)
    assert section_of(tmp_path).facts[-1] == "clips: 475–1900 train, 240 val, 600 test"


def test_two_speakers_have_no_interval(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300, "theo": 420})
    section = section_of(tmp_path)
    (row,) = section.points.to_dict("records")
    assert (row["low"], row["accuracy"], row["high"], row["kind"]) == (0.6, 0.6, 0.6, "")
    assert bars(section) == "mean over held-out speakers; bars: none"


def test_of_speakers_that_are_as_bad_the_first_is_named(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"theo": 300, "jackson": 300, "lucas": 400})
    assert list(section_of(tmp_path).speakers["worst_speaker"]) == ["jackson"]


def test_a_mean_over_fewer_speakers_is_not_compared(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", dict.fromkeys(SPEAKERS, 480))
    leave_one_out(tmp_path, "pot_qat", {"jackson": 590})
    section = section_of(tmp_path)
    missing = dict(zip(section.speakers["mode"], section.speakers["missing"], strict=True))
    assert missing == {"int8_ptq": (), "pot_qat": ("george", "theo")}
    assert list(section.points["series"]) == ["int8_ptq"]


def test_one_speaker_alone_is_a_split_as_any(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300})
    section = section_of(tmp_path)
    assert not section.several_speakers and len(section.speakers) == 1
    assert "mean of 1 seed;" in bars(section)


def test_only_settings_that_changed_are_shown(tmp_path: Path) -> None:
    trials = frame_of(grid(tmp_path))
    assert changed_columns(trials) == ["config.model.hidden_size", "config.quantization.name", "config.seed"]
    columns = list(trials_table(trials))
    assert columns[:5] == ["run", "state", "model.hidden_size", "quantization", "seed"]
    assert "trainer.max_epochs" not in columns


def test_an_unheard_voice_has_a_column_where_a_second_network_was_tested_on_it(tmp_path: Path) -> None:
    """It makes no other network of the first: runs with and without it are one row of the summary."""
    for seed, unheard in ((1, {}), (2, {"speaker": "theo", "correct": 45, "total": 60, "accuracy": 0.75})):
        words = (f"seed={seed}", *(("evaluation.unheard_speaker=any",) if unheard else ()))
        record = finished(words, {"float": 590, "integer": 580})
        record.unheard = unheard
        write(tmp_path / str(seed), record)
        trials = frame_of(tmp_path)
        assert ("unheard voice %" in trials_table(trials)) == bool(unheard)
    assert trials_table(trials)["unheard voice %"].texts == ["", "75.00"]
    assert section_of(tmp_path).summary["seeds"].tolist() == [2]


def test_three_seeds_have_students_interval() -> None:
    estimate = accuracy_estimate([(90, 100), (92, 100), (94, 100)])
    assert estimate[:4] == pytest.approx((0.92, 0.02, 0.92 - HALF, 0.92 + HALF))
    assert estimate.kind == "t"


def test_an_interval_of_accuracies_ends_at_0_and_1() -> None:
    estimate = accuracy_estimate([(100, 100), (90, 100), (100, 100)])
    assert (estimate.low < 0.9, estimate.high) == (True, 1.0)
    estimate = accuracy_estimate([(0, 100), (10, 100), (0, 100)])
    assert (estimate.low, estimate.high > 0.1) == (0.0, True)


@pytest.mark.parametrize(
    ("counts", "correct"), [([(590, 600)], 590), ([(590, 600), (580, 600)], 585), ([(585, 600)] * 5, 585)]
)
def test_one_seed_or_two_or_equal_ones_count_the_clips_once(counts: list[tuple[int, int]], correct: int) -> None:
    estimate = accuracy_estimate(counts)
    assert (estimate.low, estimate.high) == wilson_interval(correct, 600)
    assert (estimate.mean, estimate.kind) == (correct / 600, "Wilson")
    assert (estimate.std is None) == (len(counts) == 1)


@pytest.mark.parametrize("correct", [0, 1, 599, 600])
def test_the_mean_lies_within_its_interval(correct: int) -> None:
    for counts in ([(correct, 600), (600 - correct, 600)], [(correct, 600)]):
        estimate = accuracy_estimate(counts)
        assert estimate.low <= estimate.mean <= estimate.high


def test_a_difference_needs_three_values_for_an_interval() -> None:
    assert mean_estimate([0.01]).kind == mean_estimate([0.01, 0.03]).kind == ""
    estimate = mean_estimate([-0.01, 0.01, 0.03])
    assert (estimate.low, estimate.mean, estimate.high) == pytest.approx((0.01 - HALF, 0.01, 0.01 + HALF))


def test_a_summary_is_about_what_is_deployed(tmp_path: Path) -> None:
    for seed, correct in ((3, 580), (1, 570), (2, 575)):
        run(tmp_path / "int8", "int8_ptq", 8, seed, correct)
    run(tmp_path / "float", "float32", 8, 1, 580)
    alone, row = section_of(tmp_path).summary.to_dict("records")
    expected = {"accuracy": 575 / 600, "macro_f1": 575 / 600, "float": 590 / 600, "drop": 15 / 600}
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert (row["seeds"], row["deployed_backend"]) == (3, "integer")
    assert (alone["deployed_backend"], alone["accuracy"]) == ("float", 580 / 600)
    assert pd.isna(alone["drop"]) and pd.isna(alone["drop_low"])  # a float network has none


def test_scores_that_some_seeds_lack_are_means_of_the_others(tmp_path: Path) -> None:
    for seed in (1, 2):
        record = finished(("quantization=int8_ptq", f"seed={seed}"), {"float": 590, "integer": 580})
        if seed == 2:
            record.views = {"integer": {"accuracy": 0.5, "correct": 300, "total": 600}}
        write(tmp_path / str(seed), record)
    (row,) = section_of(tmp_path).summary.to_dict("records")
    assert (row["float"], row["macro_f1"], row["drop"]) == pytest.approx((590 / 600, 580 / 600, 10 / 600))
    assert row["accuracy"] == pytest.approx(440 / 600)


# ---- people never heard


def measured(folder: Path, mode: str, seed: int, mean: float, worst: str, *ways: str) -> None:
    words = (f"quantization={mode}", "model.hidden_size=8", f"seed={seed}")
    record = finished(words, {"float": 590, "integer": 580})
    record.confidence = {"ece": 0.08}
    groups = {"count": 5, "mean": mean, "ci95": [mean - 0.1, mean + 0.1], "worst": mean / 2, "worst_name": worst}
    way = {"recordings": 200, "found": 190, "groups": groups, "people": {"mean": 0.5}, "ece": 0.1 * seed}
    record.others = {"v0.1 people": {name: way | {"by_speaker": {"ann": [3, 4]}} for name in ways}}
    record.others["v0.1 people"]["heard"]["rejecting"] = {"groups": {"mean": mean - 0.05}}
    write(folder / f"{mode}{seed}", record)


def test_people_never_heard_are_averaged_over_seeds(tmp_path: Path) -> None:
    measured(tmp_path, "int8_ptq", 1, 0.6, "voice2", "heard", "alone")
    measured(tmp_path, "int8_ptq", 2, 0.7, "voice4", "heard", "alone")
    measured(tmp_path, "int4_qat", 1, 0.5, "voice2", "heard")
    run(tmp_path, "int8_ptq", 16, 1, 570)  # not measured
    trials = frame_of(tmp_path)
    assert "others.v0.1 people.heard.groups.mean" in trials and "others.v0.1 people.heard.groups.worst" in trials
    assert set(trials["others.v0.1 people.heard.by_speaker"].dropna()) == {'{"ann": [3, 4]}'}
    section = section_of(tmp_path)
    rows = section.others
    assert list(zip(rows["mode"], rows["corpus"], rows["way"], rows["seeds"], strict=True)) == [
        ("int4_qat", "v0.1 people", "heard", 1),
        ("int8_ptq", "v0.1 people", "heard", 2),
        ("int8_ptq", "v0.1 people", "alone", 2),
    ]
    both = rows.iloc[1]
    assert (both["mean"], both["worst"], both["found"]) == pytest.approx((0.65, 0.325, 0.95))
    assert (both["accepted"], both["ece"], both["own_ece"]) == pytest.approx((0.6, 0.15, 0.08))
    assert (both["worst_name"], rows["worst_name"].iloc[0]) == ("voice2, voice4", "voice2")
    table = others_table(section)
    assert table["way"].texts == ["through the listener", "through the listener", "clips alone"]
    assert table["mean %"].texts == ["50.00", "65.00", "65.00"] and table["accepted %"].texts[2] == ""
    assert not any(name.startswith("surest") for name in table)  # of which these records know nothing


def test_where_nobody_was_measured_there_is_no_table(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 570)
    section = section_of(tmp_path)
    assert over_corpora(section.trials).empty and others_table(section) == {}
