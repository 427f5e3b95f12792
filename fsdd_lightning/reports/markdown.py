"""results.md: the aggregated tables, for READMEs and pull requests."""

from __future__ import annotations

import re

from fsdd_lightning.reports.document import Document, Problems, Section
from fsdd_lightning.reports.tables import Table


def markdown(document: Document) -> str:
    """The whole report but for the list of trials, which results.csv holds."""
    counts = ", ".join(f"{count} {state}" for state, count in document.counts)
    parts = [f"# {escaped(document.title)}", f"Trials: {escaped(counts)}."]
    for section in document.sections:
        parts += _section(section)
    if document.changed:
        parts += ["## What changed between trials", ", ".join(escaped(name) for name in document.changed)]
    for problems in document.problems:
        parts += _problems(problems)
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    parts = [f"## {escaped(section.heading)}", "; ".join(escaped(fact) for fact in section.facts) + "."]
    parts += [f"**Note:** {escaped(note)}." for note in section.notes]
    if section.speakers is not None:
        parts += ["### Voices never heard in training", table(section.speakers)]
    parts += ["### Results over seeds", table(section.summaries)]
    return parts + [f"![{escaped(each.alt)}]({each.name}.png)" for each in section.pictures]


def _problems(problems: Problems) -> list[str]:
    lines = [
        f"* {escaped(reason)}: " + ", ".join(escaped(run.folder.name) for run in runs)
        for reason, runs in problems.reasons
    ]
    return [f"## {escaped(problems.heading)}", "\n".join(lines)]


def table(content: Table) -> str:
    """A GitHub table."""
    head = "| " + " | ".join(escaped(name) for name in content.columns) + " |"
    rule = "|" + "|".join("--:" if name in content.numeric else "---" for name in content.columns) + "|"
    rows = ["| " + " | ".join(escaped(field.text) for field in row) + " |" for row in content.rows]
    return "\n".join([head, rule, *rows])


def escaped(text: str) -> str:
    """As it is: nothing in a name is markup, and a line is a line."""
    plain = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
    return re.sub(r"([\\`*\[\]|~>])", r"\\\1", plain)
