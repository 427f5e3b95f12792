"""How figures look: light or dark, wide or narrow, title above and legend below, and how they become files."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LONGEST_LABEL = 40
_LONG_ENTRY = 22  # characters
_PNG_DPI = 200
_TITLE_IN, _LINE_IN, _MARGIN_IN, _ENTRY_IN = 0.26, 0.16, 0.06, 0.19
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")


@dataclass(frozen=True)
class Theme:
    """Colors; `series` can be told apart with any color vision, in this order."""

    background: str
    text: str
    faint: str
    colormap: str
    series: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """A theme in a width: wide for screens from 640 px and for paper, narrow for phones."""

    theme: Theme
    width_in: float
    narrow: bool


_LIGHT = Theme(
    "#ffffff", "#1f2328", "#d0d7de", "Blues",
    ("#0072b2", "#d55e00", "#008f68", "#a0499b", "#b8860b", "#3aa0dc", "#6b6b6b", "#c2185b", "#7a8b00", "#4b3fae"),
)  # fmt: skip
_DARK = Theme(
    "#14181f", "#e6edf3", "#3a424d", "cividis",
    ("#4fb0e8", "#ff9354", "#3fd0a4", "#d78ad2", "#f0c24b", "#9ad7ff", "#b4b4b4", "#ff7fab", "#c3d44a", "#a59cff"),
)  # fmt: skip
LOOKS = {
    "light": Look(_LIGHT, 7.0, False),
    "dark": Look(_DARK, 7.0, False),
    "light_narrow": Look(_LIGHT, 4.0, True),
    "dark_narrow": Look(_DARK, 4.0, True),
}


@dataclass(frozen=True)
class Picture:
    """A figure: its file's name without ending, its text for readers who can't see it, and how to draw it."""

    name: str
    alt: str
    draw: Callable[[Look], Figure]

    def png(self) -> bytes:
        """For paper and READMEs: light, 1,400 pixels wide."""
        return rendered(self.draw, LOOKS["light"], "png")

    def svg(self, look: str) -> bytes:
        """For the page, one of LOOKS; text as paths, so that it looks the same everywhere."""
        return rendered(self.draw, LOOKS[look], "svg")


def rendered(draw: Callable[[Look], Figure], look: Look, file_format: str) -> bytes:
    """The figure as "svg" or "png"; equal data give equal bytes."""
    import matplotlib

    with matplotlib.rc_context(rc_parameters(look)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a speaker's name in a script that the font lacks
        figure, buffer = draw(look), io.BytesIO()
        created = {"Software": None} if file_format == "png" else {"Date": None, "Creator": None}
        figure.savefig(buffer, format=file_format, metadata=created)
    return buffer.getvalue()


def rc_parameters(look: Look) -> Any:
    """Matplotlib's settings."""
    theme = look.theme
    backgrounds = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    texts = ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(backgrounds, theme.background),
        **dict.fromkeys(texts, theme.text),
        **dict.fromkeys(("axes.edgecolor", "grid.color"), theme.faint),
        **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "font.size": 9.5,
        "font.family": "DejaVu Sans",
        "legend.fontsize": 9,
        "text.parse_math": False,  # names may hold dollars
        "svg.hashsalt": "fsdd_lightning",
        "savefig.dpi": _PNG_DPI,
    }


def printable(text: str) -> str:
    """A label that fits and holds printable characters only: names are data."""
    plain = "".join(character if character.isprintable() else "�" for character in text)
    cut = plain if len(plain) <= _LONGEST_LABEL else f"{plain[: _LONGEST_LABEL - 1]}…"
    return f" {cut}" if cut.startswith("_") else cut  # legends leave out what begins with an underscore


def titled_figure(
    look: Look, height_in: float, title: str, below: str, entries: Sequence[str] = ()
) -> tuple[Figure, Axes]:
    """Empty axes `height_in` high with a title and, in smaller type, what the marks stand for.

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
