"""Records as flat rows: dotted names, plain values, an order of columns that doesn't depend on what is there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fsdd_lightning.config.load import PRESENTATION
from fsdd_lightning.runs.record import RunRecord

_DEEPEST = 8  # records are four deep; what a foreign one nests further stays JSON
_BLOCKS = [each.name for each in dataclasses.fields(RunRecord)]
# What differs between two runs of the same trial: when it ran, how long it took, whose float network it could take.
_VOLATILE = ("started", "timings_s", "training.float.run", "training.float.reused")
_PRESENTATION = tuple(
    f"{group}.{name}" if name else group for group, names in PRESENTATION.items() for name in names or ("",)
)


def is_volatile(column: str) -> bool:
    """Whether this column may differ between two runs of the same trial by the same code."""
    return _within(column, _VOLATILE)


def flat_record(record: RunRecord) -> dict[str, Any]:
    """All fields. Lists are JSON, intervals two columns `_low` and `_high`."""
    row: dict[str, Any] = {}
    for name, value in flatten(dataclasses.asdict(record)).items():
        if name.endswith(".ci95") and isinstance(value, list) and len(value) == 2:
            row |= {f"{name}_low": value[0], f"{name}_high": value[1]}
        else:
            row[name] = json.dumps(value) if isinstance(value, list | tuple | dict) else value
    return row


def flatten(nested: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}; an empty mapping has no columns."""
    row: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and depth < _DEEPEST:
            row |= flatten(value, f"{prefix}{key}.", depth + 1)
        else:
            row[f"{prefix}{key}"] = value
    return row


def column_order(columns: Iterable[str]) -> list[str]:
    """Blocks as in the record, names sorted within, what is volatile last."""
    return sorted(columns, key=lambda name: (is_volatile(name), _block(name), natural(name)))


def _block(column: str) -> int:
    first = column.partition(".")[0]
    return _BLOCKS.index(first) if first in _BLOCKS else len(_BLOCKS)


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key by which h8 comes before h16."""
    parts = re.split(r"([0-9]+)", text)
    return [
        (0, int(part[:18]), part) if part[:1].isascii() and part[:1].isdigit() else (1, 0, part)
        for part in parts
        if part
    ]


def deciding_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that make a network what it is, flat: not the seed, and not the budget it had to fit in."""
    left_out = ("seed", "memory_budget", *_PRESENTATION)
    return {name: value for name, value in flatten(config).items() if not _within(name, left_out)}


def trial_key(config: dict[str, Any]) -> str:
    """Equal for trials that are repetitions of each other: they differ in the training seed alone."""
    return hashlib.sha256(_plain(deciding_config(config)).encode()).hexdigest()


def _within(name: str, groups: tuple[str, ...]) -> bool:
    return any(name == group or name.startswith(f"{group}.") for group in groups)


def differing(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Columns that don't hold one and the same value in all rows, sorted.

    Of a group of settings that is chosen as one (`memory_budget.name`), what follows from the choice is left out.
    """
    listed = list(rows)
    columns = sorted({name for row in listed for name in row}, key=natural)
    values = {name: [_plain(row.get(name)) for row in listed] for name in columns}
    changed = [name for name in columns if len(set(values[name])) > 1]
    return [name for name in changed if not _follows(name, changed, values)]


def _follows(column: str, changed: list[str], values: Mapping[str, list[str]]) -> bool:
    """Whether the group's name, which changes too, says it all."""
    chosen = column.rpartition(".")[0] + ".name"
    if column == chosen or chosen not in changed:
        return False
    pairs = set(zip(values[chosen], values[column], strict=True))
    return len(pairs) == len(set(values[chosen]))


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
