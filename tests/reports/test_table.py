"""results.csv says what the records say, to the last bit, and is the same whenever it is written."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from fabricated_runs import blank_record, ended, finished, grid, run, write

from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.flatten import flat_record
from fsdd_lightning.reports.results import ordered
from fsdd_lightning.reports.table import LEADING, csv_bytes, results_table
from fsdd_lightning.runs.record import read_record


def written(*folders: Path, portable: bool = False) -> bytes:
    return csv_bytes(results_table(ordered(collect_runs(folders)), portable))


def rows(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)


def test_there_is_a_row_for_every_cell_with_all_its_fields(tmp_path: Path) -> None:
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
    assert (done["state"], done["mode"], done["hidden_size"], done["training_seed"]) == (
        "done",
        "int8_ptq",
        "8",
        "3",
    )
    assert float(done["accuracy"]) == 570 / 600
    assert float(done["drop"]) == 590 / 600 - 570 / 600
    assert (over_budget["state"], over_budget["accuracy"], over_budget["hidden_size"]) == (
        "over_budget",
        "",
        "90",
    )
    assert (broken["state"], broken["reason"]) == (
        "unreadable",
        "the folder is not a run folder: it holds no run.json",
    )


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
