"""How figures look: light or dark, wide or narrow, title above and legend below, and how they become files."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fsdd_lightning.evaluation.pictures import LITERAL, literal_texts

_LONGEST_LABEL = 40
_LONG_ENTRY = 22  # characters
_PNG_DPI = 200
_TITLE_IN, _LINE_IN, _MARGIN_IN, _ENTRY_IN = 0.26, 0.16, 0.06, 0.19


@dataclass(frozen=True)
class Look:
    """Colors on a background, wide for paper and screens from 640 px, or narrow for phones."""

    background: str
    text: str
    faint: str
    colormap: str
    dark: bool = False
    narrow: bool = False

    @property
    def width_in(self) -> float:
        """Of a figure."""
        return 4.0 if self.narrow else 7.0


_LIGHT = Look("#ffffff", "#1f2328", "#d0d7de", "Blues")
_DARK = Look("#14181f", "#e6edf3", "#3a424d", "cividis", dark=True)
LOOKS = {
    "light": _LIGHT,
    "dark": _DARK,
    "light_narrow": replace(_LIGHT, narrow=True),
    "dark_narrow": replace(_DARK, narrow=True),
}


@dataclass(frozen=True)
class Picture:
    """A figure: its file's name without ending, its text for readers who can't see it, and how to draw it."""

    name: str
    alt: str
    draw: Callable[[Look], Figure]


def rendered(picture: Picture, look: Look, file_format: str) -> bytes:
    """A picture as "svg", with text as paths, or as "png", 200 dots per inch; equal data give equal bytes."""
    with literal_texts(), matplotlib.rc_context(rc_parameters(look)):
        buffer, created = io.BytesIO(), {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
        picture.draw(look).savefig(buffer, format=file_format, metadata=created[file_format])
    return buffer.getvalue()


def rc_parameters(look: Look) -> Any:
    """Matplotlib's parameters."""
    backgrounds = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    texts = ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(backgrounds, look.background),
        **dict.fromkeys(texts, look.text),
        **dict.fromkeys(("axes.edgecolor", "grid.color"), look.faint),
        **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "font.size": 9.5,
        "font.family": "DejaVu Sans",
        "legend.fontsize": 9,
        **LITERAL,
        "svg.hashsalt": "fsdd_lightning",
        "savefig.dpi": _PNG_DPI,
    }


def printable(text: str) -> str:
    """A label that fits and holds printable characters only: names are data."""
    plain = "".join(character if character.isprintable() else "�" for character in text)
    cut = plain if len(plain) <= _LONGEST_LABEL else f"{plain[: _LONGEST_LABEL - 1]}…"
    return f" {cut}" if cut.startswith("_") else cut  # legends leave out what begins with an underscore


def new_figure(look: Look, height_in: float, title: str, below: str, entries: Sequence[str] = ()) -> Figure:
    """A figure with `height_in` for its axes, a title at its left edge and, in smaller type, what the marks stand for.

    `entries` are those of the legend that is to be added, for which the figure grows.
    """
    lines = textwrap.wrap(below, 62 if look.narrow else 110)
    head_in = _TITLE_IN + _LINE_IN * len(lines) + _MARGIN_IN
    height_in += head_in + _ENTRY_IN * math.ceil(len(entries) / _columns(look, entries))
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
