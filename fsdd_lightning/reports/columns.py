"""Names of columns: a record as one flat row, the order of its columns, and which of them differ between rows."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fsdd_lightning.config.load import PRESENTATION
from fsdd_lightning.runs.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd

_DEEPEST = 8  # records are four deep; what a foreign one nests further stays JSON
_BLOCKS = [block.name for block in dataclasses.fields(RunRecord)]
# What differs between two runs of the same trial: when it ran, how long it took, whose float network it could take.
_VOLATILE = ("started", "timings_s", "training.float.run", "training.float.reused")
# What makes a network neither better nor worse: its name, where it is kept, and the budget it had to fit in.
_NOT_DECIDING = (
    "config.seed",
    "config.memory_budget",
    *(f"config.{group}" for group, names in PRESENTATION.items() if not names),
    *(f"config.{group}.{name}" for group, names in PRESENTATION.items() for name in names),
)


def flat_record(record: RunRecord) -> dict[str, Any]:
    """All fields under dotted names. Lists are JSON, intervals two columns `_low` and `_high`."""
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


def is_volatile(column: str) -> bool:
    """Whether this column may differ between two runs of the same trial by the same code."""
    return _within(column, _VOLATILE)


def is_deciding(column: str) -> bool:
    """Whether this is a setting that makes a network what it is: not the seed, and not the budget."""
    return column.startswith("config.") and not _within(column, _NOT_DECIDING)


def _within(name: str, groups: tuple[str, ...]) -> bool:
    return any(name == group or name.startswith(f"{group}.") for group in groups)


def column_order(columns: Iterable[str]) -> list[str]:
    """Blocks as in the record, names sorted within, volatile columns last: an order by names alone."""
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


def differing(table: pd.DataFrame) -> list[str]:
    """Columns that don't hold one and the same value in all rows, sorted.

    Of a group of settings that is chosen as one (`memory_budget.name`), what follows from the choice is left out.
    """
    texts = {str(name): list(map(repr, table[name])) for name in table}  # 1, 1.0 and True differ
    changed = {name: column for name, column in texts.items() if len(set(column)) > 1}
    return sorted((name for name in changed if not _follows(name, changed)), key=natural)


def _follows(column: str, changed: Mapping[str, Sequence[str]]) -> bool:
    """Whether the name of the column's group, which changes too, determines its value."""
    chosen = column.rpartition(".")[0] + ".name"
    if column == chosen or chosen not in changed:
        return False
    return len(set(zip(changed[chosen], changed[column], strict=True))) == len(set(changed[chosen]))
