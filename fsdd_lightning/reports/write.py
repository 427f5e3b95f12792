"""A report's files, from run folders to disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.document import Document, build_document
from fsdd_lightning.reports.frame import csv_bytes, frame
from fsdd_lightning.reports.markdown import markdown
from fsdd_lightning.reports.page import page

FOLDER_NAME = "report"


@dataclass(frozen=True)
class Report:
    """What was written where."""

    document: Document
    output: Path
    files: tuple[str, ...]


def write_report(
    folders: Sequence[Path], output: Path | None = None, title: str | None = None, portable: bool = False
) -> Report:
    """Read run and sweep folders and write results.csv, results.md, the figures and report.html.

    Raises:
        UserError: a folder without runs, an output folder that can't be written.
        RunFailedError: the disk is full.
    """
    trials = frame(collect_runs(folders))
    output = (output or folders[0] / FOLDER_NAME).resolve()
    document = build_document(trials, title)
    files = []
    with _writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for name, content in _files(document, csv_bytes(trials, portable), output, portable):
            replace_file(output / name, content)
            files.append(name)
    return Report(document, output, tuple(files))


def _files(document: Document, csv: bytes, output: Path, portable: bool) -> Iterator[tuple[str, bytes]]:
    """The numbers first: drawing takes longest."""
    yield "results.csv", csv
    yield "results.md", _encoded(markdown(document))
    for part in document.parts:
        for picture in part.pictures:
            yield f"{picture.name}.png", picture.png()
    yield "report.html", _encoded(page(document, output, links=not portable))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunFailedError(
                f"no space left for the report in {output}; name another place with --output"
            ) from error
        raise UserError(
            f"the report can't be written to {output} ({error.strerror}); name another folder with --output"
        ) from error
