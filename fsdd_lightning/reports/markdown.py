"""results.md: the aggregated tables, for READMEs and pull requests."""

from __future__ import annotations

import re

from fsdd_lightning.reports.document import Document, Part, Problems
from fsdd_lightning.reports.tables import Table


def markdown(document: Document) -> str:
    """The whole report but for the list of trials, which results.csv holds."""
    counts = ", ".join(f"{count} {state}" for state, count in document.counts)
    lines = [f"# {escaped(document.title)}", f"Trials: {escaped(counts)}."]
    for part in document.parts:
        lines += _part(part)
    if document.changed:
        lines += ["## What changed between trials", ", ".join(map(escaped, document.changed))]
    for problems in document.problems:
        lines += _problems(problems)
    return "\n\n".join(lines) + "\n"


def _part(part: Part) -> list[str]:
    lines = [f"## {escaped(part.heading)}", "; ".join(map(escaped, part.facts)) + "."]
    lines += [f"**Note:** {escaped(note)}." for note in part.notes]
    if part.speakers is not None:
        lines += ["### Voices never heard in training", table(part.speakers)]
    lines += ["### Results over seeds", table(part.summaries)]
    return lines + [f"![{escaped(picture.alt)}]({picture.name}.png)" for picture in part.pictures]


def _problems(problems: Problems) -> list[str]:
    lines = [
        f"* {escaped(reason)}: " + ", ".join(escaped(name) for name, _ in runs) for reason, runs in problems.reasons
    ]
    return [f"## {escaped(problems.heading)}", "\n".join(lines)]


def table(content: Table) -> str:
    """A GitHub table."""
    head = "| " + " | ".join(map(escaped, content.columns)) + " |"
    rule = "|" + "|".join("--:" if name in content.numeric else "---" for name in content.columns) + "|"
    rows = ["| " + " | ".join(escaped(field.text) for field in row) + " |" for row in content.rows]
    return "\n".join([head, rule, *rows])


def escaped(text: str) -> str:
    """As it is: nothing in a name is markup, and a line is a line."""
    plain = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
    return re.sub(r"([\\`*\[\]|~>])", r"\\\1", plain)
