"""The figures of a section. Drawn without pyplot, so that nothing global is left behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fsdd_lightning.reports.choice import Budget, budgets_of
from fsdd_lightning.reports.maps import accuracy_map, best_on_voices, confusion_counts, speaker_confusions, speaker_map
from fsdd_lightning.reports.palette import MARKERS, marks, style_of
from fsdd_lightning.reports.rows import natural
from fsdd_lightning.reports.sections import Section
from fsdd_lightning.reports.style import Look, Picture, add_legend, new_figure, printable
from fsdd_lightning.runs.metrics import pareto_front

MOST_SERIES = 12  # that a figure with a line or a row for each can show
_MOST_WHISKERS = 60
_BYTES = 1024
_X = {"hidden_size": "hidden size", "train_speakers": "speakers heard in training"}


def pictures_of(section: Section) -> list[Picture]:
    """Those that the section has data for."""
    points, below = section.points, bars(section)
    found = []
    if len(points):
        by_bytes = partial(accuracy_by_bytes, section, below)
        found.append(Picture("accuracy_vs_bytes", "Accuracy against flash bytes", by_bytes))
    if points["series"].nunique() <= MOST_SERIES:
        found += _series_pictures(section, below)
    return found


def _series_pictures(section: Section, below: str) -> list[Picture]:
    """Those with a line or a row for each series."""
    points, found = section.points, []
    if len(points):
        by_size = partial(accuracy_by_size, points, below)
        found += [
            Picture("accuracy_vs_size", "Accuracy against hidden size", by_size),
            Picture("accuracy_map", "Accuracy by hidden size and mode", partial(accuracy_map, section, below)),
        ]
    if points["drop"].notna().any():
        found.append(Picture("drop_vs_size", "Drop from float to integer", partial(drop_by_size, points)))
    if points["train_speakers"].nunique() > 1:
        draw = partial(accuracy_by_speakers_heard, points, below)
        found.append(Picture("learning_curve", "Accuracy over training speakers", draw))
    if len(section.speakers):
        by_speaker = partial(speaker_map, section)
        found.append(Picture("accuracy_by_speaker", "Accuracy on each unseen voice", by_speaker))
        if confusion_counts(section):
            alt = f"Confusion on each unseen voice, {best_on_voices(section)['label']}"
            found.append(Picture("confusion_by_speaker", alt, partial(speaker_confusions, section)))
    return found


def bars(section: Section) -> str:
    """What points and bars are, in words; see summaries.py."""
    points = section.points
    if section.several_speakers:
        covers = "95 % interval (Student t over speakers)" if (points["kind"] == "t").any() else "none"
        return f"mean over held-out speakers; bars: {covers}"
    low, high = points["seeds"].min(), points["seeds"].max()
    seeds = f"{low}" if low == high else f"{low}–{high}"
    names = {"t": "Student t over seeds", "Wilson": "Wilson, by test clips"}
    kind = " or ".join(names[kind] for kind in sorted(points["kind"].unique(), reverse=True))
    return f"mean of {seeds} seed{'' if seeds == '1' else 's'}; bars: 95 % interval ({kind})"


def accuracy_by_size(points: pd.DataFrame, below: str, look: Look) -> Figure:
    """Accuracy against hidden size, a line a series."""
    figure, axes = _over(
        "hidden_size", look, 3.4, ("Accuracy against hidden size", below), points, "accuracy", "low", "high"
    )
    axes.set_ylabel("test accuracy, %")
    _cap_percent(axes)
    add_legend(figure, axes, look)
    return figure


def accuracy_by_speakers_heard(points: pd.DataFrame, below: str, look: Look) -> Figure:
    """A learning curve: accuracy over the number of speakers that were heard in training, a line a network."""
    known = points[points["train_speakers"].notna()]
    lines = known.assign(series=known["curve"] + " " + known["network"])
    titles = ("Accuracy over training speakers", below)
    figure, axes = _over("train_speakers", look, 3.4, titles, lines, "accuracy", "low", "high")
    axes.set_ylabel("test accuracy, %")
    _cap_percent(axes)
    add_legend(figure, axes, look)
    return figure


def drop_by_size(points: pd.DataFrame, look: Look) -> Figure:
    """What the integers cost: float accuracy minus deployed accuracy, in percentage points."""
    titles = ("Drop from float to integer", "above zero: accuracy lost by quantization")
    figure, axes = _over("hidden_size", look, 3.0, titles, points, "drop", "drop_low", "drop_high")
    axes.axhline(0, color=look.text, linewidth=0.9)
    axes.set_ylabel("drop, percentage points")
    add_legend(figure, axes, look)
    return figure


def _over(
    along: str, look: Look, height_in: float, titles: tuple[str, str], points: pd.DataFrame, *columns: str
) -> tuple[Figure, Axes]:
    """Values of `along`, one of _X, stand at equal distances; series side by side, so that no whisker hides another.

    `columns`: the value and the ends of its whisker.
    """
    known = points[points[columns[0]].notna()]
    styles = {name: style for name, style in _styles(points, look).items() if name in set(known["series"])}
    figure = new_figure(look, height_in, *titles, list(styles))
    axes = figure.subplots()
    ticks = sorted(known[along].unique())
    for at, (series, style) in enumerate(styles.items()):
        shift = 0.0 if len(styles) == 1 else 0.36 * (at / (len(styles) - 1) - 0.5)
        own = known[known["series"] == series].sort_values(along, kind="stable")
        x = [ticks.index(tick) + shift for tick in own[along]]
        axes.errorbar(x, **_heights(own, *columns), linewidth=1.3, elinewidth=1.1, capsize=2, **style)
    axes.set_xticks(range(len(ticks)), [str(int(tick)) for tick in ticks])
    axes.set_xlim(-0.5, len(ticks) - 0.5)
    axes.set_xlabel(_X[along])
    axes.grid(axis="y")
    return figure, axes


def _styles(points: pd.DataFrame, look: Look) -> dict[str, dict[str, Any]]:
    """How every series is drawn, in natural order: in the color of its mode."""
    modes = dict(zip(points["series"], points["mode"], strict=True))
    names = sorted(modes, key=natural)
    mark = marks((modes[name], name) for name in names)
    colors = {name: style_of(modes[name]) for name in names}
    return {
        name: {
            "label": printable(name),
            "color": colors[name].dark if look.dark else colors[name].light,
            "marker": MARKERS[mark[name]],
            "markersize": 5.5,
        }
        for name in names
    }


def _heights(points: pd.DataFrame, value: str, low: str, high: str) -> dict[str, Any]:
    """In percent, and whiskers."""
    whiskers = [100 * (points[value] - points[low]), 100 * (points[high] - points[value])]
    return {"y": 100 * points[value], "yerr": whiskers}


def _cap_percent(axes: Axes) -> None:
    """No room for accuracies above 100 %, but for the upper half of a mark."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, min(high, 100 + 0.03 * (100 - low)))


def accuracy_by_bytes(section: Section, below: str, look: Look) -> Figure:
    """Accuracy against bytes of flash, with the Pareto front and the budgets that were set."""
    points = section.points
    if points["series"].nunique() > MOST_SERIES:
        points = points.assign(series=points["mode"])
    styles = _styles(points, look)
    figure = new_figure(look, 3.7, "Accuracy against flash bytes", below, [*styles, "Pareto front"])
    axes = figure.subplots()
    places = list(zip(points["flash_bytes"] / _BYTES, 100 * points["accuracy"], strict=True))
    front = pareto_front(list(zip(places, points["network"], strict=True)), lambda point: (point[0][1], point[0][0]))
    line: dict[str, Any] = {"linewidth": 1, "linestyle": (0, (4, 2)), "alpha": 0.7, "label": "Pareto front"}
    axes.step(*zip(*(place for place, _ in front), strict=True), where="post", color=look.text, **line)
    for series, style in styles.items():
        own = points[points["series"] == series].sort_values("hidden_size", kind="stable")
        heights = _heights(own, "accuracy", "low", "high")
        heights = heights if len(points) <= _MOST_WHISKERS else {"y": heights["y"]}
        axes.errorbar(own["flash_bytes"] / _BYTES, **heights, linestyle="none", elinewidth=0.8, **style)
    axes.margins(y=0.08)
    _cap_percent(axes)
    _byte_axis(axes, look, points["flash_bytes"], budgets_of(section))
    _label_front(axes, look, dict(reversed(front)), places)  # of equal points the first
    axes.set_ylabel("test accuracy, %")
    add_legend(figure, axes, look)
    return figure


def _byte_axis(axes: Axes, look: Look, sizes: Iterable[int], budgets: Sequence[Budget]) -> None:
    """Doublings at equal distances, and a line a budget."""
    style: dict[str, Any] = {"fontsize": 8, "rotation": 90, "va": "bottom"}
    across: Any = axes.get_xaxis_transform()
    for budget in budgets:
        at = budget.flash_bytes / _BYTES
        axes.axvline(at, color=look.text, linewidth=0.9, linestyle=":", alpha=0.8)
        axes.annotate(budget.label, (at, 0.02), (3, 0), across, "offset points", **style)
    values = [*sizes, *(budget.flash_bytes for budget in budgets)]
    axes.set_xscale("log", base=2)
    axes.set_xlim(max(min(values) / _BYTES / 1.25, 1e-3), max(values) / _BYTES * 1.2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel("flash, KB of 1,024 bytes")
    axes.grid()


def _label_front(
    axes: Axes, look: Look, front: dict[tuple[float, float], str], places: Sequence[tuple[float, float]]
) -> None:
    """Layers x hidden size beside the best points, where nothing else is; where nothing is free, none."""
    to_share = axes.transData + axes.transAxes.inverted()
    marks = [to_share.transform(place) for place in places]
    width, height = (0.16 if look.narrow else 0.075), 0.075  # of a label, as shares of the axes
    taken: list[tuple[float, float]] = []
    for place, text in front.items():
        x, y = to_share.transform(place)
        for left, low, side, ha, va in ((x - width, y, -1, "right", "bottom"), (x, y - height, 1, "left", "top")):
            covers = any(left < u < left + width and low < v < low + height and (u, v) != (x, y) for u, v in marks)
            touches = any(abs(left - u) < width and abs(low - v) < height for u, v in taken)
            if not (covers or touches or left < 0 or left + width > 1):
                taken.append((left, low))
                style: dict[str, Any] = {"ha": ha, "va": va, "fontsize": 8, "textcoords": "offset points"}
                axes.annotate(text, place, (6 * side, -4 * side), **style)
                break
