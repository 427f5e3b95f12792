"""A frame and its results.csv hold what the records hold, to the last bit, and are the same whenever they are made."""

from __future__ import annotations

import copy
import functools
import io
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from fabricated_runs import blank_record, ended, finished, frame_of, grid, run, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsdd_lightning.config.load import content_hash, flat_config
from fsdd_lightning.errors import UserError
from fsdd_lightning.reports.columns import trials_table
from fsdd_lightning.reports.frame import DERIVED, LEADING, csv_bytes, read_csv
from fsdd_lightning.reports.page import build_document
from fsdd_lightning.reports.rows import flat, is_deciding, natural
from fsdd_lightning.reports.sections import differing, sections
from fsdd_lightning.runs.record import read_record, write_record

# Of the default config, whose features are integer: those of other features have other columns.
LEAVES = sorted(flat_config(blank_record().config))
VOLATILE = ["started", "training.float.reused", "training.float.run", "timings_s.total"]


def written(*folders: Path, portable: bool = False) -> list[dict[str, str]]:
    """The texts of results.csv."""
    content = csv_bytes(frame_of(*folders), portable)
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    return [{str(name): text for name, text in row.items()} for row in table.to_dict("records")]


def test_there_is_a_row_for_every_run_with_all_its_fields(tmp_path: Path) -> None:
    grid(tmp_path)
    ended(tmp_path, "over_budget", "too large", "model.hidden_size=90")
    ended(tmp_path, "failed", "ValueError: x", "model.hidden_size=91")
    rows = written(tmp_path)
    assert len(rows) == 20
    for row in rows:
        record = {
            name: value
            for name, value in vars(read_record(tmp_path / row["run"])).items()
            if name not in ("digests", "owns")
        }
        for name, value in flat(record):
            if isinstance(value, bool) or value is None or isinstance(value, str):
                assert row[name] == ("" if value is None else str(value))
            else:
                assert type(value)(row[name]) == value  # not 8.0 for 8, and all digits of a float


def test_every_field_of_a_record_has_a_column() -> None:
    row = dict(flat(vars(finished(("seed=3",), {"float": 590, "integer": 580}))))
    assert {f"config.{key}" for key in LEAVES} <= row.keys()
    assert (row["seed"], row["views.integer.correct"], row["timings_s.total"]) == (3, 580, 1.5)
    assert row["views.float.ci95_low"] < 590 / 600 < row["views.float.ci95_high"]
    assert json.loads(row["views.float.confusion"])[0][0] > 0
    assert json.loads(row["overrides"]) == ["seed=3"]


def test_the_leading_columns_hold_what_matters(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 3, 570)
    ended(tmp_path, "over_budget", "too large", "quantization=pot_qat", "model.hidden_size=90", "seed=4")
    write(tmp_path / "killed", blank_record())
    (tmp_path / "broken").mkdir()
    rows = {row["state"]: list(row.items()) for row in written(tmp_path)}
    expected = {
        "done": (("int8_ptq", "2", "8", "unlimited", "3", "integer"), "", str(570 / 600), str(590 / 600 - 570 / 600)),
        "over_budget": (("pot_qat", "2", "90", "unlimited", "4", ""), "too large", "", ""),
        "interrupted": (None, "killed: it left no end in its record", "", ""),
        "unreadable": (("",) * 6, "the folder is not a run folder: it holds no run.json", "", ""),
    }
    assert rows.keys() == expected.keys()
    for state, (plan, reason, accuracy, drop) in expected.items():
        names, (_, _, _, its_reason, *its_plan, its_accuracy, its_drop) = zip(*rows[state][:12], strict=True)
        assert list(names) == list(LEADING)
        assert (its_reason, its_accuracy, its_drop) == (reason, accuracy, drop)
        assert plan is None or tuple(its_plan) == plan
    assert dict(rows["interrupted"])["status"] == "interrupted"


def test_columns_are_in_an_order_of_names_and_typed(tmp_path: Path) -> None:
    trials = frame_of(grid(tmp_path, seeds=1))
    names = list(trials)
    assert names[: len(LEADING)] == list(LEADING) and names[-len(DERIVED) :] == list(DERIVED)
    fields = names[len(LEADING) : -len(DERIVED)]
    assert fields[:2] == ["name", "overrides"] and fields[-len(VOLATILE) :] == VOLATILE
    for group in ("config.", "views."):
        inner = [at for at, name in enumerate(fields) if name.startswith(group)]
        assert inner == list(range(inner[0], inner[-1] + 1))
        assert fields[inner[0] : inner[-1] + 1] == sorted((fields[at] for at in inner), key=natural)
    assert trials.groupby("mode")["accuracy"].mean()["float32"] == pytest.approx((533 + 565) / 2 / 600)
    assert str(trials["hidden_size"].dtype) == "Int64"


def reversed_keys(value: object) -> object:
    return {key: reversed_keys(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


def test_neither_order_nor_time_of_writing_matters(tmp_path: Path) -> None:
    one, other = tmp_path / "one" / "grid", tmp_path / "other" / "grid"
    grid(one)
    for folder in sorted(one.iterdir(), reverse=True):
        (other / folder.name).mkdir(parents=True)
        record = json.loads((folder / "run.json").read_text())
        (other / folder.name / "run.json").write_text(json.dumps(reversed_keys(record)))
        os.utime(other / folder.name / "run.json", (1, 1))
    assert csv_bytes(frame_of(one)) == csv_bytes(frame_of(one)) == csv_bytes(frame_of(other))


def test_names_are_kept_whatever_they_hold_but_on_one_line(tmp_path: Path) -> None:
    record = finished((), {"float": 590, "integer": 580})
    record.name = 'a "b", c;\n=d\'e'
    record.notes = ["東京", "\ud800"]
    write(tmp_path / "x,y\n\"z'", record)
    (row,) = written(tmp_path)
    assert (row["name"], row["run"]) == (record.name.replace("\n", r"\n"), r"x,y\n" + "\"z'")
    assert json.loads(row["notes"]) == record.notes


@pytest.mark.parametrize("portable", [True, False])
def test_a_portable_table_holds_no_folders_of_this_machine(tmp_path: Path, portable: bool) -> None:
    record = finished(("data.cache_dir=/home/me/cache", "seed=3"), {"float": 590, "integer": 580})
    record.error = "/home/me/x y/z.wav can't be read"
    write(tmp_path / "trial", record)
    (row,) = written(tmp_path, portable=portable)
    assert ("/home/me" in str(row)) != portable
    if portable:
        assert row["dataset.folder"] == "synthetic"
        assert json.loads(row["overrides"]) == ["data.cache_dir=cache", "seed=3"]
        assert row["config.data.archive_url"].startswith("https://github.com/")


def test_rows_are_in_the_order_of_the_configurations(tmp_path: Path) -> None:
    for mode, hidden, seed in (
        *(("int8_ptq", 16, 1), ("float32", 8, 10), ("int8_ptq", 8, 2), ("float32", 8, 9), ("pot_qat", 4, 1)),
    ):
        run(tmp_path, mode, hidden, seed, 580)
    ended(tmp_path, "over_budget", "too large", "quantization=float32", "model.hidden_size=90")
    (tmp_path / "0_broken").mkdir()
    assert list(frame_of(tmp_path)["run"]) == [
        "quantization=float32,model.hidden_size=8,seed=9",
        "quantization=float32,model.hidden_size=8,seed=10",
        "quantization=float32,model.hidden_size=90",
        "quantization=int8_ptq,model.hidden_size=8,seed=2",
        "quantization=int8_ptq,model.hidden_size=16,seed=1",
        "quantization=pot_qat,model.hidden_size=4,seed=1",
        "0_broken",
    ]


def test_numbers_in_names_count() -> None:
    assert sorted(["h16", "h8", "a10b2", "a9b3", "h"], key=natural) == ["a9b3", "a10b2", "h", "h8", "h16"]
    sorted(["²", "9" * 5000, "٣", "", "1a", "a1"], key=natural)  # digits that are no ASCII digits


def of_float(**view: object) -> dict[str, object]:
    return {"views": {"float": {"accuracy": 0.5, "correct": 1, "total": 2, **view}}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"views": {}}, "lacks views"),
        ({"views": {"teeth": {"accuracy": 1.0, "correct": 1, "total": 1}}}, "lacks views"),
        ({"views": {"float": {"correct": 1, "total": 1}}}, "no usable views.float.accuracy"),
        (of_float(total=0), "views.float.total"),
        (of_float(correct=590, total=600), "accuracy is not correct/total"),
        ({"memory": {"layers": 2, "hidden_size": 8}}, "no usable memory.flash_bytes"),
        ({"dataset": {}}, "no usable dataset.digest"),
        ({"config": {}}, "no usable config.quantization"),
    ],
    ids=str,
)
def test_a_finished_run_without_usable_numbers_is_left_out_by_name(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    _is_left_out(tmp_path, change, "incomplete", reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (of_float(accuracy=None), "views.float.accuracy"),
        (of_float(accuracy=1.5, correct=3), "views.float.accuracy"),
        (of_float(correct="1"), "views.float.correct"),
        (of_float(confusion=[[1, -1]]), "confusion.0.1"),
        ({"config": {"quantization": "int8"}}, "config.quantization"),
        ({"config": {"data": 3}}, "config.data"),
    ],
    ids=str,
)
def test_a_run_whose_record_has_wrong_types_is_unreadable(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    _is_left_out(tmp_path, change, "unreadable", reason)


def _is_left_out(tmp_path: Path, change: dict[str, object], state: str, reason: str) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    record = finished(("seed=2",), {"float": 590, "integer": 580})
    for name, value in change.items():
        setattr(record, name, copy.deepcopy(value))
    write(tmp_path / "odd", record)
    trials = frame_of(tmp_path)
    states, reasons = (dict(zip(trials["run"], trials[name], strict=True)) for name in ("state", "reason"))
    assert states["odd"] == state and "done" in states.values()
    assert reason in reasons["odd"] and "\n" not in reasons["odd"]
    assert [list(section.trials["training_seed"]) for section in sections(trials)] == [[1]]


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
    trials = frame_of(tmp_path)
    assert len(trials_table(trials)["run"].texts) == 2
    assert any(1 in set(section.trials["training_seed"]) for section in sections(trials))


def test_a_frame_is_read_back_from_its_csv(tmp_path: Path) -> None:
    grid(tmp_path / "grid")
    speaker = ("split=unseen_speaker", "split.held_out=theo", "data.cache_dir='1e5'")  # not a number
    run(tmp_path / "grid", "int8_ptq", 8, 3, 570, *speaker)
    ended(tmp_path / "grid", "over_budget", "too large", "model.hidden_size=90")
    trials = frame_of(tmp_path / "grid")
    (tmp_path / "results.csv").write_bytes(csv_bytes(trials))
    read = read_csv(tmp_path / "results.csv")
    assert csv_bytes(read) == csv_bytes(trials)
    pd.testing.assert_frame_equal(read, trials.assign(folder=None).replace({"": None}), check_dtype=False)
    assert (read.dtypes == trials.dtypes).all()
    assert read["folder"].isna().all() and read["speaker"].dropna().tolist() == ["theo"]
    assert build_document(read).parts[0].tables == build_document(trials).parts[0].tables


def test_another_csv_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sweep,run\n1,2\n")
    with pytest.raises(UserError, match=r"a\.csv is no results\.csv of this program: it lacks the column state"):
        read_csv(tmp_path / "a.csv")


def test_configurations_are_equal_but_for_seed_speaker_and_budget(tmp_path: Path) -> None:
    speakers = [("split=unseen_speaker", f"split.held_out={name}") for name in ("theo", "lucas")]
    for seed, words in enumerate([(), ("memory_budget=kb36",), *speakers, ("trainer.max_epochs=9",)]):
        run(tmp_path, "int8_ptq", 8, seed, 580, *words)
    trials = frame_of(tmp_path).set_index("training_seed")
    same = trials["network_config"]
    assert same[0] == same[1] and same[2] == same[3] and len(set(same)) == 3
    assert trials["place"][0] == trials["place"][4] and trials["place"][2] == trials["place"][3]
    assert trials["place"].nunique() == 2


# Whether a callback decides depends on its class; a report goes by the names in conf/callbacks.
@pytest.mark.parametrize("key", [key for key in LEAVES if not key.endswith("._target_") or "callbacks" not in key])
def test_settings_decide_where_they_change_the_hash_but_for_seed_budget_and_what_else_is_measured(key: str) -> None:
    config = blank_record().config
    other = copy.deepcopy(config)
    *groups, last = key.split(".")
    functools.reduce(dict.__getitem__, groups, other)[last] = "something else"
    of_no_matter = key == "seed" or key.startswith(("memory_budget.", "evaluation."))
    assert is_deciding(f"config.{key}") == (not of_no_matter and content_hash(config) != content_hash(other))


KB8 = {"budget.name": "kb8", "budget.bytes": 8192, "budget.scope": "network"}
KB16 = {"budget.name": "kb16", "budget.bytes": 16384, "budget.scope": "network"}


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([{"a": 1, "b": 1, "c": [1]}, {"a": 1, "b": 2, "c": [2]}, {"a": 1, "b": 2, "c": [2]}], ["b", "c"]),
        ([{"a": 1}, {}], ["a"]),
        ([{"a": 1}], []),
        ([], []),
        ([{"a": 1}, {"a": True}], ["a"]),
        ([{"a": 1}, {"a": 1.0}], ["a"]),
        ([KB8, KB16], ["budget.name"]),  # what follows from a group's name is left out
        ([KB8, KB16, {**KB8, "budget.scope": "layer"}], ["budget.name", "budget.scope"]),
    ],
)
def test_columns_that_differ(rows: list[dict[str, object]], names: list[str]) -> None:
    assert differing(pd.DataFrame(rows, dtype=object)) == names
