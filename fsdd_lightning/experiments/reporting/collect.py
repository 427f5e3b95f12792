"""Run folders, found and read. Whatever is wrong with one of them is kept as one line beside the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fsdd_lightning.errors import UserError
from fsdd_lightning.experiments.record import FILE_NAME, STATUSES, RunRecord, read_record

UNREADABLE = "unreadable"
RUNNING = "running"
REPORT_FILES = ("results.csv", "report.html")
_TRACES = ("run.log", "hydra")  # of a run that was killed before it could write its record
_DEEPEST_SWEEP = 3  # multirun/ itself may be named; nobody keeps sweeps further down
# What the error of a record says until the run has ended in one way or another.
_NOT_ENDED = {each.name: each.default for each in dataclasses.fields(RunRecord)}["error"]


@dataclass(frozen=True)
class CollectedRun:
    """A run folder. `record` is None where it can't be read; `problem` says in one line what is wrong with it."""

    folder: Path  # absolute
    sweep: str
    record: RunRecord | None
    problem: str | None

    @property
    def status(self) -> str:
        """The record's, but `running` where the run has not ended (or was killed), `unreadable` without a record."""
        if self.record is None or self.record.status not in STATUSES:
            return UNREADABLE
        running = self.record.status == "interrupted" and self.record.error == _NOT_ENDED
        return RUNNING if running else self.record.status

    @property
    def reason(self) -> str:
        """One line on why there is no result; empty for a finished run. Paths are relative to the run folder."""
        text = self.problem or (self.record.error if self.record else None) or ""
        short = text.replace(f"{self.folder}/", "").replace(f"{self.folder}", "the folder")
        return " ".join(short.split())


def collect_runs(folders: Sequence[Path]) -> list[CollectedRun]:
    """All runs in these run and sweep folders, each once.

    Raises:
        UserError: a folder that does not exist, or that holds nothing like a run.
    """
    found: dict[Path, CollectedRun] = {}
    for folder in folders:
        runs = [_read(each) for each in _run_folders(_existing(folder))]
        if not runs:
            raise UserError(
                f"{folder} holds no runs: name a run folder (with {FILE_NAME}) or a sweep's folder"
            )
        found |= {run.folder: run for run in runs}
    return list(found.values())


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        wrong = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {wrong}: name a run folder or a sweep's folder")
    return folder.resolve()


def _run_folders(folder: Path, depth: int = 0) -> Iterator[Path]:
    """The folder itself if it is a run; else the cells in it; else those of the sweeps in it (multirun/ itself)."""
    if _exists(folder / FILE_NAME):
        yield folder
        return
    inside = _subfolders(folder)
    if any(_exists(each / FILE_NAME) for each in inside):
        yield from inside  # one without a record is a run gone wrong
        return
    sweeps = [each for each in inside if depth + 1 < _DEEPEST_SWEEP and _holds_runs(each)]
    for each in sweeps:
        yield from _run_folders(each, depth + 1)
    if not sweeps:
        yield from (each for each in inside if any(_exists(each / trace) for trace in _TRACES))


def _subfolders(folder: Path) -> list[Path]:
    """Without hidden ones and without an earlier report."""
    try:
        inside = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    except OSError as error:
        raise UserError(f"{folder} can't be listed ({error.strerror})") from error
    return [
        each
        for each in inside
        if _exists(each / FILE_NAME) or not any(_exists(each / name) for name in REPORT_FILES)
    ]


def _holds_runs(folder: Path) -> bool:
    return next(folder.glob(f"*/**/{FILE_NAME}"), None) is not None


def _exists(path: Path) -> bool:
    """Also what may not be looked at: reading it will say so."""
    try:
        return path.exists()
    except OSError:
        return True


def _read(folder: Path) -> CollectedRun:
    record, problem = None, None
    try:
        record = read_record(folder)
        if record.status not in STATUSES:
            problem = f"{FILE_NAME} has an unknown status: {record.status}"
    except UserError as error:
        problem = str(error)
    return CollectedRun(folder, folder.parent.name, record, problem)
