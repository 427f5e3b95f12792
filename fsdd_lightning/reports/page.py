"""The files of a report: results.csv, results.md, the figures and report.html."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fsdd_lightning.artifacts import place_within, replace_file
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.evaluation.pictures import not_drawn
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.document import Document, build_document
from fsdd_lightning.reports.frame import csv_bytes, frame
from fsdd_lightning.reports.html.render import page
from fsdd_lightning.reports.markdown import markdown
from fsdd_lightning.reports.style import LOOKS, rendered


@dataclass(frozen=True)
class Report:
    """What was written where; a note on each picture that is missing."""

    document: Document
    output: Path
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()


def write_report(
    folders: Sequence[Path], output: Path | None = None, title: str | None = None, portable: bool = False
) -> Report:
    """Read run and sweep folders and write results.csv, results.md, the figures and report.html.

    `output`: by default `report` in the first folder. `portable`: no absolute paths, no links to run folders.

    Raises:
        UserError: a folder without runs, an output folder that can't be written.
        RunFailedError: the disk is full.
    """
    trials = frame(collect_runs(folders))
    output = (output or place_within(folders[0], "report")).resolve()
    files: list[str] = []
    notes: list[str] = []
    document = build_document(trials, title)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, content in report_files(trials, document, output, portable, notes):
            replace_file(output / name, content)
            files.append(name)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"no space left for the report in {output}; name another place with --output"
            raise RunFailedError(message) from error
        message = f"the report can't be written to {output} ({error.strerror}); name another folder with --output"
        raise UserError(message) from error
    return Report(document, output, tuple(files), tuple(notes))


def report_files(
    trials: pd.DataFrame, document: Document, output: Path, portable: bool, notes: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Names and contents; the numbers first: drawing takes longest. What can't be drawn is added to `notes`."""
    yield "results.csv", csv_bytes(trials, portable)
    yield "results.md", markdown(document).encode("utf-8", "replace")
    for picture in (picture for part in document.parts for picture in part.pictures):
        name = f"{picture.name}.png"
        try:
            content = rendered(picture, LOOKS["light"], "png")
        except Exception as error:
            notes.append(not_drawn(name, error))
        else:
            yield name, content
    yield "report.html", page(document, output, links=not portable).encode("utf-8", "replace")
