"""The Pareto front of a search: the objective that it maximizes, the front's table and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.console.tables import plain_table
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import csv_cell, markdown
from fsdd_lightning.evaluation.pictures import draw
from fsdd_lightning.runs.metrics import pareto_front, percent, validation_accuracy
from fsdd_lightning.runs.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.table import Table

_FILE_NAME = "pareto_front"  # .csv, .md, .png


@dataclass(frozen=True)
class Objective:
    """`accuracy`: share of the validation clips, larger is better; `flash_bytes`: smaller is better."""

    accuracy: float
    flash_bytes: int


@dataclass(frozen=True)
class Point:
    """A trained trial: its value of every dimension, its objective, the name of its folder."""

    choice: dict[str, str]
    objective: Objective
    run: str


def objective(record: RunRecord) -> Objective:
    """Of a finished run: the deployed backend's validation accuracy, and the bytes of flash. Test clips don't count.

    Raises:
        UserError: a record without one of the two.
    """
    try:
        return Objective(validation_accuracy(record), int(record.memory["flash_bytes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the record of {record.overrides} lacks its flash bytes") from error


def front_of(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats, see `runs.metrics.pareto_front`."""
    return pareto_front(points, lambda point: (point.objective.accuracy, point.objective.flash_bytes))


def front_table(front: Sequence[Point]) -> Table:
    """What is printed at the end of a search."""
    keys = tuple(front[0].choice) if front else ()
    title, numbers = "Pareto front: validation accuracy against flash", ("val accuracy %", "flash bytes")
    table = plain_table(title, keys, numbers)
    for point in front:
        result = point.objective
        table.add_row(*point.choice.values(), percent(result.accuracy), f"{result.flash_bytes:,}")
    return table


def write_front(points: Sequence[Point], folder: Path) -> tuple[list[Path], str | None]:
    """Write the front as CSV, Markdown and PNG; the figure shows all other trained trials, too.

    The paths, and a note on why there is no figure.
    """
    frame = _frame(front_of(points))
    cells = frame.map(csv_cell).rename(columns=csv_cell)
    texts = {"csv": cells.to_csv(index=False, lineterminator="\n"), "md": _markdown(frame)}
    for suffix, text in texts.items():
        replace_file(folder / f"{_FILE_NAME}.{suffix}", text.encode())
    note = draw(folder / f"{_FILE_NAME}.png", lambda: front_figure(points))
    return [folder / f"{_FILE_NAME}.{suffix}" for suffix in (*texts, *(["png"] if note is None else []))], note


def _frame(front: Sequence[Point]) -> pd.DataFrame:
    import pandas as pd

    keys = list(front[0].choice) if front else []
    rows = [
        {**point.choice, "val_accuracy": f"{point.objective.accuracy:.6f}", "run": point.run}
        | {"flash_bytes": str(point.objective.flash_bytes)}
        for point in front
    ]
    return pd.DataFrame(rows, columns=[*keys, "val_accuracy", "flash_bytes", "run"], dtype=object)


def _markdown(frame: pd.DataFrame) -> str:
    rule = ["---:" if name in ("val_accuracy", "flash_bytes") else "---" for name in frame]
    head, *rows = ([markdown(cell) for cell in row] for row in (list(frame), *frame.to_numpy()))
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def front_figure(points: Sequence[Point]) -> Figure:
    """Validation accuracy in percent against flash bytes, the front as a staircase."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.scatter(*_coordinates(points), color="#9aa5b1", label="trained")
    front = _coordinates(front_of(points))
    axes.step(*front, where="post", color="#c2410c")
    axes.scatter(*front, color="#c2410c", zorder=3, label="Pareto front")
    axes.set_xlabel("flash bytes")
    axes.set_ylabel("validation accuracy, %")
    axes.legend(loc="lower right")  # where no front can be
    return figure


def _coordinates(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    """Bytes, and accuracies in percent."""
    results = [point.objective for point in points]
    return [result.flash_bytes for result in results], [100 * result.accuracy for result in results]
