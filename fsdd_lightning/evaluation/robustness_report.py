"""The robustness table as JSON, CSV and a figure: one panel for each kind of corruption, accuracy over level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.evaluation.report_files import COLORS, write_report
from fsdd_lightning.evaluation.robustness import SEED, RobustnessRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Title and kinds of each panel; a kind that is not here gets a panel of its own.
PANELS = {
    "noise": ("white noise", "babble"),
    "before the word": ("silence before", "background before"),
    "after the word": ("silence after", "background after"),
    "around the word": ("silence around",),
    "gain": ("gain",),
    "clipping": ("clipping",),
    "speed": ("speed",),
    "DC offset": ("DC offset",),
    "band limits": ("telephone", "low-pass"),
}
FROM_MILD_TO_HARD_IT_FALLS = ("dB SNR", "Hz upper edge")
_COLUMNS = 3


def robustness_figure(rows: Sequence[RobustnessRow], title: str) -> Figure:
    """`rows` as `robustness` makes them: the clean clips first; they are the dashed line in every panel."""
    from matplotlib.figure import Figure

    panels = _panels([row.corruption for row in rows[1:]])
    height = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(10.0, 0.8 + 2.7 * height), dpi=120, layout="constrained")
    grid = figure.subplots(height, _COLUMNS, sharey=True, squeeze=False).ravel()
    lowest = min(row.ci95[0] for row in rows)
    for axes, (panel, names) in zip(grid, panels.items(), strict=False):
        _draw(axes, [[row for row in rows if row.corruption == name] for name in names], rows[0])
        axes.set_title(panel, fontsize="medium")
        axes.set_ylim(100 * max(lowest - 0.05, 0.0), 101)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[::_COLUMNS]:
        axes.set_ylabel("accuracy, %")
    figure.suptitle(title)
    return figure


def _panels(names: Sequence[str]) -> dict[str, list[str]]:
    known = {panel: [kind for kind in kinds if kind in names] for panel, kinds in PANELS.items()}
    placed = {kind for kinds in PANELS.values() for kind in kinds}
    others = {name: [name] for name in names if name not in placed}
    return {panel: kinds for panel, kinds in known.items() if kinds} | others


def _draw(axes: Axes, curves: list[list[RobustnessRow]], clean: RobustnessRow) -> None:
    axes.axhline(100 * clean.accuracy, color="0.45", linestyle="--", linewidth=1, zorder=1)
    unit = curves[0][0].unit
    levels = sorted({row.level for curve in curves for row in curve}, reverse=unit in FROM_MILD_TO_HARD_IT_FALLS)
    for index, curve in enumerate(curves):
        at = [levels.index(row.level) + 0.08 * (index - (len(curves) - 1) / 2) for row in curve]
        accuracy = [100 * row.accuracy for row in curve]
        below = [100 * (row.accuracy - row.ci95[0]) for row in curve]
        above = [100 * (row.ci95[1] - row.accuracy) for row in curve]
        axes.errorbar(
            at,
            accuracy,
            (below, above),
            color=COLORS[index % len(COLORS)],
            marker="o" if index == 0 else "s",
            markersize=4,
            linewidth=1.3,
            capsize=2,
            label=curve[0].corruption,
        )
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.set_xlabel(unit)
    axes.grid(axis="y", color="0.9")
    if len(curves) > 1:
        axes.legend(fontsize="small", frameon=False)


def write_robustness(rows: Sequence[RobustnessRow], folder: Path, backend: str, title: str) -> None:
    """robustness.json, robustness.csv and robustness.png in a run folder."""
    record = {"backend": backend, "seed": SEED, "rows": [asdict(row) for row in rows]}
    write_report(folder, "robustness", record, list(map(_table_row, rows)), lambda: robustness_figure(rows, title))


def _table_row(row: RobustnessRow) -> dict[str, Any]:
    """With an end of the interval in each of the last two columns."""
    plain = {name: value for name, value in asdict(row).items() if name != "ci95"}
    return plain | {"ci95_low": row.ci95[0], "ci95_high": row.ci95[1]}
