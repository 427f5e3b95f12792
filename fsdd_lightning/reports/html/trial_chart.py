"""All runs of a section as dots: accuracy against bytes, and what validation accuracy chooses at each size."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd

from fsdd_lightning.escaping import visible
from fsdd_lightning.reports.choice import Budget, ranked, validated
from fsdd_lightning.reports.html.chart import Chart, Dot, Line, Scale, Tick, percent_scale, ticks
from fsdd_lightning.reports.palette import style_of
from fsdd_lightning.reports.rows import natural
from fsdd_lightning.reports.sections import Section
from fsdd_lightning.runs.metrics import percent

_BYTES = 1024
_STEP_PX, _WIDEST_PX = 9.0, 40.0  # from dot to dot where they would cover one another, and of all of them


def trial_chart(section: Section, budgets: Sequence[Budget], places: dict[Any, int], name: str) -> Chart:
    """Every run a dot. `places`: of the section's runs in the frame, by label."""
    trials = section.trials.assign(validation=validated(section.trials))
    sizes = [int(size) for size in trials["memory.flash_bytes"]]
    limits = [budget for budget in budgets if budget.scope == "network"]
    across = Scale(*_byte_range([*sizes, *(budget.flash_bytes for budget in limits)]), down=False)
    up = percent_scale([100 * share for share in trials["accuracy"]])
    dots = [
        Dot(
            across(math.log2(row["memory.flash_bytes"])),
            up(100 * row["accuracy"]),
            str(row["mode"]),
            style_of(str(row["mode"])).mark,
            _described(row),
            places[label],
            **_whisker(up, row),
        )
        for label, row in zip(trials.index, trials.to_dict("records"), strict=True)
    ]
    return Chart(
        name=name,
        title="Accuracy against flash bytes",
        below="one dot a trial; those that coincide stand side by side",
        x_label="flash, KB of 1,024 bytes",
        y_label="test accuracy, %",
        x_ticks=_byte_ticks(across),
        y_ticks=ticks(up),
        dots=_side_by_side(dots),
        keys=_mode_keys(trials["mode"]),
        front=_front(section, across, up),
        budgets=[(across(math.log2(budget.flash_bytes)), budget) for budget in limits],
        log2=(across.low, across.high),
    )


def _described(row: Mapping[Any, Any]) -> str:
    """The trial and its numbers, a line each."""
    network = f"{row['layers']}×{row['hidden_size']}"
    variant = f", {row['variant']}" if row["variant"] else ""
    speaker = f", {row['speaker']} held out" if row["speaker"] else ""
    interval = _recorded_interval(row)
    lines = [
        f"{row['mode']} {network}, seed {row['training_seed']}{variant}{speaker}",
        f"test {percent(row['accuracy'])} %" + (f" ({interval})" if interval else ""),
        f"validation {percent(row['validation'])} %" if not pd.isna(row["validation"]) else "",
        f"flash {row['memory.flash_bytes']:,} bytes, RAM {row['memory.ram_bytes']:,} bytes",
        str(row["run"]),
    ]
    return "\n".join(map(visible, filter(None, lines)))


def _bounds(row: Mapping[Any, Any]) -> tuple[float, float] | None:
    """The recorded interval of what is deployed, as shares."""
    prefix = f"views.{row['deployed_backend']}.ci95"
    low, high = row.get(f"{prefix}_low"), row.get(f"{prefix}_high")
    known = all(isinstance(value, float) and 0 <= value <= 1 for value in (low, high))
    return (low, high) if known and low is not None and high is not None else None


def _recorded_interval(row: Mapping[Any, Any]) -> str:
    bounds = _bounds(row)
    return f"{percent(bounds[0])} – {percent(bounds[1])}" if bounds else ""


def _whisker(up: Scale, row: Mapping[Any, Any]) -> dict[str, float]:
    """Cut at the edges of the plot: what lies outside is told by the numbers."""
    bounds = _bounds(row)
    if bounds is None:
        return {}
    low, high = (min(100.0, max(0.0, up(100 * bound))) for bound in bounds)
    return {"low": low, "high": high}


def _front(section: Section, across: Scale, up: Scale) -> list[Line]:
    """A step at every size from which another config is chosen, at the test accuracy of its best run."""
    best = ranked(section).sort_values(["flash_bytes", "rank"], kind="stable")
    corners: list[tuple[float, float]] = []
    lowest = math.inf
    for size, rank, accuracy in best[["flash_bytes", "rank", "accuracy"]].to_numpy().tolist():
        if rank < lowest:
            lowest = rank
            corners.append((across(math.log2(size)), up(100 * accuracy)))
    ends = [*(x for x, _ in corners), 100.0][1:]  # none where nothing can be chosen
    level = [Line(x, y, end, y) for (x, y), end in zip(corners, ends, strict=True)]
    rises = [Line(x, y, x, above) for (_, y), (x, above) in pairwise(corners)]
    return level + rises


def _byte_range(sizes: Iterable[int]) -> tuple[float, float]:
    """In powers of two, with some air, and wide enough for two ticks."""
    found = [math.log2(max(1, size)) for size in sizes]
    air = max(0.25, 1.0 - (max(found) - min(found)) / 2)
    return min(found) - air, max(found) + air


def _byte_ticks(across: Scale) -> list[Tick]:
    powers = range(math.ceil(across.low), math.floor(across.high) + 1)
    return [
        Tick(across(power), f"{2**power / _BYTES:g}", minor=len(powers) > 5 and at % 2 == 1)
        for at, power in enumerate(powers)
    ]


def _mode_keys(modes: pd.Series) -> list[tuple[str, int, str]]:
    names = sorted({str(mode) for mode in modes}, key=natural)
    return [(name, style_of(name).mark, name) for name in names]


def _side_by_side(dots: Sequence[Dot]) -> list[Dot]:
    """Those at one place in a row around it, in their order: what they stand for is their height."""
    alike = defaultdict(list)
    for at, dot in enumerate(dots):
        alike[round(dot.x, 1), round(dot.y, 1)].append(at)
    moved = list(dots)
    for group in alike.values():
        step = min(_STEP_PX, _WIDEST_PX / max(1, len(group) - 1))
        for position, at in enumerate(group):
            moved[at] = replace(dots[at], dx=round((position - (len(group) - 1) / 2) * step, 1))
    return moved
