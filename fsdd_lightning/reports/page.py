"""A report: what it shows, as results.md for READMEs and as report.html, one file that needs no other; its files."""

from __future__ import annotations

import base64
import errno
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.columns import (
    Table,
    changed_columns,
    others_table,
    short_name,
    speaker_table,
    summary_table,
    trials_table,
)
from fsdd_lightning.reports.figures import pictures_of
from fsdd_lightning.reports.frame import csv_bytes, frame
from fsdd_lightning.reports.sections import Section, sections
from fsdd_lightning.reports.style import LOOKS, Picture, rendered

# In the order in which a reader should see them; runs of all states but the first are listed under these headings.
_HEADINGS = {
    "done": "",
    "failed": "Failed",
    "interrupted": "Interrupted",
    "running": "Still running",
    "not started": "Not started yet",
    "incomplete": "Finished, but without usable numbers",
    "unreadable": "Could not be read",
    "over_budget": "Over the memory budget",
}

# What a table shows, by its heading, in the order of a section.
_EXPLAINED = {
    "Voices never heard in training": "Every speaker counts the same. The 95 % interval covers other speakers: "
    "Student's t over those held out.",
    "People it has never heard": "Recordings of other corpora. Through the listener: what a microphone delivers, and "
    "one in which no word is found is wrong. The mean is that over groups: speakers, and those "
    "with a few clips each together as one; people %: every speaker alone counts the same. Accepted: right, and not "
    "rejected as none of the words. Surest: of the share of recordings with the largest margins. ECE: how far "
    "confidence and accuracy lie apart; own: in the clips of the test set.",
    "Results over seeds": "Accuracy is that of what is deployed: the integers where there are any. Intervals are at 95 "
    "%: (t) other seeds on the same clips, (Wilson) other clips. Drop: percentage points from float to deployed.",
}


@dataclass(frozen=True)
class Part:
    """A section as it is shown; `tables` by their headings, which _EXPLAINED holds."""

    section: Section
    tables: dict[str, Table]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Document:
    """Everything that a report shows.

    `counts`: of runs, by state. `problems`: by heading and by reason, names and folders of the runs without a result.
    """

    title: str
    counts: dict[str, int]
    parts: tuple[Part, ...]
    problems: dict[str, dict[str, list[tuple[str, Path | None]]]]
    changed: tuple[str, ...]
    trials: Table


def build_document(trials: pd.DataFrame, title: str | None = None) -> Document:
    """`trials`: a frame, of run folders or read from results.csv. The default title names its sweeps."""
    found = sections(trials)
    counts = trials["state"].value_counts()
    return Document(
        title=title or ", ".join(trials["sweep"].unique()),
        counts={state: int(counts[state]) for state in _HEADINGS if state in counts},
        parts=tuple(_part(section, f"{number}_" if len(found) > 1 else "") for number, section in enumerate(found, 1)),
        problems={
            f"{heading} ({counts[state]})": _problems(trials[trials["state"] == state])
            for state, heading in _HEADINGS.items()
            if heading and state in counts
        },
        changed=tuple(map(short_name, changed_columns(trials))),
        trials=trials_table(trials),
    )


def _part(section: Section, prefix: str) -> Part:
    shown = (speaker_table(section) if len(section.speakers) else {}, others_table(section), summary_table(section))
    tables = {heading: table for heading, table in zip(_EXPLAINED, shown, strict=True) if table}
    return Part(
        section, tables, tuple(replace(picture, name=prefix + picture.name) for picture in pictures_of(section))
    )


def _problems(trials: pd.DataFrame) -> dict[str, list[tuple[str, Path | None]]]:
    reasons = trials.fillna({"reason": ""}).groupby("reason", sort=False)
    return {str(reason): list(zip(runs["run"], runs["folder"], strict=True)) for reason, runs in reasons}


def markdown(document: Document) -> str:
    """The whole report but for the list of trials, which results.csv holds."""
    counts = ", ".join(f"{count} {state}" for state, count in document.counts.items())
    blocks = [f"# {escaped(document.title)}", f"Trials: {counts}."]
    for part in document.parts:
        section = part.section
        blocks += [f"## {escaped(section.heading)}", "; ".join(map(escaped, section.facts)) + "."]
        blocks += [f"**Note:** {escaped(note)}." for note in section.notes]
        blocks += [block for heading, table in part.tables.items() for block in (f"### {heading}", _grid(table))]
        blocks += [f"![{escaped(picture.alt)}]({picture.name}.png)" for picture in part.pictures]
    if document.changed:
        blocks += ["## What changed between trials", ", ".join(map(escaped, document.changed))]
    for heading, reasons in document.problems.items():
        names = {reason: ", ".join(escaped(name) for name, _ in runs) for reason, runs in reasons.items()}
        blocks += [f"## {heading}", "\n".join(f"* {escaped(reason)}: {runs}" for reason, runs in names.items())]
    return "\n\n".join(blocks) + "\n"


def _grid(table: Table) -> str:
    """A GitHub table."""
    rule = "|".join("--:" if column.is_numeric else "---" for column in table.values())
    rows = [list(table), *zip(*(column.texts for column in table.values()), strict=True)]
    head, *lines = ["| " + " | ".join(map(escaped, row)) + " |" for row in rows]
    return "\n".join([head, f"|{rule}|", *lines])


def escaped(text: str) -> str:
    """As it is: nothing in a name is Markdown, and a line is a line."""
    plain = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
    return re.sub(r"([\\`*\[\]|~>])", r"\\\1", plain)


def page(document: Document, output: Path, links: bool = True) -> str:
    """HTML for screens of any width, light or dark.

    `output` is the folder of the page, from which its links to runs lead; without `links` there are none.
    """
    loader = PackageLoader("fsdd_lightning.reports", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("report.html.jinja")
    return template.render(
        report=document, explained=_EXPLAINED, link=lambda folder: link(folder, output), links=links, sources=_sources
    )


def link(folder: Path, output: Path) -> str:
    """A relative URL of a run folder; its name may hold anything."""
    return quote(os.fsencode(os.path.relpath(folder, output))) + "/"


def _sources(picture: Picture) -> dict[str, str]:
    """The picture in every look, as data URLs."""
    encoded = {name: base64.b64encode(rendered(picture, look, "svg")).decode() for name, look in LOOKS.items()}
    return {look: f"data:image/svg+xml;base64,{text}" for look, text in encoded.items()}


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

    `output`: by default `report` in the first folder. `portable`: no absolute paths, no links to run folders.

    Raises:
        UserError: a folder without runs, an output folder that can't be written.
        RunFailedError: the disk is full.
    """
    trials = frame(collect_runs(folders))
    output, files = (output or folders[0] / "report").resolve(), []
    document = build_document(trials, title)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, content in report_files(trials, document, output, portable):
            replace_file(output / name, content)
            files.append(name)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"no space left for the report in {output}; name another place with --output"
            raise RunFailedError(message) from error
        message = f"the report can't be written to {output} ({error.strerror}); name another folder with --output"
        raise UserError(message) from error
    return Report(document, output, tuple(files))


def report_files(trials: pd.DataFrame, document: Document, output: Path, portable: bool) -> Iterator[tuple[str, bytes]]:
    """Names and contents; the numbers first: drawing takes longest."""
    yield "results.csv", csv_bytes(trials, portable)
    yield "results.md", markdown(document).encode("utf-8", "replace")
    for picture in (picture for part in document.parts for picture in part.pictures):
        yield f"{picture.name}.png", rendered(picture, LOOKS["light"], "png")
    yield "report.html", page(document, output, links=not portable).encode("utf-8", "replace")
