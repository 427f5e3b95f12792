"""A report before it is written as Markdown or HTML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fsdd_lightning.reports.collect import CollectedRun
from fsdd_lightning.reports.groups import Group, sort_into_groups
from fsdd_lightning.reports.pictures import Picture, pictures_of
from fsdd_lightning.reports.tables import (
    Table,
    changed_keys,
    incompleteness,
    run_state,
    short_name,
    speaker_table,
    summary_table,
    trials_table,
)

# In the order in which a reader wants to know of them.
_STATES = (
    "done",
    "running",
    "not started",
    "interrupted",
    "failed",
    "incomplete",
    "unreadable",
    "over_budget",
)
_HEADINGS = {
    "failed": "Failed",
    "interrupted": "Interrupted",
    "running": "Still running",
    "not started": "Not started yet",
    "incomplete": "Finished, but without usable numbers",
    "unreadable": "Could not be read",
    "over_budget": "Refused: over the memory budget",
}


@dataclass(frozen=True)
class Section:
    """A group of comparable runs."""

    heading: str
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    summaries: Table
    speakers: Table | None
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Problems:
    """Runs without a result that ended alike; `reasons` are one line each, with the runs it holds for."""

    heading: str
    reasons: tuple[tuple[str, tuple[CollectedRun, ...]], ...]


@dataclass(frozen=True)
class Document:
    """Everything that a report shows."""

    title: str
    counts: tuple[tuple[str, int], ...]
    sections: tuple[Section, ...]
    problems: tuple[Problems, ...]
    changed: tuple[str, ...]
    trials: Table


def build_document(runs: Sequence[CollectedRun], title: str | None) -> Document:
    """`runs` in the order of `results.ordered`."""
    sweeps = list(dict.fromkeys(run.sweep for run in runs))
    groups = sort_into_groups(runs).groups
    states = [run_state(run) for run in runs]
    counts = Counter(states)
    return Document(
        title=title or ", ".join(sweeps),
        counts=tuple((state, counts[state]) for state in sorted(counts, key=_state_order)),
        sections=tuple(
            _section(group, f"{number}_" if len(groups) > 1 else "") for number, group in enumerate(groups, 1)
        ),
        problems=tuple(_problems(runs, states)),
        changed=tuple(short_name(name) for name in changed_keys(runs)),
        trials=trials_table(runs),
    )


def _state_order(state: str) -> int:
    return _STATES.index(state) if state in _STATES else len(_STATES)


def _section(group: Group, prefix: str) -> Section:
    return Section(
        heading=_heading(group),
        facts=_facts(group),
        notes=group.notes,
        summaries=summary_table(group),
        speakers=speaker_table(group) if group.speakers else None,
        pictures=tuple(
            Picture(prefix + picture.name, picture.alt, picture.draw) for picture in pictures_of(group)
        ),
    )


def _heading(group: Group) -> str:
    split = json.loads(group.key.split)
    return f"{group.key.dataset}, split {split.get('split.name', '?')}"


def _facts(group: Group) -> tuple[str, ...]:
    record = group.first.plan.record
    split = {name.removeprefix("split."): value for name, value in json.loads(group.key.split).items()}
    details = ", ".join(f"{name}={value}" for name, value in split.items() if value is not None)
    recordings = f"{record.dataset.get('recordings', '?')} recordings, digest {group.key.digest[:12]}"
    sizes = ", ".join(
        f"{record.split[part]} {part}" for part in ("train", "val", "test") if part in record.split
    )
    if group.several_speakers:
        return recordings, f"split: {details}", "each speaker in turn is held out as the test set"
    return recordings, f"split: {details}", f"clips: {sizes}"


def _problems(runs: Sequence[CollectedRun], states: Sequence[str]) -> list[Problems]:
    found = []
    for state, heading in _HEADINGS.items():
        reasons: dict[str, list[CollectedRun]] = {}
        for run in (run for run, each in zip(runs, states, strict=True) if each == state):
            reasons.setdefault(incompleteness(run) or run.reason, []).append(run)
        if reasons:
            count = sum(map(len, reasons.values()))
            listed = tuple((reason, tuple(alike)) for reason, alike in reasons.items())
            found.append(Problems(f"{heading} ({count})", listed))
    return found
