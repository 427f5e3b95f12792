"""The confusion matrices of one run as pictures, from its record alone."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Draw those of all backends, one picture for all that are equal; a note on each that could not be drawn."""
    notes, paths = [], confusion_pictures(record, folder)
    for names in _alike(record.views):
        score, first = record.views[names[0]], paths[names[0]]
        title = f"{label(record.name)}: {' = '.join(names)}\n{score['correct']} of {score['total']} test clips right"
        note = draw(first, partial(confusion_figure, score, title), [paths[name] for name in names[1:]])
        notes += [] if note is None else [note]
    return notes


def _alike(scores: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Names of backends that confuse the same words, together."""
    groups: list[list[str]] = []
    for name, score in scores.items():
        group = next((names for names in groups if scores[names[0]]["confusion"] == score["confusion"]), None)
        groups.append([name]) if group is None else group.append(name)
    return groups


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
