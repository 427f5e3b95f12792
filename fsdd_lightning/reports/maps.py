"""Tables as shaded figures: hidden size x mode, speaker x config, and which word was taken for which."""

from __future__ import annotations

import json
import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from fsdd_lightning.reports.rows import natural
from fsdd_lightning.reports.sections import Section
from fsdd_lightning.reports.style import Look, new_figure, printable
from fsdd_lightning.reports.summaries import NETWORK

_STATES = {"over_budget": "too\nbig", "running": "runs", "failed": "failed", "interrupted": "stop"}


def accuracy_map(section: Section, below: str, look: Look) -> Figure:
    """Series x hidden size, with the trials that have no result."""
    shares = section.points.pivot_table("accuracy", "series", "hidden_size", aggfunc="last")
    states = section.unfinished.pivot_table("state", "series", "hidden_size", aggfunc="last")
    rows = sorted(shares.index.union(states.index), key=natural)
    sizes = sorted(shares.columns.union(states.columns))
    blanks = states.reindex(index=rows, columns=sizes).map(lambda state: _STATES.get(state, "–"))
    texts = ("Accuracy, %, by mode and size", below.partition(";")[0], "hidden size")
    return _shaded(look, texts, shares.reindex(index=rows, columns=sizes), blanks)


def speaker_map(section: Section, look: Look) -> Figure:
    """Config x held-out speaker."""
    voices = section.voices.set_axis(section.speakers["label"])
    texts = ("Accuracy on an unseen voice, %", "mean over seeds", "speaker never heard in training")
    return _shaded(look, texts, voices, voices.map(lambda _: "–"))


def _shaded(look: Look, texts: tuple[str, str, str], shares: pd.DataFrame, blanks: pd.DataFrame) -> Figure:
    """Shares as percent on a color; `blanks` stand where there is none. `texts`: title, what is below, x axis."""
    rows, columns = [printable(row) for row in shares.index], [printable(str(name)) for name in shares]
    if look.narrow:  # on a phone a long label takes several lines
        rows = ["\n".join(textwrap.wrap(row, 16)) for row in rows]
    lines = [row.splitlines() or [""] for row in rows]
    turned = max(len(str(name)) for name in shares) * len(columns) > (28 if look.narrow else 80)
    height_in = 0.6 + sum(0.2 + 0.16 * len(row) for row in lines) + 0.5 * turned
    figure = new_figure(look, height_in, texts[0], texts[1])
    axes = figure.subplots()
    _shade(axes, look, 100 * shares.to_numpy(float), blanks.to_numpy(), max(len(line) for row in lines for line in row))
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns)
    axes.tick_params(axis="x", rotation=60 if turned else 0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(texts[2])
    return figure


def _shade(axes: Axes, look: Look, percents: np.ndarray, blanks: np.ndarray, label_length: int) -> None:
    """`label_length`, in characters, of the longest row label, which leaves the less room for numbers."""
    image = axes.imshow(percents, cmap=look.colormap, aspect="auto")
    room_in = (look.width_in - 0.072 * label_length - 0.3) / percents.shape[1]
    size = min(8.5, 72 * room_in / 3.4)  # five characters, 0.62 em wide, and some air
    for (i, j), value in np.ndenumerate(percents):
        text, color, shrink = str(blanks[i, j]), look.text, 0.85
        if not math.isnan(value):
            text = f"{value:.2f}" if size > 5.5 else f"{value:.0f}"
            color, shrink = _readable_on(image, value), 1.0
        axes.text(j, i, text, ha="center", va="center", fontsize=max(size, 5.5) * shrink, color=color)


def _readable_on(image: AxesImage, value: float) -> str:
    """Black or white, whichever can be read on the color that `image` gives a value."""
    red, green, blue, _ = image.to_rgba(np.array(value))
    return "#101010" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "#ffffff"


def best_on_voices(section: Section) -> pd.Series:
    """The row of `section.speakers` with the highest mean over all speakers; of those that were run for the most."""
    ranks = list(zip(section.speakers["voices"].map(len), section.speakers["accuracy"], strict=True))
    return section.speakers.iloc[ranks.index(max(ranks))]


def confusion_counts(section: Section) -> dict[str, np.ndarray]:
    """For every speaker the best config's (taken for, spoken) counts, summed over seeds.

    Speakers for whom a matrix is missing or is not square are left out.
    """
    best, trials, counts = best_on_voices(section), section.trials, {}
    own = trials[(trials[NETWORK] == best[NETWORK]).all(axis=1)]
    for speaker in best["voices"]:
        found = [json.loads(text or "[]") for text in own.loc[own["speaker"] == speaker, "confusion"]]
        size = len(found[0])
        if size and {(len(matrix), *map(len, matrix)) for matrix in found} == {(size,) * (size + 1)}:
            counts[speaker] = np.sum(found, axis=0)
    return counts


def speaker_confusions(section: Section, look: Look) -> Figure:
    """The confusion matrix of the best config for every held-out speaker."""
    counts, best = confusion_counts(section), best_on_voices(section)
    columns = min(2 if look.narrow else 3, len(counts))
    rows = math.ceil(len(counts) / columns)
    below = f"spoken word (rows) taken for (columns); {printable(best['label'])}"
    figure = new_figure(look, 1.12 * look.width_in / columns * rows, "Confusion on an unseen voice", below)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (speaker, matrix) in zip(grid, counts.items(), strict=False):
        _confusion(axes, look, matrix)
        axes.set_title(f"{printable(speaker)}: {100 * best['voices'][speaker]:.2f} %", fontsize=9.5)
    for axes in grid[len(counts) :]:
        axes.set_visible(False)
    return figure


def _confusion(axes: Axes, look: Look, matrix: np.ndarray) -> None:
    shares = matrix / matrix.sum(axis=1, keepdims=True).clip(1)
    image = axes.imshow(shares, cmap=look.colormap, vmin=0, vmax=1)
    for (i, j), share in np.ndenumerate(shares):
        if matrix[i, j]:
            style: dict[str, Any] = {"fontsize": 6 if look.narrow else 6.5, "color": _readable_on(image, share)}
            axes.text(j, i, str(matrix[i, j]), ha="center", va="center", **style)
    axes.set_xticks(range(len(matrix)))
    axes.set_yticks(range(len(matrix)))
    axes.tick_params(length=0, labelsize=7)
