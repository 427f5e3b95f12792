"""The progress of a sweep, read from the run.json files of its trials: whichever process or machine runs them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.status import Status

from fsdd_lightning.console.progress import line_of_run
from fsdd_lightning.console.terminal import line_of
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.lock import is_locked
from fsdd_lightning.runs.metrics import deployed_backend, percent
from fsdd_lightning.runs.record import RUN_FILE, RunRecord, read_record
from fsdd_lightning.sweeps.status import TrialEnd
from fsdd_lightning.sweeps.time_left import TimeLeft
from fsdd_lightning.sweeps.trial import Trial

_LOOK_EVERY_S = 0.5


class SweepProgress:
    """Prints one line for every trial that ends."""

    def __init__(self, trials: Sequence[Trial], out: Console, settled: Sequence[Trial] = ()) -> None:
        self.ends: dict[str, TrialEnd] = {}  # by label
        self._waiting = {trial.label: trial for trial in trials}
        self._before = {trial.label: _stamp(trial) for trial in trials}
        self._total, self._out = len(trials), out
        self._start, self._time_left = time.monotonic(), TimeLeft()
        self._time_left.know(settled)
        self._over = threading.Event()
        self._status = Status("", console=out) if out.is_terminal else None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Read the records in a thread, and once more at the end; on a terminal also show a status line."""
        thread = threading.Thread(target=self._watch, name="sweep progress", daemon=True)
        with ExitStack() as at_end:  # in reverse order
            at_end.callback(self._look)
            if self._status is not None:
                at_end.enter_context(self._status)
            thread.start()
            at_end.callback(thread.join)
            at_end.callback(self._over.set)
            yield

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            self._look()
            self._show()

    def _show(self) -> None:
        if self._status is not None:
            self._status.update(line_of(self._line(), no_wrap=True, overflow="ellipsis"))

    def _line(self) -> str:
        """For a terminal, with what a trial in this process is at."""
        failed = sum(end.status == "failed" for end in self.ends.values())
        left = self._left_s()
        parts = [f"{len(self.ends)} of {self._total} trials", f"{failed} failed" if failed else ""]
        parts += [f"{_clock(left)} left" if left else "", line_of_run()]
        return ", ".join(filter(None, parts))

    def _look(self) -> None:
        for name, trial in list(self._waiting.items()):
            record = self._new_record(trial)
            if record is None or record.is_running:
                continue
            end = self.ends[name] = _trial_end(record)
            del self._waiting[name]
            self._time_left.note(trial, record)
            text = f"[{len(self.ends)}/{self._total}] {end.status:<7} {name}: {end.line} ({self._tail()})"
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
        counts = Counter(end.status for end in self.ends.values())
        left = self._left_s()
        found = {"running": len(self._running_s())} | {name: counts[name] for name in ("over_budget", "failed")}
        states = ", ".join(f"{count} {name}" for name, count in found.items() if count)
        times = _clock(time.monotonic() - self._start) + (f", about {_clock(left)} left" if left else "")
        return f"{states}; {times}" if states else times

    def _left_s(self) -> float | None:
        """Seconds until all have run; None while that is unknown."""
        elapsed_s = time.monotonic() - self._start
        return self._time_left.seconds(list(self._waiting.values()), self._running_s(), elapsed_s)

    def _running_s(self) -> dict[str, float]:
        """For how long trials have been running, by label; the record of a running one is as old as its run."""
        found = {}
        for name, trial in self._waiting.items():
            record, stamp = self._new_record(trial), _stamp(trial)
            if record is not None and record.is_running and stamp is not None:
                found[name] = max(time.time() - stamp[0] / 1e9, 0.0)
        return found

    def end(self, errors: Mapping[str, str], launcher_error: str | None = None) -> dict[str, TrialEnd]:
        """How every trial ended, once nothing runs any more.

        `errors`: of trials without a record of their end, by label; `launcher_error`: why the launcher gave up.
        """
        for name, trial in self._waiting.items():
            self.ends[name] = self._unrecorded(trial, errors.get(name), launcher_error)
        self._waiting.clear()
        return self.ends

    def _unrecorded(self, trial: Trial, error: str | None, launcher_error: str | None) -> TrialEnd:
        if is_locked(trial.folder):
            return TrialEnd("elsewhere", "another process runs it")
        if error is not None:
            return TrialEnd("failed", error)
        if self._new_record(trial) is not None:
            return TrialEnd("failed", launcher_error or "its process was killed")
        return TrialEnd("not run", "its turn did not come")


def _stamp(trial: Trial) -> tuple[int, int] | None:
    """Changes with every write of the record, as that creates a new file."""
    try:
        found = (trial.folder / RUN_FILE).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _trial_end(record: RunRecord) -> TrialEnd:
    if record.status != "done":
        return TrialEnd("over_budget" if record.status == "over_budget" else "failed", str(record.error))
    shown = [name for name in ("float", deployed_backend(record.views)) if name in record.views]
    scores = ", ".join(f"{name} {percent(record.views[name]['accuracy'])} %" for name in dict.fromkeys(shown))
    return TrialEnd("done", f"{scores} in {record.timings_s['total']:.1f} s")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
