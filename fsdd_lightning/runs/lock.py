"""One process per run folder, and its cleaning before a new run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fsdd_lightning.artifacts import DamagedError, next_name, place_within, replace_file
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.files import RECORD_BYTES, is_regular, read_regular
from fsdd_lightning.runs.record import RUN_FILE, RunRecord, read_record
from fsdd_lightning.runs.results import EARLIER, LOCK, RESULTS, TO_RESUME, is_ours, owned_names, remove_files
from fsdd_lightning.runs.state import RunState

_PATIENCE_S = 0.5  # longer than `is_locked` of another process holds the lock


class RunningElsewhereError(RunFailedError):
    """Another process is running in this folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which exists. The system releases it when the process ends, even by a kill.

    Raises:
        RunningElsewhereError: another process holds it.
        UserError: the lock is a link that leads out of the folder.
    """
    try:
        held = FileLock(place_within(folder, LOCK)).acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise RunningElsewhereError(f"{folder} is in use: another process runs it") from None
    with held:
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock now. Writes nothing; a link, which may lead anywhere, is no lock of ours."""
    lock = folder / LOCK
    if lock.is_symlink() or not lock.is_file():
        return False
    try:
        with FileLock(lock, timeout=0.0):
            return False
    except (Timeout, OSError):
        return True


def archive_record(folder: Path, state: RunState) -> None:
    """Keep what the next run would overwrite: a damaged record, or an outdated result."""
    if state.damaged:
        _keep(folder / RUN_FILE, folder, f"{RUN_FILE}.damaged-")
    elif state.record is not None and state.record.status == "done":
        earlier = place_within(folder, EARLIER)
        earlier.mkdir(exist_ok=True)
        _keep(folder / RUN_FILE, earlier, "run-", ".json")


def _keep(path: Path, place: Path, start: str, end: str = "") -> None:
    """Copy the record, unless a run that was killed right after this has done so."""
    content = read_regular(path, RECORD_BYTES)
    copies = (copy for copy in place.iterdir() if copy.name.startswith(start) and is_regular(copy, len(content)))
    if not any(copy.read_bytes() == content for copy in copies):
        replace_file(next_name(place, start, end), content)


def claim(record: RunRecord, folder: Path) -> None:
    """Let `record`, which is to be the folder's, own what an earlier run of ours did, and what is not there yet."""
    try:
        owned: Collection[str] = owned_by_record(folder)
    except DamagedError:
        owned = RESULTS if is_ours(folder) else ()
    except UserError:
        owned = ()
    record.owns = owned_names(folder, owned)


def owned_by_record(folder: Path) -> frozenset[str]:
    """Names of the files for which the record in `folder` vouches, as `read_record` reads it."""
    owned = read_record(folder).owns
    return frozenset(RESULTS if owned is None else owned)


def remove_results(folder: Path, kept: Collection[str] = ()) -> None:
    """Remove what the record in `folder` owns except `kept`: old curves would stay. First record the new run."""
    remove_files(folder, owned_by_record(folder) - set(kept))


def remove_resume_files(folder: Path) -> None:
    """The run is complete: the next one in this folder must not resume it."""
    remove_files(folder, TO_RESUME & owned_by_record(folder))
