"""What to expect of a network, in one table."""

from __future__ import annotations

from rich.table import Table

from fsdd_lightning.console.tables import plain_table
from fsdd_lightning.runs.expected import Expectation, expectations
from fsdd_lightning.runs.metrics import percent
from fsdd_lightning.runs.record import RunRecord


def expectation_table(record: RunRecord) -> Table | None:
    """One row each, in percent; None where nothing but the run's own test clips was measured."""
    found = expectations(record)
    if len(found) < 2:
        return None
    numbers = ("accuracy %", "95 % interval", "worst", "clips", "people")
    table = plain_table("What to expect", ("who speaks",), numbers)
    for one in found:
        table.add_row(*_cells(one))
    return table


def _cells(one: Expectation) -> tuple[str, ...]:
    interval = f"{100 * one.ci95[0]:.1f} - {100 * one.ci95[1]:.1f}" if one.ci95 else ""
    worst = f"{one.worst[0]} {100 * one.worst[1]:.0f}" if one.worst else ""
    people = "" if one.people is None else str(one.people)
    return one.who, percent(one.accuracy), interval, worst, f"{one.clips:,}", people
