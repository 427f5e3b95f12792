"""Tables as shaded figures: hidden size x mode, speaker x configuration, and what was taken for what."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fsdd_lightning.reports.canvas import (
    empty_figure,
    readable_on,
    row_label,
    shaded,
    titled_figure,
)
from fsdd_lightning.reports.flatten import natural
from fsdd_lightning.reports.points import Points
from fsdd_lightning.reports.speakers import SpeakerSummary
from fsdd_lightning.reports.style import Look, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STATES = {"over_budget": "too\nbig", "running": "runs", "failed": "failed", "interrupted": "stop"}
_Content = tuple[
    Sequence[Sequence[float | None]], Sequence[Sequence[str]]
]  # shares, and what stands for None


def accuracy_map(points: Points) -> Callable[[Look], Figure]:
    """Hidden size x series, with what was refused."""
    rows = sorted({*points.series, *(series for series, _ in points.blanks)}, key=natural)
    sizes = sorted({*points.hidden_sizes, *(size for _, size in points.blanks)})
    values = {(each.series, each.memory.hidden_size): each.accuracy.value for each in points.points}
    table = [[values.get((row, size)) for size in sizes] for row in rows]
    blanks = [[_STATES.get(points.blanks.get((row, size), ""), "–") for size in sizes] for row in rows]

    def draw(look: Look) -> Figure:
        what = points.bars.partition(";")[0]
        return _shaded_figure(
            look, ("Accuracy, %, by mode and size", what, "hidden size"), rows, sizes, (table, blanks)
        )

    return draw


def speaker_map(speakers: Sequence[SpeakerSummary], labels: Sequence[str]) -> Callable[[Look], Figure]:
    """Configuration x held-out speaker."""
    names = sorted({name for each in speakers for name in each.by_speaker}, key=natural)
    table = [[each.accuracies.get(name) for name in names] for each in speakers]
    blanks = [["–"] * len(names) for _ in speakers]

    def draw(look: Look) -> Figure:
        texts = ("Accuracy on an unseen voice, %", "mean over seeds", "speaker never heard in training")
        return _shaded_figure(look, texts, labels, names, (table, blanks))

    return draw


def _shaded_figure(
    look: Look,
    texts: tuple[str, str, str],
    rows: Sequence[str],
    columns: Sequence[str | int],
    content: _Content,
) -> Figure:
    """`texts`: title, what is below it, and the name of the columns."""
    row_texts = [row_label(row, look) for row in rows]
    lines = [text.splitlines() or [""] for text in row_texts]
    height_in = 0.6 + sum(0.2 + 0.16 * len(each) for each in lines)
    turned = max(len(str(column)) for column in columns) * len(columns) > (28 if look.narrow else 80)
    figure, axes = titled_figure(look, height_in + 0.5 * turned, texts[0], texts[1])
    shaded(axes, look, *content, max(len(line) for each in lines for line in each))
    axes.set_yticks(range(len(rows)), row_texts)
    axes.set_xticks(range(len(columns)), [printable(str(column)) for column in columns])
    axes.tick_params(axis="x", rotation=60 if turned else 0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(texts[2])
    return figure


def best_on_voices(speakers: Sequence[SpeakerSummary]) -> SpeakerSummary:
    """The configuration with the highest mean over all voices; of those that were run for the most."""
    return max(speakers, key=lambda each: (len(each.by_speaker), each.mean))


def confusion_counts(summary: SpeakerSummary) -> dict[str, list[list[int]]]:
    """For each speaker the deployed view's confusion matrix, summed over seeds; speakers without one are left out."""
    counts = {}
    for speaker, each in summary.by_speaker.items():
        matrices = [result.deployed.confusion for result in each.results]
        whole = [matrix for matrix in matrices if matrix and all(len(row) == len(matrix) for row in matrix)]
        if whole and len(whole) == len(matrices) and len({len(matrix) for matrix in whole}) == 1:
            counts[speaker] = [
                [sum(trials) for trials in zip(*rows, strict=True)] for rows in zip(*whole, strict=True)
            ]
    return counts


def speaker_confusions(summary: SpeakerSummary, label: str) -> Callable[[Look], Figure]:
    """A small confusion matrix for each held-out speaker."""
    counts = confusion_counts(summary)

    def draw(look: Look) -> Figure:
        columns = min(2 if look.narrow else 3, len(counts))
        rows = math.ceil(len(counts) / columns)
        height_in = 1.12 * look.width_in / columns * rows
        below = f"spoken digit (rows) taken for (columns); {printable(label)}"
        figure = empty_figure(look, height_in, "Confusion on an unseen voice", below)
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, (speaker, matrix) in zip(grid, counts.items(), strict=False):
            _small_confusion(axes, look, matrix)
            axes.set_title(f"{printable(speaker)}: {100 * summary.accuracies[speaker]:.2f} %", fontsize=9.5)
        for axes in grid[len(counts) :]:
            axes.set_visible(False)
        return figure

    return draw


def _small_confusion(axes: Any, look: Look, matrix: Sequence[Sequence[int]]) -> None:
    shares = [[count / max(sum(row), 1) for count in row] for row in matrix]
    image = axes.imshow(shares, cmap=look.theme.colormap, vmin=0, vmax=1)
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            if count:
                colour = readable_on(image, shares[i][j])
                size = 6 if look.narrow else 6.5
                axes.text(j, i, str(count), ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(range(len(matrix)))
    axes.set_yticks(range(len(matrix)))
    axes.tick_params(length=0, labelsize=7)
