"""A frame and its results.csv hold what the records hold, to the last bit, and are the same whenever they are made."""

from __future__ import annotations

import copy
import io
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from fabricated_runs import blank_record, ended, finished, grid, run, write
from fsdd_lightning.reports.columns import flat_record
from fsdd_lightning.reports.document import build_document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsdd_lightning.errors import UserError
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.frame import DERIVED, LEADING, csv_bytes, frame, read_csv
from fsdd_lightning.reports.sections import sections
from fsdd_lightning.reports.tables import trials_table
from fsdd_lightning.runs.record import read_record, write_record


def written(*folders: Path, portable: bool = False) -> bytes:
    return csv_bytes(frame(collect_runs(folders)), portable)


def rows(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)


def test_there_is_a_row_for_every_run_with_all_its_fields(tmp_path: Path) -> None:
    grid(tmp_path)
    ended(tmp_path, "over_budget", "too large", "model.hidden_size=90")
    ended(tmp_path, "failed", "ValueError: x", "model.hidden_size=91")
    table = rows(written(tmp_path))
    assert len(table) == 20
    for _, row in table.iterrows():
        record = read_record(tmp_path / row["run"])
        for name, value in flat_record(record).items():
            text = row[name]
            if isinstance(value, bool) or value is None or isinstance(value, str):
                assert text == ("" if value is None else str(value))
            else:
                assert type(value)(text) == value  # not 8.0 for 8, and all digits of a float


def test_the_leading_columns_say_what_matters(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 3, 570)
    ended(tmp_path, "over_budget", "too large", "quantization=pot_qat", "model.hidden_size=90", "seed=4")
    (tmp_path / "broken").mkdir()
    table = rows(written(tmp_path))
    assert list(table.columns[: len(LEADING)]) == list(LEADING)
    done, over_budget, broken = (dict(row) for _, row in table.iterrows())
    assert (done["state"], done["mode"], done["hidden_size"], done["training_seed"]) == ("done", "int8_ptq", "8", "3")
    assert float(done["accuracy"]) == 570 / 600
    assert float(done["drop"]) == 590 / 600 - 570 / 600
    assert (over_budget["state"], over_budget["accuracy"], over_budget["hidden_size"]) == ("over_budget", "", "90")
    assert (broken["state"], broken["reason"]) == ("unreadable", "the folder is not a run folder: it holds no run.json")


def test_neither_order_nor_time_of_writing_matters(tmp_path: Path) -> None:
    one, other = tmp_path / "one" / "grid", tmp_path / "other" / "grid"
    grid(one)
    for folder in sorted(one.iterdir(), reverse=True):
        copy = other / folder.name
        copy.mkdir(parents=True)
        (copy / "run.json").write_bytes((folder / "run.json").read_bytes())
        os.utime(copy / "run.json", (1, 1))
    assert written(one) == written(one) == written(other)


def test_names_are_kept_whatever_they_hold(tmp_path: Path) -> None:
    record = finished((), {"float": 590, "integer": 580})
    record.name = 'a "b", c;\n=d\'e'
    record.notes = ["東京", "\ud800"]
    write(tmp_path / "x,y\n\"z'", record)
    (row,) = rows(written(tmp_path)).to_dict("records")
    assert (row["name"], row["run"]) == (record.name, "x,y\n\"z'")
    assert json.loads(row["notes"]) == record.notes


@pytest.mark.parametrize("portable", [True, False])
def test_a_portable_table_holds_no_folders_of_this_machine(tmp_path: Path, portable: bool) -> None:
    record = finished(("data.cache_dir=/home/me/cache", "seed=3"), {"float": 590, "integer": 580})
    record.error = "/home/me/x y/z.wav can't be read"
    write(tmp_path / "trial", record)
    content = written(tmp_path, portable=portable)
    assert (b"/home/me" in content) != portable
    if portable:
        (row,) = rows(content).to_dict("records")
        assert row["dataset.folder"] == "synthetic"
        assert json.loads(row["overrides"]) == ["data.cache_dir=cache", "seed=3"]
        assert row["config.data.archive_url"].startswith("https://github.com/")


def test_a_sweep_without_any_result_is_a_table_too(tmp_path: Path) -> None:
    write(tmp_path / "trial", blank_record())
    (row,) = rows(written(tmp_path)).to_dict("records")
    assert (row["state"], row["status"], row["accuracy"]) == ("interrupted", "interrupted", "")


def test_the_order_is_that_of_the_configurations(tmp_path: Path) -> None:
    words = [("int8_ptq", 16, 1), ("float32", 8, 10), ("int8_ptq", 8, 2), ("float32", 8, 9), ("pot_qat", 4, 1)]
    for mode, hidden, seed in words:
        run(tmp_path, mode, hidden, seed, 580)
    ended(tmp_path, "over_budget", "too large", "quantization=float32", "model.hidden_size=90")
    (tmp_path / "0_broken").mkdir()
    trials = list(frame(collect_runs([tmp_path]))["run"])
    assert trials == [
        "quantization=float32,model.hidden_size=8,seed=9",
        "quantization=float32,model.hidden_size=8,seed=10",
        "quantization=float32,model.hidden_size=90",
        "quantization=int8_ptq,model.hidden_size=8,seed=2",
        "quantization=int8_ptq,model.hidden_size=16,seed=1",
        "quantization=pot_qat,model.hidden_size=4,seed=1",
        "0_broken",
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"views": {}}, "lacks views"),
        ({"views": {"teeth": {"accuracy": 1.0, "correct": 1, "total": 1}}}, "lacks views"),
        ({"views": {"float": {"correct": 1, "total": 1}}}, "no usable views.float.accuracy"),
        ({"views": {"float": {"accuracy": None, "correct": 1, "total": 1}}}, "views.float.accuracy"),
        ({"views": {"float": {"accuracy": 1.5, "correct": 3, "total": 2}}}, "views.float.accuracy"),
        ({"views": {"float": {"accuracy": 0.5, "correct": 1, "total": 0}}}, "views.float.total"),
        ({"views": {"float": {"accuracy": 0.5, "correct": 590, "total": 600}}}, "accuracy is not correct/total"),
        ({"views": {"float": {"accuracy": 0.5, "correct": "1", "total": 2}}}, "views.float.correct"),
        ({"views": {"float": {"accuracy": 0.5, "correct": 1, "total": 2, "confusion": [[1, -1]]}}}, "confusion.0.1"),
        ({"memory": {"layers": 2, "hidden_size": 8}}, "no usable memory.flash_bytes"),
        ({"dataset": {}}, "no usable dataset.digest"),
        ({"config": {}}, "no usable config.quantization"),
        ({"config": {"quantization": "int8", "data": 3}}, "no usable config.quantization"),
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
    trials = frame(collect_runs([tmp_path])).set_index("run")
    assert trials.loc["odd", "state"] == "incomplete" and "done" in set(trials["state"])
    assert reason in trials.loc["odd", "reason"] and "\n" not in trials.loc["odd", "reason"]
    assert [list(section.trials["training_seed"]) for section in sections(trials.reset_index())] == [[1]]


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
    trials = frame(collect_runs([tmp_path]))
    assert len(trials_table(trials).rows) == 2
    assert any(1 in set(section.trials["training_seed"]) for section in sections(trials))


def test_a_frame_is_read_back_from_its_csv(tmp_path: Path) -> None:
    grid(tmp_path / "grid")
    speaker = ("split=unseen_speaker", "split.held_out=theo", "data.cache_dir='1e5'")  # not a number
    run(tmp_path / "grid", "int8_ptq", 8, 3, 570, *speaker)
    ended(tmp_path / "grid", "over_budget", "too large", "model.hidden_size=90")
    trials = frame(collect_runs([tmp_path / "grid"]))
    (tmp_path / "results.csv").write_bytes(csv_bytes(trials))
    read = read_csv(tmp_path / "results.csv")
    assert csv_bytes(read) == csv_bytes(trials)
    pd.testing.assert_frame_equal(read, trials.assign(folder=None).replace({"": None}), check_dtype=False)
    assert (read.dtypes == trials.dtypes).all()
    assert read["folder"].isna().all() and read["speaker"].dropna().tolist() == ["theo"]
    assert build_document(read).parts[0].summaries == build_document(trials).parts[0].summaries


def test_another_csv_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sweep,run\n1,2\n")
    with pytest.raises(UserError, match=r"a\.csv is no results\.csv of this program: it lacks the column state"):
        read_csv(tmp_path / "a.csv")


def test_columns_are_documented_and_typed(tmp_path: Path) -> None:
    trials = frame(collect_runs([grid(tmp_path, seeds=1)]))
    assert list(trials)[: len(LEADING)] == list(LEADING) and list(trials)[-len(DERIVED) :] == list(DERIVED)
    assert trials.groupby("mode")["accuracy"].mean()["float32"] == pytest.approx((533 + 565) / 2 / 600)
    assert str(trials["hidden_size"].dtype) == "Int64"


def test_configurations_are_equal_but_for_seed_speaker_and_budget(tmp_path: Path) -> None:
    variants: list[tuple[str, ...]] = [
        (), ("memory_budget=kb36",), ("split=unseen_speaker", "split.held_out=theo"),
        ("split=unseen_speaker", "split.held_out=lucas"), ("trainer.max_epochs=9",),
    ]  # fmt: skip
    for seed, words in enumerate(variants):
        run(tmp_path, "int8_ptq", 8, seed, 580, *words)
    trials = frame(collect_runs([tmp_path])).set_index("training_seed")
    same = trials["configuration"]
    assert same[0] == same[1] and same[2] == same[3] and len(set(same)) == 3
    assert trials["place"][0] == trials["place"][4] and trials["place"][2] == trials["place"][3]
    assert trials["place"].nunique() == 2
