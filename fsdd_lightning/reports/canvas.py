"""Figures with a title above and a legend below, none of which covers anything."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fsdd_lightning.reports.style import Look, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE_IN, _LINE_IN, _MARGIN_IN = 0.26, 0.16, 0.06
_ENTRY_IN = 0.19
_LONG_ENTRY = 22  # characters


def titled_figure(
    look: Look, height_in: float, title: str, below: str, entries: Sequence[str] = ()
) -> tuple[Figure, Axes]:
    """Empty axes `height_in` high with labels, a title and in smaller type what the marks stand for.

    `entries` are those of the legend that is to be added, for which the figure grows.
    """
    figure = empty_figure(look, height_in, title, below, math.ceil(len(entries) / _columns(look, entries)))
    axes: Axes = figure.subplots()
    return figure, axes


def empty_figure(look: Look, height_in: float, title: str, below: str, legend_rows: int = 0) -> Figure:
    """A figure whose title stands at its left edge, however long the labels of its axes are."""
    from matplotlib.figure import Figure

    lines = textwrap.wrap(below, 62 if look.narrow else 110)
    head_in = _TITLE_IN + _LINE_IN * len(lines) + _MARGIN_IN
    height_in += head_in + _ENTRY_IN * legend_rows
    figure = Figure(figsize=(look.width_in, height_in))
    figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - head_in / height_in))
    left = _MARGIN_IN / look.width_in
    figure.text(left, 1 - _MARGIN_IN / height_in, title, fontsize=11, fontweight="bold", va="top")
    y = 1 - (_TITLE_IN + _MARGIN_IN / 2) / height_in
    figure.text(left, y, "\n".join(lines), fontsize=8, va="top", alpha=0.85, linespacing=1.35)
    return figure


def _columns(look: Look, entries: Sequence[str]) -> int:
    columns = 2 if look.narrow else 4
    return columns // 2 if any(len(entry) > _LONG_ENTRY for entry in entries) else columns


def add_legend(figure: Figure, axes: Axes, look: Look) -> None:
    """Below the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    columns = _columns(look, labels)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=1.6)


def shaded(
    axes: Axes, look: Look, table: Sequence[Sequence[float | None]], blanks: Any, label_signs: int
) -> None:
    """A table of shares as percent; where there is None, the text in `blanks` stands.

    `label_signs` is the length of the longest row label, which leaves the less room for numbers.
    """
    percents = [[math.nan if value is None else 100 * value for value in row] for row in table]
    image = axes.imshow(percents, cmap=look.theme.colormap, aspect="auto")
    room_in = (look.width_in - 0.072 * label_signs - 0.3) / max(len(table[0]), 1)
    size = min(8.5, 72 * room_in / 3.4)  # five signs, 0.62 em each, and some air
    for i, row in enumerate(percents):
        for j, value in enumerate(row):
            blank = math.isnan(value)
            text = blanks[i][j] if blank else f"{value:.2f}" if size > 5.5 else f"{value:.0f}"
            colour = look.theme.text if blank else readable_on(image, value)
            shown = max(size, 5.5) * (0.85 if blank else 1)
            axes.text(j, i, text, ha="center", va="center", fontsize=shown, color=colour)


def readable_on(image: Any, value: float) -> str:
    """Black or white, whichever can be read on the colour that `image` gives a value."""
    red, green, blue, _ = image.cmap(image.norm(value))
    return "#101010" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "#ffffff"


def row_label(text: str, look: Look) -> str:
    """On a phone a long label takes several lines."""
    return "\n".join(textwrap.wrap(printable(text), 16)) if look.narrow else printable(text)
