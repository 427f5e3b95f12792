"""What to expect of a network: of voices that it has heard, of one that it has not, of the people of other corpora."""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.table import Table

from fsdd_lightning.console.tables import plain_table
from fsdd_lightning.runs.metrics import deployed_backend, percent
from fsdd_lightning.runs.record import WAYS, RunRecord


class _Row(NamedTuple):
    who: str
    accuracy: float
    ci95: tuple[float, float] | list[float] | None
    clips: int
    people: int | None
    worst: str = ""


def expectation_table(record: RunRecord) -> Table | None:
    """One row each, in percent; None where nothing but the run's own test clips was measured."""
    rows = [_own_row(record), *_unheard_rows(record.unheard), *_others_rows(record.others)]
    if len(rows) == 1:
        return None
    numbers = ("accuracy %", "95 % interval", "worst", "clips", "people")
    table = plain_table("What to expect", ("who speaks",), numbers)
    for row in rows:
        interval = f"{100 * row.ci95[0]:.1f} - {100 * row.ci95[1]:.1f}" if row.ci95 else ""
        people = "" if row.people is None else str(row.people)
        table.add_row(row.who, percent(row.accuracy), interval, row.worst, f"{row.clips:,}", people)
    return table


def _own_row(record: RunRecord) -> _Row:
    deployed = deployed_backend(record.views)
    assert deployed is not None
    score, split = record.views[deployed], record.config["split"]
    who = f"an unheard voice, {split['held_out']}" if split["name"] == "unseen_speaker" else "heard voices"
    people = record.split.get("people", {}).get("test")
    return _Row(who, score["accuracy"], score["ci95"], score["total"], people)


def _unheard_rows(unheard: dict[str, Any]) -> list[_Row]:
    """Of the second network."""
    if not unheard:
        return []
    who = f"an unheard voice, {unheard['speaker']}"
    return [_Row(who, unheard["accuracy"], unheard["ci95"], unheard["total"], 1)]


def _others_rows(others: dict[str, dict[str, Any]]) -> list[_Row]:
    """One a corpus: through the listener where the network is that of one. Means over groups of people."""
    rows = []
    for name, score in others.items():
        way = next(way for way in WAYS if way in score)
        part, groups = score[way], score[way]["groups"]
        worst = f"{groups['worst_name']} {100 * groups['worst']:.0f}"
        who = f"people of {name}, {WAYS[way]}"
        rows.append(_Row(who, groups["mean"], groups["ci95"], part["recordings"], part["people"]["count"], worst))
    return rows
