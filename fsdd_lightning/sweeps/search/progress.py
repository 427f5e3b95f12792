"""What a search has done so far, printed as it goes. Accuracies are those of the validation clips throughout."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.metrics import percent
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.sweeps.search.front import Objective, Point, front_of, front_table, objective, write_front
from fsdd_lightning.sweeps.status import TrialEnd
from fsdd_lightning.sweeps.trial import Trial


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
        return self.to_train - sum(trial.plan.fits for trial in self.trials)

    def note_over_budget(self, trial: Trial) -> None:
        """Note a trial that does not fit its budget."""
        self._note(trial, TrialEnd("over_budget", str(trial.plan.over_budget_reason)))

    def note_end(self, trial: Trial, choice: dict[str, str], error: str | None) -> Objective | None:
        """Note how a trial ended that was launched or was done before; None if it failed.

        `error`: a line on the failure for where there is no record of it.
        """
        record = _record(trial)
        if record is None or record.status != "done":
            self._note(trial, TrialEnd("failed", error or (str(record.error) if record else "it left no record")))
            return None
        result = objective(record)
        self.points.append(Point(choice, result, trial.run_name))
        line = f"validation {percent(result.accuracy)} %, {result.flash_bytes:,} bytes"
        if trial.state.is_settled:
            self._print("known", trial, line)
        else:
            self._note(trial, TrialEnd("done", line))
        return result

    def show(self, folder: Path, out: Console) -> None:
        """Print the front and write its files."""
        if self.points:
            out.print(front_table(front_of(self.points)))
        paths, note = write_front(self.points, folder)
        out.print(f"front of {len(self.points)} trained trials: {', '.join(path.name for path in paths)}")
        if note is not None:
            out.print(f"note: {note}", soft_wrap=True)

    def _note(self, trial: Trial, end: TrialEnd) -> None:
        self.ends[trial.label] = end
        self._print(end.status, trial, end.line)

    def _print(self, status: str, trial: Trial, line: str) -> None:
        counts = Counter(end.status for end in self.ends.values())
        spent_s = time.monotonic() - self.started
        tail = f"{counts['over_budget']} over_budget, {counts['failed']} failed, {spent_s:.0f} s"
        number = len(self.points) + counts["failed"]
        text = f"[{number}/{self.to_train}] {status:<11} {trial.label}: {line} ({tail})"
        self.out.print(text, soft_wrap=True)


def _record(trial: Trial) -> RunRecord | None:
    """The record in the trial's folder, unless it is outdated and was not replaced."""
    try:
        record = read_record(trial.folder)
    except UserError:
        return None
    return record if trial.state.is_settled or record != trial.state.record else None
