"""The Pareto front of a search, and the files that tell it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.evaluation.confusion import save_figure
from fsdd_lightning.sweeps.search.objective import Objective

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

FILE_NAME = "pareto_front"  # .csv, .md, .png


@dataclass(frozen=True)
class Point:
    """A trained trial: the values chosen for it by setting, what it reached, the name of its folder."""

    choice: dict[str, str]
    objective: Objective
    run: str


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats in one of the two without losing in the other, by ascending bytes."""
    front: list[Point] = []
    for point in sorted(points, key=lambda each: (each.objective.flash_bytes, -each.objective.accuracy)):
        best = front[-1].objective if front else None
        if best is None or point.objective.accuracy > best.accuracy or point.objective == best:
            front.append(point)
    return front


def write_front(points: Sequence[Point], folder: Path) -> list[Path]:
    """Write the front as CSV, Markdown and PNG; the figure shows all other trained trials, too."""
    rows = _rows(pareto_front(points))
    texts = {".csv": _csv(rows), ".md": _markdown(rows)}
    paths = []
    for suffix, text in texts.items():
        paths.append(folder / f"{FILE_NAME}{suffix}")
        replace_file(paths[-1], text.encode())
    paths.append(folder / f"{FILE_NAME}.png")
    save_figure(front_figure(points), paths[-1])
    return paths


def _rows(front: Sequence[Point]) -> list[list[str]]:
    """A header and a row a point."""
    keys = list(front[0].choice) if front else []
    header = [*keys, "val_accuracy", "flash_bytes", "run"]
    return [header] + [
        [*each.choice.values(), f"{each.objective.accuracy:.6f}", str(each.objective.flash_bytes), each.run]
        for each in front
    ]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    header, *rest = rows
    rule = ["---:" if name in ("val_accuracy", "flash_bytes") else "---" for name in header]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rest))


def front_table(front: Sequence[Point]) -> Table:
    """What is printed at the end of a search."""
    from fsdd_lightning.console.tables import plain_table
    from fsdd_lightning.runs.metrics import percent

    keys = tuple(front[0].choice) if front else ()
    table = plain_table(
        "Pareto front: validation accuracy against flash", keys, ("val accuracy %", "flash bytes")
    )
    for each in front:
        result = each.objective
        table.add_row(*each.choice.values(), percent(result.accuracy), f"{result.flash_bytes:,}")
    return table


def front_figure(points: Sequence[Point]) -> Figure:
    """Validation accuracy in percent against flash bytes, the front as a staircase."""
    from matplotlib.figure import Figure

    front = [each.objective for each in pareto_front(points)]
    figure = Figure(figsize=(7.0, 4.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    everything = [each.objective for each in points]
    axes.scatter(
        [each.flash_bytes for each in everything],
        [100 * each.accuracy for each in everything],
        color="#9aa5b1",
        label="trained",
    )
    best = ([each.flash_bytes for each in front], [100 * each.accuracy for each in front])
    axes.step(*best, where="post", color="#c2410c")
    axes.scatter(*best, color="#c2410c", zorder=3, label="Pareto front")
    axes.set_xlabel("flash bytes")
    axes.set_ylabel("validation accuracy, %")
    axes.legend(loc="lower right")  # where no front can be
    return figure
