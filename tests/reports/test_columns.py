"""Columns are the same whatever is in them, and only what decides an outcome tells trials apart."""

from __future__ import annotations

import copy
import functools
import json
import random

import pandas as pd
import pytest
from fabricated_runs import blank_record, finished
from fsdd_lightning.reports.columns import column_order, differing, flat_record, is_deciding, is_volatile, natural

from fsdd_lightning.config.load import config_keys, content_hash

LEAVES = sorted(set(config_keys()) - {key.rpartition(".")[0] for key in config_keys()})


@pytest.mark.parametrize("key", LEAVES)
def test_settings_decide_where_they_change_the_hash_but_for_seed_and_budget(key: str) -> None:
    config = blank_record().config
    other = copy.deepcopy(config)
    *groups, last = key.split(".")
    functools.reduce(dict.__getitem__, groups, other)[last] = "something else"
    of_no_matter = key == "seed" or key.startswith("memory_budget.")
    assert is_deciding(f"config.{key}") == (not of_no_matter and content_hash(config) != content_hash(other))


def test_every_field_of_a_record_has_a_column() -> None:
    row = flat_record(finished(("seed=3",), {"float": 590, "integer": 580}))
    assert {f"config.{key}" for key in LEAVES} <= row.keys()
    assert (row["seed"], row["views.integer.correct"], row["timings_s.total"]) == (3, 580, 1.5)
    assert row["views.float.ci95_low"] < 590 / 600 < row["views.float.ci95_high"]
    assert json.loads(row["views.float.confusion"])[0][0] > 0
    assert json.loads(row["overrides"]) == ["seed=3"]


def test_the_order_of_columns_depends_on_their_names_alone() -> None:
    columns = list(flat_record(finished((), {"float": 590, "integer": 580})))
    shuffled = list(columns)
    random.Random(0).shuffle(shuffled)
    order = column_order(columns)
    assert column_order(shuffled) == order
    assert order[:2] == ["name", "overrides"]
    part = [name for name in order if name.startswith(("config.", "views."))]
    assert column_order(part) == part
    volatile = [name for name in order if is_volatile(name)]
    assert order[-len(volatile) :] == volatile
    assert set(volatile) == {"started", "training.float.reused", "training.float.run", "timings_s.total"}


def test_numbers_in_names_count() -> None:
    assert sorted(["h16", "h8", "a10b2", "a9b3", "h"], key=natural) == ["a9b3", "a10b2", "h", "h8", "h16"]
    sorted(["²", "9" * 5000, "٣", "", "1a", "a1"], key=natural)  # digits that are no ASCII digits


def table(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), dtype=object)


def test_columns_that_differ() -> None:
    rows = [{"a": 1, "b": 1, "c": [1]}, {"a": 1, "b": 2, "c": [2]}, {"a": 1, "b": 2, "c": [2]}]
    assert differing(table(*rows)) == ["b", "c"]
    assert differing(table({"a": 1}, {})) == ["a"]
    assert differing(table({"a": 1})) == differing(table()) == []
    assert differing(table({"a": 1}, {"a": True})) == differing(table({"a": 1}, {"a": 1.0})) == ["a"]


def test_what_follows_from_a_groups_name_is_left_out() -> None:
    rows = [
        {"budget.name": "kb8", "budget.bytes": 8192, "budget.scope": "network"},
        {"budget.name": "kb16", "budget.bytes": 16384, "budget.scope": "network"},
    ]
    assert differing(table(*rows)) == ["budget.name"]
    assert differing(table(*rows, {**rows[0], "budget.scope": "layer"})) == ["budget.name", "budget.scope"]
