"""The confusion matrix of one run as a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.artifacts import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_figure(score: dict[str, Any], title: str) -> Figure:
    """Counts, shaded by share of the spoken word; `score` as in a record. Without pyplot, which keeps figures."""
    from matplotlib.figure import Figure

    labels = [word["label"] for word in score["classes"]]
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


def save_figure(figure: Figure, path: Path) -> None:
    """PNG without a creation date, so that equal content gives equal bytes; in one step, and through no link."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    replace_file(path, content.getvalue())
