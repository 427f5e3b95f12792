"""Figures with a title above and a legend below, none of which covers anything."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from fsdd_lightning.experiments.reporting.style import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(look: Look, height_in: float, legend_entries: int = 0) -> tuple[Figure, Any]:
    """An empty figure with room for a legend below, and its axes."""
    from matplotlib.figure import Figure

    height_in += 0.19 * math.ceil(legend_entries / _legend_columns(look))
    figure = Figure(figsize=(look.width_in, height_in), layout="constrained")
    return figure, figure.subplots()


def _legend_columns(look: Look) -> int:
    return 2 if look.narrow else 4


def add_legend(figure: Figure, axes: Axes, look: Look) -> None:
    """Below the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    columns = _legend_columns(look)
    if any(len(label) > 22 for label in labels):
        columns //= 2
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=1.6)


def titled(axes: Axes, look: Look, title: str, below: str) -> None:
    """The title, and in smaller type what the marks stand for."""
    width = 56 if look.narrow else 100
    axes.set_title(title, pad=8 + 11.5 * len(textwrap.wrap(below, width)))
    axes.text(
        0,
        1,
        "\n".join(textwrap.wrap(below, width)),
        transform=_above(axes),
        fontsize=8,
        va="bottom",
        alpha=0.85,
    )


def _above(axes: Axes) -> Any:
    from matplotlib.transforms import ScaledTranslation

    assert axes.figure is not None
    return axes.transAxes + ScaledTranslation(0, 5 / 72, axes.figure.dpi_scale_trans)
