"""The figures of a group of runs. Drawn without pyplot, so that nothing global is left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fsdd_lightning.reports.canvas import add_legend, titled_figure
from fsdd_lightning.reports.points import Interval, Point, Points, pareto_front
from fsdd_lightning.reports.style import MARKERS, Look, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BYTES = 1024


def _series_style(points: Points, series: str, look: Look) -> dict[str, Any]:
    at = points.series.index(series)
    colours = look.theme.series
    return {"color": colours[at % len(colours)], "marker": MARKERS[at % len(MARKERS)], "markersize": 5.5}


def _whiskers(intervals: Sequence[Interval]) -> list[list[float]]:
    return [
        [100 * (each.value - each.low) for each in intervals],
        [100 * (each.high - each.value) for each in intervals],
    ]


def accuracy_by_size(points: Points) -> Callable[[Look], Figure]:
    """Accuracy against hidden size, a line a series."""

    def draw(look: Look) -> Figure:
        figure, axes = titled_figure(look, 3.4, "Accuracy against hidden size", points.bars, points.series)
        _lines_over_size(axes, points, look, lambda point: point.accuracy)
        axes.set_ylabel("test accuracy, %")
        _cap_percent(axes)
        add_legend(figure, axes, look)
        return figure

    return draw


def _cap_percent(axes: Axes) -> None:
    """No room for accuracies above 100 %, but for the upper half of a mark."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, min(high, 100 + 0.03 * (100 - low)))


def drop_by_size(points: Points) -> Callable[[Look], Figure]:
    """What the integers cost: float accuracy minus deployed accuracy, in points."""

    def draw(look: Look) -> Figure:
        dropped = Points(tuple(each for each in points.points if each.drop), points.bars, {})
        below = "above zero: accuracy lost by quantisation"
        figure, axes = titled_figure(look, 3.0, "Drop from float to integer", below, dropped.series)
        _lines_over_size(axes, dropped, look, lambda point: point.drop, styled_by=points)
        axes.axhline(0, color=look.theme.text, linewidth=0.9)
        axes.set_ylabel("drop, percentage points")
        add_legend(figure, axes, look)
        return figure

    return draw


def _lines_over_size(
    axes: Axes,
    points: Points,
    look: Look,
    value: Callable[[Point], Interval | None],
    styled_by: Points | None = None,
) -> None:
    """Sizes stand at equal distances; series stand side by side, so that no whisker hides another."""
    sizes, series = points.hidden_sizes, points.series
    for at, name in enumerate(series):
        shift = 0.0 if len(series) == 1 else 0.36 * (at / (len(series) - 1) - 0.5)
        own = [point for point in points.points if point.series == name]
        intervals = [each for each in map(value, own) if each is not None]
        axes.errorbar(
            [sizes.index(point.memory.hidden_size) + shift for point in own],
            [100 * each.value for each in intervals],
            yerr=_whiskers(intervals),
            label=printable(name),
            linewidth=1.3,
            elinewidth=1.1,
            capsize=2,
            **_series_style(styled_by or points, name, look),
        )
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.set_xlabel("hidden size")
    axes.grid(axis="y")


def accuracy_by_bytes(points: Points) -> Callable[[Look], Figure]:
    """Accuracy against bytes of flash, with the Pareto front and the budgets that were set."""

    def draw(look: Look) -> Figure:
        entries = [*points.series, "Pareto front"]
        figure, axes = titled_figure(look, 3.7, "Accuracy against flash bytes", points.bars, entries)
        _draw_front(axes, points, look)
        for name in points.series:
            own = [point for point in points.points if point.series == name]
            values = [point.accuracy for point in own]
            axes.errorbar(
                [point.memory.flash_bytes / _BYTES for point in own],
                [100 * each.value for each in values],
                yerr=_whiskers(values),
                label=printable(name),
                linestyle="none",
                elinewidth=0.8,
                **_series_style(points, name, look),
            )
        axes.margins(y=0.08)
        _cap_percent(axes)
        _draw_budgets(axes, look, points.budgets)
        _byte_axis(axes, [*(each.memory.flash_bytes for each in points.points), *points.budgets])
        _label_front(axes, points, look)
        axes.set_ylabel("test accuracy, %")
        add_legend(figure, axes, look)
        return figure

    return draw


def _draw_front(axes: Axes, points: Points, look: Look) -> None:
    front = pareto_front(points.points)
    axes.step(
        [point.memory.flash_bytes / _BYTES for point in front],
        [100 * point.accuracy.value for point in front],
        where="post",
        color=look.theme.text,
        linewidth=1,
        linestyle=(0, (4, 2)),
        alpha=0.7,
        label="Pareto front",
    )


def _label_front(axes: Axes, points: Points, look: Look) -> None:
    """Layers x hidden size beside the best points, where nothing else is; where nothing is free, none."""
    to_share = axes.transData + axes.transAxes.inverted()
    marks = [to_share.transform(_place(point)) for point in points.points]
    width, height = (0.16 if look.narrow else 0.075), 0.075  # of a label, as shares of the axes
    taken: list[tuple[float, float]] = []
    for point in reversed(pareto_front(points.points)):
        x, y = to_share.transform(_place(point))
        for left, low, align in ((x - width, y, "right"), (x, y - height, "left")):
            covers = any(
                left < u < left + width and low < v < low + height and (u, v) != (x, y) for u, v in marks
            )
            touches = any(abs(left - u) < width and abs(low - v) < height for u, v in taken)
            if not (covers or touches or left < 0 or left + width > 1):
                taken.append((left, low))
                _write_size(axes, point, align)
                break


def _place(point: Point) -> tuple[float, float]:
    return point.memory.flash_bytes / _BYTES, 100 * point.accuracy.value


def _write_size(axes: Axes, point: Point, align: str) -> None:
    side = 1 if align == "left" else -1
    axes.annotate(
        f"{point.memory.layers}×{point.memory.hidden_size}",
        _place(point),
        xytext=(6 * side, -4 * side),
        textcoords="offset points",
        ha=align,
        va="top" if align == "left" else "bottom",
        fontsize=8,
    )


def _draw_budgets(axes: Axes, look: Look, budgets: Sequence[int]) -> None:
    for budget in budgets:
        axes.axvline(budget / _BYTES, color=look.theme.text, linewidth=0.9, linestyle=":", alpha=0.8)
        axes.annotate(
            f"{budget / _BYTES:g} KB",
            (budget / _BYTES, 0.02),
            xycoords=axes.get_xaxis_transform(),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=8,
            rotation=90,
            va="bottom",
        )


def _byte_axis(axes: Axes, values: Sequence[int]) -> None:
    """Doublings at equal distances."""
    low, high = min(values) / _BYTES / 1.25, max(values) / _BYTES * 1.2
    axes.set_xscale("log", base=2)
    axes.set_xlim(max(low, 1e-3), high)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel("flash, KB of 1,024 bytes")
    axes.grid()
