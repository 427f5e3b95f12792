"""Run folders, found and read. Whatever is wrong with one of them is kept as one line beside the others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import one_line
from fsdd_lightning.files import is_folder
from fsdd_lightning.runs.lock import is_locked
from fsdd_lightning.runs.record import RUN_FILE, STATUSES, NoRecordError, RunRecord, read_record
from fsdd_lightning.runs.record import RUNNING as NOT_ENDED
from fsdd_lightning.sweeps.manifest import CURVES, SWEEP_FILE, planned_names

UNREADABLE, RUNNING, NOT_STARTED = "unreadable", "running", "not started"
REPORT_FILES = ("results.csv", "report.html")
_TRACES = ("run.log", "hydra")  # of a run that was killed before it could write its record
_DEEPEST_SWEEP = 3  # multirun/ itself may be named; nobody keeps sweeps further down
_MOST_FOLDERS = 50_000  # that are looked at
_MOST_TRIALS = 15_000  # of a sweep
_MOST_ENTRIES = 1_000_000  # of a folder
_KILLED = "killed: it left no end in its record"


@dataclass(frozen=True)
class RunFolder:
    """A run folder. `record` is None where it can't be read; `problem` is one line on what is wrong with it.

    status: the record's, but `running` while a process is at work, `not started` for a planned trial without a record,
    `unreadable` otherwise where there is no usable record.
    """

    folder: Path  # absolute
    sweep: str
    record: RunRecord | None
    status: str
    problem: str | None

    @property
    def reason(self) -> str:
        """One line on why there is no result; empty for a finished run. Paths are relative to the run folder."""
        text = self.problem or (self.record.error if self.record else None) or ""
        short = text.replace(f"{self.folder}/", "").replace(f"{self.folder}", "the folder")
        return one_line(" ".join(short.split()))


def collect_runs(folders: Sequence[Path]) -> list[RunFolder]:
    """All runs in these run and sweep folders, once each.

    Raises:
        UserError: a folder that does not exist, or that holds nothing like a run.
    """
    found: dict[Path, RunFolder] = {}
    for folder in folders:
        if not folder.is_dir():
            wrong = "is not a folder" if folder.exists() else "does not exist"
            raise UserError(f"{folder} {wrong}: name a run folder or a sweep's folder")
        runs = [_read(path, planned) for path, planned in _run_folders(folder.resolve(), _Walk(folder))]
        if not runs:
            raise UserError(f"{folder} holds no runs: name a run folder (with {RUN_FILE}) or a sweep's folder")
        found |= {run.folder: run for run in runs}
    return list(found.values())


class _Walk:
    """Counts the folders that are looked at below one that a user named: it may be / by mistake, or a stranger's."""

    def __init__(self, start: Path) -> None:
        self._start, self._left = start, _MOST_FOLDERS

    def inside(self, folder: Path) -> list[Path]:
        """The folders in `folder`, without hidden ones and TensorBoard's curves of the sweep.

        Raises:
            UserError: there are too many in all, or the first folder can't be listed; others count as empty.
        """
        try:
            with os.scandir(folder) as entries:
                found = [entry.name for entry in islice(entries, _MOST_ENTRIES) if is_folder(entry)]
        except OSError as error:
            if folder == self._start.resolve():
                raise UserError(f"{folder} can't be listed ({error.strerror})") from error
            return []
        self._left -= len(found) + 1
        if self._left < 0:
            raise UserError(f"{self._start} holds more than {_MOST_FOLDERS:,} folders: name those of sweeps")
        return [folder / name for name in sorted(found) if not name.startswith((".", CURVES))]


def _run_folders(folder: Path, walk: _Walk, depth: int = 0) -> Iterator[tuple[Path, bool]]:
    """The folder itself if it is a run; else the trials in it; else those of the sweeps in it (multirun/ itself).

    With every folder whether it is known to be planned, so that the lack of a record means no harm.
    """
    if _exists(folder / RUN_FILE):
        yield folder, False
        return
    inside, planned = _subfolders(folder, walk), planned_names(folder)
    if planned or any(_exists(path / RUN_FILE) for path in inside):
        trials = {*inside, *(folder / name for name in planned)}
        if len(trials) > _MOST_TRIALS:
            raise UserError(f"{folder} has {len(trials):,} trials: a report shows at most {_MOST_TRIALS:,}")
        yield from ((path, path.name in planned) for path in sorted(trials))
        return
    sweeps = [path for path in inside if _holds_runs(path, walk, depth + 1)]
    for path in sweeps:
        yield from _run_folders(path, walk, depth + 1)
    if not sweeps:
        yield from ((path, False) for path in inside if _is_begun(path))


def _subfolders(folder: Path, walk: _Walk) -> list[Path]:
    """Without an earlier report."""
    return [
        path
        for path in walk.inside(folder)
        if _exists(path / RUN_FILE) or not any(_exists(path / name) for name in REPORT_FILES)
    ]


def _holds_runs(folder: Path, walk: _Walk, depth: int) -> bool:
    """Whether it is a sweep, or a folder of sweeps that does not lie too deep."""
    if depth >= _DEEPEST_SWEEP:
        return False
    inside = walk.inside(folder)
    here = bool(planned_names(folder)) or any(_exists(path / RUN_FILE) for path in inside)
    return here or any(_holds_runs(path, walk, depth + 1) for path in inside)


def _is_begun(folder: Path) -> bool:
    return any(_exists(folder / trace) for trace in _TRACES)


def _exists(path: Path) -> bool:
    """Also for what may not be looked at, and for a link to nowhere: reading it gives the error."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def _read(folder: Path, planned: bool) -> RunFolder:
    record, status, problem = None, UNREADABLE, None
    try:
        record = read_record(folder)
        status, problem = _status(record, folder)
    except NoRecordError as error:
        status = NOT_STARTED if planned and not _is_begun(folder) else UNREADABLE
        problem = f"planned in {SWEEP_FILE}" if status == NOT_STARTED else str(error)
    except UserError as error:
        problem = str(error)
    return RunFolder(folder, folder.parent.name, record, status, problem)


def _status(record: RunRecord, folder: Path) -> tuple[str, str | None]:
    if record.status not in STATUSES:
        return UNREADABLE, f"{RUN_FILE} has an unknown status: {record.status}"
    if record.status != "interrupted" or record.error != NOT_ENDED:
        return record.status, None
    return (RUNNING, "a process is at work on it") if is_locked(folder) else (record.status, _KILLED)
