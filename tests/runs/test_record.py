"""run.json exists from the start, is never cut off, and is right at the end."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.interruption import Terminated
from fsdd_lightning.runs.record import RUN_FILE, RunRecord, read_record, recorded, write_record


@pytest.fixture
def record() -> RunRecord:
    return RunRecord(name="trial", overrides=["seed=2"], config={"seed": 2}, config_hash="ab", seed=2)


def content(folder: Path) -> dict[str, Any]:
    loaded = json.loads((folder / RUN_FILE).read_text())
    assert isinstance(loaded, dict)
    return loaded


def rewrite(folder: Path, **changes: Any) -> None:
    (folder / RUN_FILE).write_text(json.dumps({**content(folder), **changes}))


def test_the_round_trip_is_exact(record: RunRecord, tmp_path: Path) -> None:
    record.views = {"float": {"accuracy": 0.1 + 0.2, "correct": 3, "ci95": [0.25, 0.75]}}
    record.notes = ["Zürich → 東京"]
    write_record(record, tmp_path)
    assert read_record(tmp_path) == record


def test_the_fields_that_others_read(record: RunRecord, tmp_path: Path) -> None:
    write_record(record, tmp_path)
    assert content(tmp_path)["schema_version"] == 1
    assert content(tmp_path).keys() >= {
        *("status", "error", "name", "overrides", "config", "config_hash", "dataset", "split", "seed"),
        *("memory", "views", "agreement", "timings_s", "versions", "git"),
    }


def test_a_run_that_ends_well_is_done(record: RunRecord, tmp_path: Path) -> None:
    with recorded(record, tmp_path):
        # The record that a killed run leaves.
        assert (content(tmp_path)["status"], content(tmp_path)["error"]) == ("interrupted", "still running, or killed")
        record.views["float"] = {"accuracy": 1.0}
    ended = content(tmp_path)
    assert (ended["status"], ended["error"], ended["views"]) == ("done", None, {"float": {"accuracy": 1.0}})
    assert ended["timings_s"]["total"] >= 0
    assert ended["started"]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("went\nwrong"), "failed", "ValueError: went"),
        (ZeroDivisionError(), "failed", "ZeroDivisionError"),
        (UserError("data.root=x is no folder"), "failed", "data.root=x is no folder"),
        (RunFailedError("no network\nat all"), "failed", r"no network\nat all"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
        (Terminated(), "interrupted", "Terminated"),
        (SystemExit(3), "interrupted", "SystemExit: 3"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_run_that_fails_records_the_error_and_raises_it(
    record: RunRecord, tmp_path: Path, error: BaseException, status: str, message: str
) -> None:
    with pytest.raises(type(error)) as caught, recorded(record, tmp_path):
        record.dataset = {"digest": "half way"}
        raise error
    assert caught.value is error
    ended = content(tmp_path)
    assert (ended["status"], ended["error"]) == (status, message)
    assert ended["dataset"] == {"digest": "half way"}
    assert "total" in ended["timings_s"]


def test_the_traceback_goes_to_the_log(record: RunRecord, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError), recorded(record, tmp_path):
        raise ValueError("deep inside")
    assert "Traceback" in caplog.text and "deep inside" in caplog.text


def test_nan_and_infinity_become_null_and_the_end_is_still_recorded(record: RunRecord, tmp_path: Path) -> None:
    with recorded(record, tmp_path):
        record.training = {"val_loss": math.nan, "history": [1.0, math.inf, (-math.inf,)], "epochs": 3}
    assert content(tmp_path)["training"] == {"val_loss": None, "history": [1.0, None, [None]], "epochs": 3}
    assert read_record(tmp_path).status == "done"


def test_seconds_of_a_stage_add_up_even_if_it_fails(record: RunRecord) -> None:
    record.timings_s["data"] = 100.0
    with pytest.raises(ValueError), record.timed("data"):
        raise ValueError
    assert 100.0 <= record.timings_s["data"] < 110.0


def test_fields_of_a_later_program_are_tolerated(record: RunRecord, tmp_path: Path) -> None:
    write_record(record, tmp_path)
    rewrite(tmp_path, color="blue", dataset={"name": "fsdd", "license": "CC BY-SA"})
    assert read_record(tmp_path).dataset == {"name": "fsdd", "license": "CC BY-SA"}


def test_a_folder_without_a_record_is_no_run_folder(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"is not a run folder: it holds no run\.json"):
            read_record(folder)


def test_a_newer_schema_and_a_foreign_file_are_refused(record: RunRecord, tmp_path: Path) -> None:
    write_record(record, tmp_path)
    rewrite(tmp_path, schema_version=2)
    with pytest.raises(UserError, match=r"schema version 2; this program knows 1: update"):
        read_record(tmp_path)
    (tmp_path / RUN_FILE).write_text("[]")
    with pytest.raises(UserError, match=r"run\.json is not a run record of fsdd_lightning"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"config": "all of it"}, {"views": ["float"]}, {"views": {"float": 0.99}}, {"dataset": None}, {"seed": "x"}],
    ids=str,
)
def test_a_field_of_the_wrong_type_is_refused_by_name(
    record: RunRecord, tmp_path: Path, change: dict[str, Any]
) -> None:
    write_record(record, tmp_path)
    rewrite(tmp_path, **change)
    with pytest.raises(UserError, match=rf"run\.json can't be read \({next(iter(change))}"):
        read_record(tmp_path)


def test_a_missing_field_is_named(record: RunRecord, tmp_path: Path) -> None:
    write_record(record, tmp_path)
    kept = {key: value for key, value in content(tmp_path).items() if key != "config_hash"}
    (tmp_path / RUN_FILE).write_text(json.dumps(kept))
    with pytest.raises(UserError, match="config_hash"):
        read_record(tmp_path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 2_000))
def test_a_truncated_record_is_always_refused(record: RunRecord, tmp_path: Path, cut: int) -> None:
    write_record(record, tmp_path)
    whole = (tmp_path / RUN_FILE).read_bytes().rstrip()
    (tmp_path / RUN_FILE).write_bytes(whole[: cut % len(whole)])
    with pytest.raises(UserError):
        read_record(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(sorted(RunRecord.__dataclass_fields__)), value=json_values)
@example(field="agreement", value={"\n": None})
@example(field="schema_version", value="\n")
def test_whatever_a_field_holds_it_is_read_or_refused_in_one_line(
    record: RunRecord, tmp_path: Path, field: str, value: Any
) -> None:
    write_record(record, tmp_path)
    rewrite(tmp_path, **{field: value})
    try:
        assert isinstance(read_record(tmp_path), RunRecord)
    except UserError as error:
        assert "\n" not in str(error)
