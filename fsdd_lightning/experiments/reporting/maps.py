"""Tables as shaded figures: hidden size x mode, speaker x configuration, and what was taken for what."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fsdd_lightning.experiments.reporting.canvas import new_figure, titled
from fsdd_lightning.experiments.reporting.flatten import natural
from fsdd_lightning.experiments.reporting.points import Points
from fsdd_lightning.experiments.reporting.speakers import SpeakerSummary
from fsdd_lightning.experiments.reporting.style import Look, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STATES = {"refused": "too big", "running": "running", "failed": "failed", "interrupted": "stopped"}


def accuracy_map(points: Points) -> Callable[[Look], Figure]:
    """Hidden size x series, with what was refused."""
    rows = sorted({*points.series, *(series for series, _ in points.blanks)}, key=natural)
    sizes = sorted({*points.hidden_sizes, *(size for _, size in points.blanks)})
    values = {(each.series, each.memory.hidden_size): each.accuracy.value for each in points.points}
    table = [[values.get((row, size)) for size in sizes] for row in rows]
    blanks = [[_STATES.get(points.blanks.get((row, size), ""), "–") for size in sizes] for row in rows]

    def draw(look: Look) -> Figure:
        figure, axes = new_figure(look, 1.3 + 0.36 * len(rows))
        _shaded(axes, look, table, blanks)
        _ticks(axes, rows, [str(size) for size in sizes])
        axes.set_xlabel("hidden size")
        titled(axes, look, "Test accuracy, %: hidden size and mode", points.bars.partition(";")[0])
        return figure

    return draw


def speaker_map(speakers: Sequence[SpeakerSummary], labels: Sequence[str]) -> Callable[[Look], Figure]:
    """Configuration x held-out speaker."""
    names = sorted({name for each in speakers for name in each.by_speaker}, key=natural)
    table = [[each.accuracies.get(name) for name in names] for each in speakers]
    blanks = [["–"] * len(names) for _ in speakers]

    def draw(look: Look) -> Figure:
        figure, axes = new_figure(look, 1.5 + 0.36 * len(speakers))
        _shaded(axes, look, table, blanks)
        _ticks(axes, labels, names)
        if look.narrow or max(map(len, names)) > 10:
            axes.tick_params(axis="x", rotation=60)
        axes.set_xlabel("speaker never heard in training")
        titled(axes, look, "Test accuracy on an unseen voice, %", "mean over seeds")
        return figure

    return draw


def _shaded(
    axes: Axes, look: Look, table: Sequence[Sequence[float | None]], blanks: Sequence[Sequence[str]]
) -> None:
    """`table` holds shares, None where there is nothing: then the text of `blanks` stands there."""
    percents = [[math.nan if value is None else 100 * value for value in row] for row in table]
    image = axes.imshow(percents, cmap=look.theme.colormap, aspect="auto")
    for i, row in enumerate(percents):
        for j, value in enumerate(row):
            text = blanks[i][j] if math.isnan(value) else f"{value:.2f}"
            colour = look.theme.text if math.isnan(value) else _readable_on(image.cmap(image.norm(value)))
            axes.text(j, i, text, ha="center", va="center", fontsize=8.5, color=colour)


def _readable_on(colour: tuple[float, ...]) -> str:
    red, green, blue = colour[:3]
    return "#101010" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "#ffffff"


def _ticks(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.set_yticks(range(len(rows)), [printable(row) for row in rows])
    axes.set_xticks(range(len(columns)), [printable(column) for column in columns])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


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
                [sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*whole, strict=True)
            ]
    return counts


def speaker_confusions(summary: SpeakerSummary, label: str) -> Callable[[Look], Figure]:
    """A small confusion matrix for each held-out speaker."""
    counts = confusion_counts(summary)

    def draw(look: Look) -> Figure:
        from matplotlib.figure import Figure

        columns = min(2 if look.narrow else 3, len(counts))
        rows = math.ceil(len(counts) / columns)
        side = look.width_in / columns
        figure = Figure(figsize=(look.width_in, 0.6 + 1.12 * side * rows), layout="constrained")
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, (speaker, matrix) in zip(grid, counts.items(), strict=False):
            _small_confusion(axes, look, matrix)
            axes.set_title(f"{printable(speaker)}: {100 * summary.accuracies[speaker]:.2f} %", fontsize=9.5)
        for axes in grid[len(counts) :]:
            axes.set_visible(False)
        figure.suptitle(
            f"Spoken (rows) taken for (columns): {printable(label)}", x=0.01, ha="left", fontsize=10
        )
        return figure

    return draw


def _small_confusion(axes: Any, look: Look, matrix: Sequence[Sequence[int]]) -> None:
    shares = [[count / max(sum(row), 1) for count in row] for row in matrix]
    image = axes.imshow(shares, cmap=look.theme.colormap, vmin=0, vmax=1)
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            if count:
                colour = _readable_on(image.cmap(image.norm(shares[i][j])))
                size = 6 if look.narrow else 6.5
                axes.text(j, i, str(count), ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(range(len(matrix)))
    axes.set_yticks(range(len(matrix)))
    axes.tick_params(length=0, labelsize=7)
