"""A report as results.md, for READMEs."""

from __future__ import annotations

from fsdd_lightning.escaping import markdown as shown
from fsdd_lightning.reports.choice import Answer
from fsdd_lightning.reports.columns import Table
from fsdd_lightning.reports.document import Document


def markdown(document: Document) -> str:
    """The whole report but for the list of trials, which results.csv holds."""
    counts = ", ".join(f"{count} {state}" for state, count in document.counts.items())
    blocks = [f"# {shown(document.title)}", f"Trials: {counts}."]
    for part in document.parts:
        section = part.section
        blocks += [f"## {shown(section.heading)}", "; ".join(map(shown, section.facts)) + "."]
        blocks += [f"**Note:** {shown(note)}." for note in section.notes]
        blocks += ["\n".join(f"* {_answer(answer)}" for answer in part.answers)] if part.answers else []
        blocks += [block for heading, table in part.tables.items() for block in (f"### {heading}", _grid(table))]
        blocks += [f"![{shown(picture.alt)}]({picture.name}.png)" for picture in part.pictures]
    if document.changed:
        blocks += ["## What changed between trials", ", ".join(map(shown, document.changed))]
    for heading, reasons in document.problems.items():
        names = {reason: ", ".join(shown(name) for name, _ in runs) for reason, runs in reasons.items()}
        blocks += [f"## {heading}", "\n".join(f"* {shown(reason)}: {runs}" for reason, runs in names.items())]
    return "\n\n".join(blocks) + "\n"


def _answer(answer: Answer) -> str:
    facts = "; ".join(map(shown, answer.facts))
    network = f"{shown(answer.mode)} {shown(answer.network)} in {answer.flash_bytes:,} bytes"
    return f"{shown(answer.limit)}: **{network}**, **{answer.accuracy} %** {facts}. {shown(answer.chosen)}."


def _grid(table: Table) -> str:
    """A GitHub table."""
    rule = "|".join("--:" if column.is_numeric else "---" for column in table.values())
    rows = [list(table), *zip(*(column.texts for column in table.values()), strict=True)]
    head, *lines = ["| " + " | ".join(map(shown, row)) + " |" for row in rows]
    return "\n".join([head, f"|{rule}|", *lines])
