"""The Pareto front of a search, and the files that it is written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.evaluation.confusion import save_figure
from fsdd_lightning.runs.metrics import pareto_front, percent
from fsdd_lightning.sweeps.search.objective import Objective

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.table import Table

FILE_NAME = "pareto_front"  # .csv, .md, .png


@dataclass(frozen=True)
class Point:
    """A trained trial: the values chosen for it by setting, what it reached, the name of its folder."""

    choice: dict[str, str]
    objective: Objective
    run: str


def front_of(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats, see `runs.metrics.pareto_front`."""
    return pareto_front(points, lambda point: (point.objective.accuracy, point.objective.flash_bytes))


def write_front(points: Sequence[Point], folder: Path) -> list[Path]:
    """Write the front as CSV, Markdown and PNG; the figure shows all other trained trials, too."""
    table = _table(front_of(points))
    texts = {".csv": table.to_csv(index=False, lineterminator="\n"), ".md": _markdown(table)}
    paths = []
    for suffix, text in texts.items():
        paths.append(folder / f"{FILE_NAME}{suffix}")
        replace_file(paths[-1], text.encode())
    paths.append(folder / f"{FILE_NAME}.png")
    save_figure(front_figure(points), paths[-1])
    return paths


def _table(front: Sequence[Point]) -> pd.DataFrame:
    import pandas as pd

    keys = list(front[0].choice) if front else []
    rows = [
        {**point.choice, "val_accuracy": f"{point.objective.accuracy:.6f}", "run": point.run}
        | {"flash_bytes": str(point.objective.flash_bytes)}
        for point in front
    ]
    return pd.DataFrame(rows, columns=[*keys, "val_accuracy", "flash_bytes", "run"], dtype=object)


def _markdown(table: pd.DataFrame) -> str:
    rule = ["---:" if name in ("val_accuracy", "flash_bytes") else "---" for name in table]
    return "".join(f"| {' | '.join(row)} |\n" for row in (list(table), rule, *table.to_numpy()))


def front_table(front: Sequence[Point]) -> Table:
    """What is printed at the end of a search."""
    from fsdd_lightning.console.tables import plain_table

    keys = tuple(front[0].choice) if front else ()
    title, numbers = "Pareto front: validation accuracy against flash", ("val accuracy %", "flash bytes")
    table = plain_table(title, keys, numbers)
    for point in front:
        result = point.objective
        table.add_row(*point.choice.values(), percent(result.accuracy), f"{result.flash_bytes:,}")
    return table


def front_figure(points: Sequence[Point]) -> Figure:
    """Validation accuracy in percent against flash bytes, the front as a staircase."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.scatter(*_places(points), color="#9aa5b1", label="trained")
    front = _places(front_of(points))
    axes.step(*front, where="post", color="#c2410c")
    axes.scatter(*front, color="#c2410c", zorder=3, label="Pareto front")
    axes.set_xlabel("flash bytes")
    axes.set_ylabel("validation accuracy, %")
    axes.legend(loc="lower right")  # where no front can be
    return figure


def _places(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    """Bytes and accuracies in percent."""
    results = [point.objective for point in points]
    return [result.flash_bytes for result in results], [100 * result.accuracy for result in results]
