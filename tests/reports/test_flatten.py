"""Columns are the same whatever is in them, and only what decides an outcome tells trials apart."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from fabricated_runs import blank_record, finished

from fsdd_lightning.config.load import config_keys, content_hash
from fsdd_lightning.reports.flatten import (
    column_order,
    differing,
    flat_record,
    is_volatile,
    natural,
    trial_key,
)

LEAVES = sorted(set(config_keys()) - {key.rpartition(".")[0] for key in config_keys()})


def changed(config: dict[str, Any], key: str) -> dict[str, Any]:
    """With another value under a dotted key."""
    config = copy.deepcopy(config)
    *groups, last = key.split(".")
    inner = config
    for group in groups:
        inner = inner[group]
    inner[last] = "something else"
    return config


@pytest.mark.parametrize("key", LEAVES)
def test_cells_differ_where_their_hashes_do_but_for_seed_and_budget(key: str) -> None:
    config = blank_record().config
    other = changed(config, key)
    of_no_matter = key == "seed" or key.startswith("memory_budget.")
    same_end = of_no_matter or content_hash(config) == content_hash(other)
    assert (trial_key(config) == trial_key(other)) == same_end


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


def test_only_columns_that_differ_are_told() -> None:
    rows = [{"a": 1, "b": 1, "c": [1]}, {"a": 1, "b": 2, "c": [2]}, {"a": 1, "b": 2, "c": [2]}]
    assert differing(rows) == ["b", "c"]
    assert differing([{"a": 1}, {}]) == ["a"]
    assert differing([{"a": 1}]) == differing([]) == []
    assert differing([{"a": 1}, {"a": True}]) == ["a"]


def test_what_follows_from_a_groups_name_is_left_out() -> None:
    rows = [
        {"budget.name": "kb8", "budget.bytes": 8192, "budget.scope": "network"},
        {"budget.name": "kb16", "budget.bytes": 16384, "budget.scope": "network"},
    ]
    assert differing(rows) == ["budget.name"]
    assert differing([*rows, {**rows[0], "budget.scope": "layer"}]) == ["budget.name", "budget.scope"]
