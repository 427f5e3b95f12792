"""What a report shows: sections with their answers, figures and tables, and the runs that have no result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fsdd_lightning.reports.choice import Answer, Budget, answers, budgets_of
from fsdd_lightning.reports.columns import (
    Table,
    changed_columns,
    evaluations_table,
    others_table,
    short_name,
    speaker_table,
    summary_table,
    trials_table,
)
from fsdd_lightning.reports.evaluations import Evaluated, evaluations_of
from fsdd_lightning.reports.figures import pictures_of
from fsdd_lightning.reports.origin import Origin, origin_of
from fsdd_lightning.reports.sections import Section, sections
from fsdd_lightning.reports.style import Picture

# In the order in which a reader should see them; runs of all states but the first are listed under these headings.
HEADINGS = {
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
EXPLAINED = {
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
    """A section as it is shown; `tables` by their headings, which EXPLAINED holds."""

    section: Section
    tables: dict[str, Table]
    pictures: tuple[Picture, ...]
    budgets: tuple[Budget, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Document:
    """Everything that a report shows.

    `counts`: of runs, by state. `problems`: by heading and by reason, names and folders of the runs without a result.
    `frame`: what all of it was made of. Commands and `evaluated` come from the folders, and only the page has them.
    """

    title: str
    counts: dict[str, int]
    parts: tuple[Part, ...]
    problems: dict[str, dict[str, list[tuple[str, Path | None]]]]
    changed: tuple[str, ...]
    trials: Table
    frame: pd.DataFrame
    origin: Origin
    evaluated: tuple[Evaluated, ...]

    @property
    def evaluations(self) -> Table:
        """What runs reached on other recordings; empty where nothing was evaluated."""
        return evaluations_table(self.evaluated)


def build_document(trials: pd.DataFrame, title: str | None = None) -> Document:
    """`trials`: a frame, of run folders or read from results.csv. The default title names its sweeps."""
    found = sections(trials)
    counts = trials["state"].value_counts()
    return Document(
        title=title or ", ".join(trials["sweep"].unique()),
        counts={state: int(counts[state]) for state in HEADINGS if state in counts},
        parts=tuple(_part(section, f"{number}_" if len(found) > 1 else "") for number, section in enumerate(found, 1)),
        problems={
            f"{heading} ({counts[state]})": _problems(trials[trials["state"] == state])
            for state, heading in HEADINGS.items()
            if heading and state in counts
        },
        changed=tuple(map(short_name, changed_columns(trials))),
        trials=trials_table(trials),
        frame=trials,
        origin=origin_of(trials),
        evaluated=tuple(evaluations_of(trials)),
    )


def _part(section: Section, prefix: str) -> Part:
    shown = (speaker_table(section) if len(section.speakers) else {}, others_table(section), summary_table(section))
    tables = {heading: table for heading, table in zip(EXPLAINED, shown, strict=True) if table}
    pictures = tuple(replace(picture, name=prefix + picture.name) for picture in pictures_of(section))
    return Part(section, tables, pictures, budgets_of(section), answers(section))


def _problems(trials: pd.DataFrame) -> dict[str, list[tuple[str, Path | None]]]:
    reasons = trials.fillna({"reason": ""}).groupby("reason", sort=False)
    return {str(reason): list(zip(runs["run"], runs["folder"], strict=True)) for reason, runs in reasons}
