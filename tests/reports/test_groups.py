"""What may be averaged is, what may not never is, and both can be seen."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from fabricated_runs import blank_record, ended, finished, grid, run, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.groups import Group, sort_into_groups
from fsdd_lightning.reports.points import Interval, Point, pareto_front, points_of
from fsdd_lightning.reports.results import Memory, ordered
from fsdd_lightning.reports.tables import (
    changed_keys,
    run_state,
    summary_table,
    trials_table,
)
from fsdd_lightning.runs.record import write_record

SPEAKERS = ("george", "jackson", "theo")


def groups_of(*folders: Path) -> tuple[Group, ...]:
    return sort_into_groups(ordered(collect_runs(folders))).groups


def test_seeds_are_put_together_and_nothing_else(tmp_path: Path) -> None:
    (group,) = groups_of(grid(tmp_path))
    assert len(group.summaries) == 6
    assert {summary.accuracy.n for summary in group.summaries} == {3}
    means = {
        (each.first.plan.mode, each.first.plan.memory.hidden_size): round(600 * each.accuracy.mean)
        for each in group.summaries
    }
    assert means == {
        ("float32", 8): 534,
        ("float32", 16): 566,
        ("int8_ptq", 8): 531,
        ("int8_ptq", 16): 563,
        ("pot_qat", 8): 528,
        ("pot_qat", 16): 560,
    }


@pytest.mark.parametrize("words", [("split.seed=43",), ("split=official",), ("split.test_fraction=0.3",)])
def test_another_split_is_another_group(tmp_path: Path, words: tuple[str, ...]) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    run(tmp_path, "int8_ptq", 8, 2, 500, *words)
    groups = groups_of(tmp_path)
    assert sorted(summary.accuracy.n for group in groups for summary in group.summaries) == [1, 1]
    assert len(groups) == 2


def test_another_dataset_is_another_group(tmp_path: Path) -> None:
    for name, digest in (("a", "d1" * 32), ("b", "d2" * 32)):
        write(tmp_path / name, finished((f"seed={len(name)}",), {"float": 590, "integer": 580}, digest))
    assert [len(group.summaries) for group in groups_of(tmp_path)] == [1, 1]


def test_the_same_cell_twice_is_one_sample(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        run(tmp_path / sweep, "int8_ptq", 8, 1, 580)
    run(tmp_path / "b", "int8_ptq", 8, 2, 581)
    (group,) = groups_of(tmp_path / "a", tmp_path / "b")
    assert [summary.seeds for summary in group.summaries] == [(1, 2)]
    assert len(group.notes) == 1 and "with the same result" in group.notes[0]


def test_the_same_cell_with_another_result_is_said(tmp_path: Path) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 580)
    again = run(tmp_path / "b", "int8_ptq", 8, 1, 570)
    (group,) = groups_of(tmp_path / "a", tmp_path / "b")
    assert [summary.accuracy.mean for summary in group.summaries] == [580 / 600]
    assert group.notes == (
        f"b/{again.name} repeats a/{again.name} with another result; only the first is counted",
    )


def test_a_network_that_fits_two_budgets_is_one_network(tmp_path: Path) -> None:
    for budget in ("kb8", "kb36"):
        run(tmp_path, "int8_ptq", 8, 1, 580, f"memory_budget={budget}")
    (group,) = groups_of(tmp_path)
    assert len(group.summaries) == 1
    assert group.budgets == (8 * 1024, 36 * 1024)
    table = summary_table(group)
    assert table.rows[0][table.columns.index("budget")].text == "kb8, kb36"


def test_refused_cells_stand_with_those_of_their_data_and_split(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    ended(tmp_path, "over_budget", "too large", "quantization=float32", "model.hidden_size=90")
    ended(
        tmp_path, "over_budget", "too large", "quantization=float32", "model.hidden_size=90", "split=official"
    )
    (group,) = groups_of(tmp_path)
    assert [plan.memory.hidden_size for plan in group.unfinished] == [90]
    assert points_of(group).blanks == {("float32", 90): "over_budget"}


def test_variants_are_named_by_what_differs_within_a_mode(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    run(tmp_path, "int8_ptq", 8, 1, 581, "model.layers=1")
    run(tmp_path, "pot_qat", 8, 1, 570, "trainer.max_epochs=9", "model.layers=1")
    (group,) = groups_of(tmp_path)
    labels = {group.label(summary.first.plan) for summary in group.summaries}
    assert labels == {"int8_ptq, layers=1", "int8_ptq, layers=2", "pot_qat, layers=1"}


def test_several_versions_of_the_code_are_said(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    other = finished(
        ("quantization=int8_ptq", "model.hidden_size=8", "seed=2"), {"float": 590, "integer": 500}
    )
    other.git = {"commit": "ab" * 20, "dirty": True}
    write(tmp_path / "other", other)
    runs = ordered(collect_runs([tmp_path]))
    (group,) = sort_into_groups(runs).groups
    assert group.notes == ("these trials were made by 2 versions of the code (abababab" + "ab, c0c0c0c0c0)",)
    assert {"git.commit", "git.dirty"} <= set(changed_keys(runs))


def leave_one_out(folder: Path, mode: str, correct: dict[str, int], seed: int = 1) -> None:
    for speaker, count in correct.items():
        run(folder, mode, 8, seed, count, "split=unseen_speaker", f"split.held_out={speaker}")


def test_speakers_are_a_dimension_of_one_group(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300, "jackson": 480, "theo": 420})
    leave_one_out(tmp_path, "int8_ptq", {"george": 360}, seed=2)
    (group,) = groups_of(tmp_path)
    assert group.several_speakers
    assert len(group.summaries) == 3  # no two voices are averaged among the results over seeds
    (speakers,) = group.speakers
    assert speakers.accuracies == pytest.approx({"george": 0.55, "jackson": 0.8, "theo": 0.7})
    assert (speakers.worst, speakers.missing) == ("george", ())
    assert speakers.mean == pytest.approx((0.55 + 0.8 + 0.7) / 3)
    assert speakers.spread == pytest.approx(0.25)
    (point,) = points_of(group).points
    assert (point.accuracy.low, point.accuracy.high) == pytest.approx((0.55, 0.8))


def test_a_mean_over_fewer_voices_is_not_compared(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", dict.fromkeys(SPEAKERS, 480))
    leave_one_out(tmp_path, "pot_qat", {"jackson": 590})
    (group,) = groups_of(tmp_path)
    missing = {each.plan.mode: each.missing for each in group.speakers}
    assert missing == {"int8_ptq": (), "pot_qat": ("george", "theo")}
    assert points_of(group).series == ["int8_ptq"]


def test_one_voice_alone_is_a_split_as_any(tmp_path: Path) -> None:
    leave_one_out(tmp_path, "int8_ptq", {"george": 300})
    (group,) = groups_of(tmp_path)
    assert not group.several_speakers and len(group.speakers) == 1
    assert "mean of 1 seed;" in points_of(group).bars


def test_the_order_is_that_of_the_configurations(tmp_path: Path) -> None:
    words = [
        ("int8_ptq", 16, 1),
        ("float32", 8, 10),
        ("int8_ptq", 8, 2),
        ("float32", 8, 9),
        ("pot_qat", 4, 1),
    ]
    for mode, hidden, seed in words:
        run(tmp_path, mode, hidden, seed, 580)
    ended(tmp_path, "over_budget", "too large", "quantization=float32", "model.hidden_size=90")
    (tmp_path / "0_broken").mkdir()
    trials = [each.folder.name for each in ordered(collect_runs([tmp_path]))]
    assert trials == [
        "quantization=float32,model.hidden_size=8,seed=9",
        "quantization=float32,model.hidden_size=8,seed=10",
        "quantization=float32,model.hidden_size=90",
        "quantization=int8_ptq,model.hidden_size=8,seed=2",
        "quantization=int8_ptq,model.hidden_size=16,seed=1",
        "quantization=pot_qat,model.hidden_size=4,seed=1",
        "0_broken",
    ]


def test_only_what_changed_is_shown_of_the_settings(tmp_path: Path) -> None:
    runs = ordered(collect_runs([grid(tmp_path)]))
    assert changed_keys(runs) == ["config.model.hidden_size", "config.quantization.name", "config.seed"]
    columns = trials_table(runs).columns
    assert columns[:5] == ("run", "state", "model.hidden_size", "quantization", "seed")
    assert "trainer.max_epochs" not in columns


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"views": {}}, "lacks views"),
        ({"views": {"teeth": {"accuracy": 1.0, "correct": 1, "total": 1}}}, "lacks views"),
        ({"views": {"float": {"correct": 1, "total": 1}}}, "no usable views.float.accuracy"),
        ({"views": {"float": {"accuracy": None, "correct": 1, "total": 1}}}, "views.float.accuracy"),
        ({"views": {"float": {"accuracy": 1.5, "correct": 3, "total": 2}}}, "views.float.accuracy"),
        ({"views": {"float": {"accuracy": 0.5, "correct": 1, "total": 0}}}, "views.float.total"),
        ({"views": {"float": {"accuracy": 0.5, "correct": 590, "total": 600}}}, "not correct/total"),
        ({"memory": {}}, "no usable memory.flash_bytes"),
        ({"dataset": {}}, "lacks dataset.digest"),
        ({"config": {}}, "lacks config.quantization.name"),
        ({"config": {"quantization": "int8", "data": 3}}, "lacks config.quantization.name"),
    ],
    ids=str,
)
def test_a_finished_run_without_usable_numbers_is_left_out_by_name(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    record = finished(("seed=2",), {"float": 590, "integer": 580})
    for name, value in change.items():
        setattr(record, name, copy.deepcopy(value))
    write(tmp_path / "odd", record)
    runs = ordered(collect_runs([tmp_path]))
    placed = sort_into_groups(runs)
    ((odd, why),) = placed.incomplete
    assert (odd.folder.name, run_state(odd)) == ("odd", "incomplete")
    assert reason in why and "\n" not in why
    assert [summary.seeds for group in placed.groups for summary in group.summaries] == [(1,)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
BLOCKS = st.sampled_from(["config", "views", "memory", "dataset", "split", "git", "training", "versions"])
KEYS = ["data", "split", "quantization", "name", "float", "integer", "flash_bytes", "digest", "hidden_size"]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    block=BLOCKS,
    content=st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), json_values, max_size=4),
    keep=st.booleans(),
    status=st.sampled_from(["done", "over_budget", "failed", "somehow"]),
)
def test_whatever_a_record_holds_the_others_are_reported(
    tmp_path: Path, block: str, content: dict[str, object], keep: bool, status: str
) -> None:
    good, odd = tmp_path / "good", tmp_path / "odd"
    if not good.exists():
        write(good, finished((), {"float": 590, "integer": 580}))
        write(odd, blank_record())
    record = finished(("seed=2",), {"float": 590, "integer": 570})
    record.status = status
    setattr(record, block, {**(getattr(record, block) if keep else {}), **content})
    try:
        write_record(record, odd)
    except UnicodeEncodeError:
        return
    runs = ordered(collect_runs([tmp_path]))
    assert len(trials_table(runs).rows) == 2
    assert any(
        each.first.plan.seed == 1 for group in sort_into_groups(runs).groups for each in group.summaries
    )


def point(flash_bytes: int, accuracy: float) -> Point:
    memory = Memory(flash_bytes, 1, 1, 1, 8, 2)
    return Point("any", memory, Interval(accuracy, accuracy, accuracy), None)


def test_no_point_of_the_front_is_beaten() -> None:
    best = [point(10, 0.5), point(20, 0.8), point(40, 0.9)]
    beaten = [point(10, 0.4), point(20, 0.7), point(30, 0.8), point(99, 0.9)]
    assert pareto_front([*beaten, *best]) == best
    assert pareto_front([]) == []
