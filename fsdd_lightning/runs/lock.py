"""One process per run folder, and its cleaning before a new run."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fsdd_lightning.artifacts import archive_damaged
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.runs.record import RUN_FILE
from fsdd_lightning.runs.state import RunState

LOCK = "run.lock"
EARLIER = "earlier"  # records of finished runs, outdated by a changed config, code or dataset
_PATIENCE_S = 0.5  # longer than `is_locked` of another process holds the lock
_RESULTS = (
    *("events.out.tfevents.*", "confusion_*.png", "checkpoints", "network.pt", "integer_model.npz", "export"),
    *("golden_clips.npz", "robustness.*", "listening.*", "evaluations", "unheard", "*.tmp"),
)


class RunningElsewhereError(RunFailedError):
    """Another process is running in this folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which exists. The system releases it when the process ends, even by a kill.

    Raises:
        RunningElsewhereError: another process holds it.
    """
    try:
        held = FileLock(folder / LOCK).acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise RunningElsewhereError(f"{folder} is in use: another process runs it") from None
    with held:
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock now. Writes nothing."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0.0):
            return False
    except (Timeout, OSError):
        return True


def archive_record(folder: Path, state: RunState) -> None:
    """Keep what the next run would overwrite: a damaged record, or an outdated result."""
    path = folder / RUN_FILE
    if state.damaged:
        archive_damaged(path)
    elif state.record is not None and state.record.status == "done":
        earlier = folder / EARLIER
        earlier.mkdir(exist_ok=True)
        number = sum(1 for _ in earlier.iterdir()) + 1
        shutil.copyfile(path, earlier / f"run-{number}.json")


def remove_results(folder: Path, kept: Collection[str] = ()) -> None:
    """Remove the results of an earlier run except `kept`: its curves would stay. First record the new run."""
    for pattern in set(_RESULTS) - set(kept):
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
