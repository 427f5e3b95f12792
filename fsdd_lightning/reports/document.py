"""A report before it is written as Markdown or HTML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.reports.figures import pictures_of
from fsdd_lightning.reports.sections import Section, sections
from fsdd_lightning.reports.style import Picture
from fsdd_lightning.reports.tables import Table, changed_columns, short_name, speaker_table, summary_table, trials_table

if TYPE_CHECKING:
    import pandas as pd

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


@dataclass(frozen=True)
class Part:
    """A section as it is shown."""

    heading: str
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    summaries: Table
    speakers: Table | None
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Problems:
    """Runs without a result that ended alike; `reasons` are one line each, with names and folders of its runs."""

    heading: str
    reasons: tuple[tuple[str, tuple[tuple[str, Path | None], ...]], ...]


@dataclass(frozen=True)
class Document:
    """Everything that a report shows."""

    title: str
    counts: tuple[tuple[str, int], ...]
    parts: tuple[Part, ...]
    problems: tuple[Problems, ...]
    changed: tuple[str, ...]
    trials: Table


def build_document(trials: pd.DataFrame, title: str | None = None) -> Document:
    """`trials`: a frame, of run folders or read from results.csv. The default title names its sweeps."""
    found = sections(trials)
    counts = trials["state"].value_counts()
    return Document(
        title=title or ", ".join(trials["sweep"].unique()),
        counts=tuple((state, int(counts[state])) for state in _HEADINGS if state in counts),
        parts=tuple(_part(section, f"{number}_" if len(found) > 1 else "") for number, section in enumerate(found, 1)),
        problems=tuple(_problems(trials)),
        changed=tuple(map(short_name, changed_columns(trials))),
        trials=trials_table(trials),
    )


def _part(section: Section, prefix: str) -> Part:
    pictures = pictures_of(section)
    return Part(
        heading=f"{section.dataset}, split {section.split.get('name', '?')}",
        facts=_facts(section),
        notes=section.notes,
        summaries=summary_table(section),
        speakers=speaker_table(section) if len(section.speakers) else None,
        pictures=tuple(Picture(prefix + picture.name, picture.alt, picture.draw) for picture in pictures),
    )


def _facts(section: Section) -> tuple[str, ...]:
    first = section.trials.iloc[0]
    split = [f"{name}={value}" for name, value in section.split.items() if value is not None]
    facts = (
        f"{first.get('dataset.recordings', '?')} recordings, digest {section.digest[:12]}",
        f"split: {', '.join(split)}",
    )
    if section.several_speakers:
        return *facts, "each speaker in turn is held out as the test set"
    sizes = {part: first.get(f"split.{part}") for part in ("train", "val", "test")}
    return *facts, "clips: " + ", ".join(f"{size} {part}" for part, size in sizes.items() if size is not None)


def _problems(trials: pd.DataFrame) -> list[Problems]:
    found = []
    for state, heading in _HEADINGS.items():
        alike = trials[trials["state"] == state]
        if heading and len(alike):
            reasons = tuple(
                (str(reason), tuple(zip(runs["run"], runs["folder"], strict=True)))
                for reason, runs in alike.fillna({"reason": ""}).groupby("reason", sort=False)
            )
            found.append(Problems(f"{heading} ({len(alike)})", reasons))
    return found
