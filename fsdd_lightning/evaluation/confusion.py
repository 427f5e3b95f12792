"""The confusion matrices of one run as pictures, from its record alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.evaluation.pictures import draw, label
from fsdd_lightning.runs.record import RunRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_LABEL = 20  # characters


def confusion_pictures(record: RunRecord, folder: Path) -> dict[str, Path]:
    """Where the picture of each backend is, or is to be."""
    return {name: folder / f"confusion_{name}.png" for name in record.views}


def draw_confusions(record: RunRecord, folder: Path) -> list[str]:
    """Draw those of all backends; a note on each that could not be drawn."""
    notes = []
    for name, path in confusion_pictures(record, folder).items():
        score = record.views[name]
        title = f"{label(record.name)}: {name}, {score['correct']} of {score['total']} test clips right"
        notes.append(draw(path, partial(confusion_figure, score, title)))
    return [note for note in notes if note is not None]


def confusion_figure(score: dict[str, Any], title: str) -> Figure:
    """Counts, shaded by share of the spoken word; `score` as in a record. Without pyplot, which keeps figures."""
    from matplotlib.figure import Figure

    labels = [label(word["label"], _LONGEST_LABEL) for word in score["classes"]]
    counts = score["confusion"]
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    figure = Figure(figsize=(6.0, 5.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if count:
                axes.text(j, i, str(count), ha="center", va="center", color="white" if shares[i][j] > 0.5 else "black")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("recognized word")
    axes.set_ylabel("spoken word")
    axes.set_title(title)
    return figure
