"""What a measurement leaves in a run folder: NAME.json, NAME.csv and NAME.png."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.escaping import csv_cell
from fsdd_lightning.evaluation.pictures import caption, draw
from fsdd_lightning.files import RECORD_BYTES, parse_json, read_regular

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fsdd_lightning.data.preparation import PreparedData
    from fsdd_lightning.runs.folder import Run

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # of Okabe and Ito, which everyone can distinguish

logger = logging.getLogger(__name__)


def figure_title(run: Run, data: PreparedData, backend: str, what: str) -> str:
    """Two lines: the network and its backend; the clips, their corpus and split, and `what` is shown of them."""
    shape, split = run.checkpoint.network.shape, run.config.split
    network = f"{shape.layers}x{shape.hidden_size} {run.config.quantization.name}"
    voice = f" ({split.held_out})" if split.name == "unseen_speaker" else ""
    clips = f"{len(data.split.test):,} test clips of {data.recordings.name}, split {split.name}{voice}"
    return caption(f"{run.record.name}: {network} network, {backend} backend\n{clips}, {what}")


def write_report(
    folder: Path, name: str, record: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], make: Callable[[], Figure]
) -> None:
    """`record` as JSON, `rows` as a table, and the figure; each file in one step. No figure is a note on stderr."""
    replace_file(folder / f"{name}.json", (json.dumps(record, indent=2) + "\n").encode())
    replace_file(folder / f"{name}.csv", csv_text(rows).encode())
    note = draw(folder / f"{name}.png", make)
    if note is not None:
        logger.warning("note: %s", note)  # on stderr


def beside_others(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """A record with those parts of the file that it does not have, where they are of the same recordings."""
    try:
        there = parse_json(read_regular(path, RECORD_BYTES))
    except (OSError, ValueError):
        return record
    same = isinstance(there, dict) and there.get("digest") == record["digest"]
    return {**there, **record} if same else record


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line a row; the columns are those of all rows, in the order of their first use. What a row lacks is empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_cell, names))
    writer.writerows([csv_cell(row.get(name, "")) for name in names] for row in rows)
    return text.getvalue()
