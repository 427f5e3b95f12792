"""One process per run folder, and its cleaning before a new run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fsdd_lightning.artifacts import DamagedError, next_name, place_within, replace_file
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.files import RECORD_BYTES, read_regular
from fsdd_lightning.runs.record import RUN_FILE, RunRecord, read_record
from fsdd_lightning.runs.results import EARLIER, LOCK, RESULTS, check_ours, owned_names, remove_files
from fsdd_lightning.runs.state import RunState

_PATIENCE_S = 0.5  # longer than `is_locked` of another process holds the lock


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
    if state.damaged:
        _keep(folder, f"{RUN_FILE}.damaged-")
    elif state.record is not None and state.record.status == "done":
        earlier = place_within(folder, EARLIER)
        earlier.mkdir(exist_ok=True)
        _keep(folder, f"{EARLIER}/run-", ".json")


def _keep(folder: Path, start: str, end: str = "") -> None:
    """Copy the record, unless a run that was killed right after this has done so."""
    content, first = read_regular(folder / RUN_FILE, RECORD_BYTES), folder / f"{start}1{end}"
    target = next_name(first.parent, first.name.removesuffix(f"1{end}"), end)
    copies = first.parent.glob(f"{first.name.removesuffix(f'1{end}')}*{end}")
    if not any(
        copy.is_file() and copy.stat().st_size == len(content) and copy.read_bytes() == content for copy in copies
    ):
        replace_file(target, content)


def claim(record: RunRecord, folder: Path) -> None:
    """Let `record`, which is to be the folder's, own what an earlier run of ours did, and what is not there yet."""
    record.owns = owned_names(folder, _owned_before(folder))


def _owned_before(folder: Path) -> Collection[str]:
    try:
        owned = read_record(folder).owns
    except DamagedError:
        return _owned_by_a_damaged(folder)
    except UserError:
        return ()
    return RESULTS if owned is None else owned


def _owned_by_a_damaged(folder: Path) -> Collection[str]:
    try:
        check_ours(folder)
    except UserError:
        return ()
    return RESULTS


def remove_results(folder: Path, owned: Collection[str] | None) -> None:
    """Remove the results of an earlier run that a record owns: its curves would stay. First record the new run."""
    remove_files(folder, owned or ())
