"""The progress of a sweep, read from the run.json files of its trials: whichever process or machine runs them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.status import Status

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.lock import is_locked
from fsdd_lightning.runs.metrics import deployed_backend, percent
from fsdd_lightning.runs.record import RUN_FILE, RUNNING, RunRecord, read_record
from fsdd_lightning.sweeps.plan import Trial

_LOOK_EVERY_S = 0.5
STATUSES = ("done", "over_budget", "failed", "elsewhere", "not run", "skipped")
TrialEnd = tuple[str, str]  # one of STATUSES, and one line on it


class SweepProgress(AbstractContextManager["SweepProgress"]):
    """While it is entered, prints one line for trial trial that ends; on a terminal also a status line."""

    def __init__(self, trials: Sequence[Trial], out: Console) -> None:
        self.ends: dict[str, TrialEnd] = {}  # by label
        self._waiting = {trial.label: trial for trial in trials}
        self._before = {trial.label: _stamp(trial) for trial in trials}
        self._total, self._out = len(trials), out
        self._start = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sweep progress", daemon=True)
        self._status = Status("", console=out) if out.is_terminal else None

    def __enter__(self) -> SweepProgress:
        """Begin to watch."""
        if self._status is not None:
            self._status.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have a last look."""
        self._over.set()
        self._thread.join()
        if self._status is not None:
            self._status.stop()
        self._look()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            self._look()
            if self._status is not None:
                self._status.update(f"{len(self.ends)} of {self._total} trials, {self._tail()}")

    def _look(self) -> None:
        for name, trial in list(self._waiting.items()):
            record = self._new_record(trial)
            if record is None or _is_running(record):
                continue
            self.ends[name] = _trial_end(record)
            del self._waiting[name]
            status, line = self.ends[name]
            text = f"[{len(self.ends)}/{self._total}] {status:<7} {name}: {line} ({self._tail()})"
            self._out.print(text, soft_wrap=True)

    def _new_record(self, trial: Trial) -> RunRecord | None:
        """The record of a trial, if it was written since this sweep began."""
        if _stamp(trial) == self._before[trial.label]:
            return None
        try:
            return read_record(trial.folder)
        except UserError:
            return None

    def _tail(self) -> str:
        counts = Counter(status for status, _ in self.ends.values())
        records = [self._new_record(trial) for trial in self._waiting.values()]
        running = sum(record is not None and _is_running(record) for record in records)
        elapsed_s = time.monotonic() - self._start
        ran = counts["done"] + counts["failed"]
        to_come = sum(trial.plan.fits for trial in self._waiting.values())
        left = f", about {_clock(elapsed_s / ran * to_come)} left" if ran and to_come else ""
        states = [f"{running} running"] + [f"{counts[name]} {name}" for name in ("done", "over_budget", "failed")]
        return f"{', '.join(states)}; {_clock(elapsed_s)}{left}"

    def end(self, errors: Mapping[str, str], launcher_error: str | None = None) -> dict[str, TrialEnd]:
        """What became of every trial, once nothing runs any more.

        `errors` are those of trials, by label, that have no record; `launcher_error` is why it gave up.
        """
        for name, trial in self._waiting.items():
            self.ends[name] = self._unrecorded(trial, errors.get(name), launcher_error)
        self._waiting.clear()
        return self.ends

    def _unrecorded(self, trial: Trial, error: str | None, launcher_error: str | None) -> TrialEnd:
        if is_locked(trial.folder):
            return "elsewhere", "another process runs it"
        if error is not None:
            return "failed", error
        if self._new_record(trial) is not None:
            return "failed", launcher_error or "its process was killed"
        return "not run", "its turn did not come"


def _stamp(trial: Trial) -> tuple[int, int] | None:
    """Changes with every write of the record: it is always another file."""
    try:
        found = (trial.folder / RUN_FILE).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _is_running(record: RunRecord) -> bool:
    return record.status == "interrupted" and record.error == RUNNING


def _trial_end(record: RunRecord) -> TrialEnd:
    if record.status == "over_budget":
        return "over_budget", str(record.error)
    if record.status != "done":
        return "failed", f"{record.error}"
    shown = [name for name in ("float", deployed_backend(record.views)) if name in record.views]
    scores = ", ".join(f"{name} {percent(record.views[name]['accuracy'])} %" for name in dict.fromkeys(shown))
    return "done", f"{scores} in {record.timings_s['total']:.1f} s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
