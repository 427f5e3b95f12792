"""One process a run folder, and room in it for a run that begins anew."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fsdd_lightning.artifacts import set_aside
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.runs.record import RUN_FILE
from fsdd_lightning.runs.state import RunState

LOCK = "run.lock"
EARLIER = "earlier"  # records of finished runs that a changed configuration, code or dataset has outdated
_PATIENCE_S = 0.5  # with somebody who only looks whether it is taken
_RESULTS = (
    *("events.out.tfevents.*", "confusion_*.png", "checkpoints", "network.pt", "integer_model.npz", "export"),
    *("golden_clips.npz", "robustness.*", "*.tmp"),
)


class RunningElsewhereError(RunFailedError):
    """Another process is at work in this run folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep all others out of `folder` (which exists); a process that ends in whatever way lets go.

    Raises:
        RunningElsewhereError: another process is in there.
    """
    try:
        held = FileLock(folder / LOCK).acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise RunningElsewhereError(f"{folder} is in use: another process runs it") from None
    with held:
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process is at work in there just now. Writes nothing."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0.0):
            return False
    except (Timeout, OSError):
        return True


def archive_record(folder: Path, state: RunState) -> None:
    """Keep what the next run would overwrite and can't make again: a damaged record, or an outdated result."""
    path = folder / RUN_FILE
    if state.damaged:
        set_aside(path)
    elif state.record is not None and state.record.status == "done":
        earlier = folder / EARLIER
        earlier.mkdir(exist_ok=True)
        number = sum(1 for _ in earlier.iterdir()) + 1
        shutil.copyfile(path, earlier / f"run-{number}.json")


def remove_results(folder: Path, kept: Collection[str] = ()) -> None:
    """What an earlier run left, but for `kept`: its event files would draw a second curve. Record the new run first."""
    for pattern in set(_RESULTS) - set(kept):
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
