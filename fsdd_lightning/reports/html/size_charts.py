"""Means of a section as lines: accuracy and drop over hidden size, accuracy over training speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from fsdd_lightning.escaping import visible
from fsdd_lightning.reports.figures import bars
from fsdd_lightning.reports.html.chart import Chart, Dot, Line, Scale, Tick, percent_scale, ticks
from fsdd_lightning.reports.palette import marks
from fsdd_lightning.reports.rows import natural
from fsdd_lightning.reports.sections import Section
from fsdd_lightning.runs.metrics import percent


def size_charts(section: Section, prefix: str) -> list[Chart]:
    """Accuracy and drop over hidden size, and accuracy over training speakers, where there is something to compare."""
    points, below = section.points, bars(section)
    if len(points) < 2:
        return []
    accuracy = ("test accuracy, %", "accuracy", "low", "high")
    found = [_over(points, "hidden_size", f"{prefix}size", ("Accuracy against hidden size", below), accuracy)]
    if points["drop"].notna().any():
        drop = ("drop, percentage points", "drop", "drop_low", "drop_high")
        texts = ("Drop from float to integer", "above zero: accuracy lost by quantization")
        found.append(_over(points, "hidden_size", f"{prefix}drop", texts, drop))
    if points["train_speakers"].nunique() > 1:
        known = points[points["train_speakers"].notna()]
        lines = known.assign(series=known["curve"] + " " + known["network"])
        texts = ("Accuracy over training speakers", below)
        found.append(_over(lines, "train_speakers", f"{prefix}speakers", texts, accuracy))
    return found


def _over(points: pd.DataFrame, along: str, name: str, texts: tuple[str, str], of: tuple[str, str, str, str]) -> Chart:
    """`of`: label of the y axis, and the columns of the value and of the ends of its whisker."""
    label, value, low, high = of
    known = points[points[value].notna()]
    bounds = [100 * bound for column in (value, low, high) for bound in known[column].astype(float)]
    up = percent_scale(bounds, zero=value == "drop")
    places = sorted(known[along].unique())
    modes = dict(zip(known["series"], known["mode"], strict=True))
    names = sorted(modes, key=natural)
    mark = marks((modes[series], series) for series in names)
    rows = known.sort_values(along, kind="stable").to_dict("records")
    dots = {
        series: _series_dots(series, names, rows, places, up, mark[series], (along, value, low, high))
        for series in names
    }
    return Chart(
        name=name,
        title=texts[0],
        below=texts[1],
        x_label="hidden size" if along == "hidden_size" else "speakers heard in training",
        y_label=label,
        x_ticks=[
            Tick(_middle(at, len(places)), f"{place:g}", len(places) > 8 and at % 2 == 1)
            for at, place in enumerate(places)
        ],
        y_ticks=ticks(up, 5),
        dots=[dot for own in dots.values() for dot in own],
        keys=[(modes[series], mark[series], series) for series in names],
        lines=[line for own in dots.values() for line in _joined(own)],
        zero=up(0) if value == "drop" else None,
    )


def _middle(at: float, count: int) -> float:
    """Of the part of the width that a value has."""
    return round(100 * (at + 0.5) / count, 2)


def _series_dots(
    series: str,
    names: list[str],
    rows: Sequence[Mapping[Any, Any]],
    places: list[Any],
    up: Scale,
    mark: int,
    columns: tuple[str, ...],
) -> list[Dot]:
    """Series stand side by side, so that no whisker hides another."""
    along, value, low, high = columns
    shift = 0.0 if len(names) == 1 else 0.5 * (names.index(series) / (len(names) - 1) - 0.5)
    return [
        Dot(
            _middle(places.index(row[along]) + shift, len(places)),
            up(100 * row[value]),
            str(row["mode"]),
            mark,
            f"{visible(series)} {row['network']}\n{percent(row[value])} ({percent(row[low])} – {percent(row[high])})",
            low=up(100 * row[low]),
            high=up(100 * row[high]),
        )
        for row in rows
        if row["series"] == series
    ]


def _joined(dots: Sequence[Dot]) -> list[Line]:
    return [Line(one.x, one.y, other.x, other.y, one.mode) for one, other in pairwise(dots) if other.x > one.x]
