"""A job in another process ends with the command that started it, also where that was killed and could not say so."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsdd_lightning import interruption

_LOOK_EVERY_S = 1.0
_GRACE_S = 10.0  # in which a run whose command is gone records that
_MOST_GENERATIONS = 5  # submitit starts a process that starts the job

_watched: set[int] = set()


def run_job(task: Callable[[Any], Any], config: Any, command: int) -> Any:
    """Run `task` in a process that the process `command` has started, directly or through others.

    SIGTERM, SIGHUP and the end of that process end this one, once the run has recorded it: what the launcher would do
    with another exception, to hand it to the command, ends the whole sweep as if that had been asked to end.
    """
    _watch(command)
    with interruption.listening(*_ending()):
        try:
            result = task(config)
            interruption.obey()
        except BaseException:
            number = interruption.asked()
            if number is None:
                raise
            _leave(number)
    return result


def _ending() -> tuple[signal.Signals, ...]:
    return tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def _leave(number: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(128 + number)


def _watch(command: int) -> None:
    """Once a process. A command that is no ancestor is on another machine, or leaves its jobs to a scheduler."""
    if command not in _watched and descends_from(command):
        _watched.add(command)
        threading.Thread(target=_end_with, args=(command,), name="orphans", daemon=True).start()


def _end_with(command: int) -> None:
    while descends_from(command):
        time.sleep(_LOOK_EVERY_S)
    interruption.ask(signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(128 + signal.SIGTERM)


def keep_tracker(launcher: str) -> None:
    """Start the process that tidies up after joblib's others, so that a terminal that is closed does not end it first.

    It ignores Ctrl-C and SIGTERM by itself; SIGHUP, if that is blocked where it is started.
    """
    if "joblib" in launcher and hasattr(signal, "pthread_sigmask"):
        from joblib.externals.loky.backend import resource_tracker

        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            resource_tracker.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def descends_from(process: int) -> bool:
    """Whether it lives and is an ancestor of this one; beyond the parent only where there is /proc."""
    at = os.getppid()
    for _ in range(_MOST_GENERATIONS):
        if at == process or at <= 1:
            break
        at = _parent_of(at)
    return at == process and at > 0


def _parent_of(process: int) -> int:
    """0 where nobody knows."""
    try:
        return int((Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
