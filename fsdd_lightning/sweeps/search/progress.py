"""What a search has done so far, told as it goes. Accuracies are those of the validation clips throughout."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.metrics import percent
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.sweeps.plan import Trial
from fsdd_lightning.sweeps.progress import TrialEnd
from fsdd_lightning.sweeps.search.front import Point, front_table, pareto_front, write_front
from fsdd_lightning.sweeps.search.objective import Objective, objective


@dataclass
class SearchProgress:
    """`to_train`: how many trials are to be trained; those over their budget are not counted."""

    to_train: int
    out: Console
    trials: list[Trial] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    ends: dict[str, TrialEnd] = field(default_factory=dict)  # by label; without those that were done before
    started: float = field(default_factory=time.monotonic)

    @property
    def missing(self) -> int:
        """How many are still to be trained."""
        over_budget = sum(not each.plan.fits for each in self.trials)
        return self.to_train - (len(self.trials) - over_budget)

    def note_over_budget(self, each: Trial) -> None:
        """A trial does not fit its budget."""
        self.ends[each.label] = ("over_budget", str(each.plan.over_budget_reason))
        self._print("over_budget", each, str(each.plan.over_budget_reason))

    def tell(self, each: Trial, choice: dict[str, str], error: str | None) -> Objective | None:
        """Look up what became of a trial that was launched or was done before; None if it failed.

        `error`: what is known of it where its record tells nothing.
        """
        record = _record(each)
        if record is None or record.status != "done":
            line = error or (str(record.error) if record else "it left no record")
            self.ends[each.label] = ("failed", line)
            self._print("failed", each, line)
            return None
        result = objective(record)
        self.points.append(Point(choice, result, each.folder.name))
        before = each.state.is_settled
        if not before:
            self.ends[each.label] = ("done", "")
        line = f"validation {percent(result.accuracy)} %, {result.flash_bytes:,} bytes"
        self._print("known" if before else "done", each, line)
        return result

    def show(self, folder: Path) -> None:
        """Print the front and write its files."""
        if self.points:
            self.out.print(front_table(pareto_front(self.points)))
        names = ", ".join(path.name for path in write_front(self.points, folder))
        self.out.print(f"front of {len(self.points)} trained trials: {names}")

    def _print(self, status: str, each: Trial, line: str) -> None:
        counts = Counter(name for name, _ in self.ends.values())
        spent_s = time.monotonic() - self.started
        tail = f"{counts['over_budget']} over_budget, {counts['failed']} failed, {spent_s:.0f} s"
        number = len(self.points) + counts["failed"]
        text = f"[{number}/{self.to_train}] {status:<7} {each.label}: {line} ({tail})"
        self.out.print(text, soft_wrap=True)


def _record(each: Trial) -> RunRecord | None:
    """What the trial's folder holds, unless it is outdated and was not replaced."""
    try:
        record = read_record(each.folder)
    except UserError:
        return None
    return record if each.state.is_settled or record != each.state.record else None
