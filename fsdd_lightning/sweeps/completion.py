"""A run that was killed after its record said "done": what it would have drawn is drawn, what it left is removed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fsdd_lightning.errors import RunFailedError, first_line
from fsdd_lightning.evaluation.pictures import NOT_DRAWN
from fsdd_lightning.interruption import obey
from fsdd_lightning.runs.lock import locked, remove_resume_files
from fsdd_lightning.runs.record import LEFT_BEHIND, PRESENTED, read_record, write_record
from fsdd_lightning.sweeps.trial import Trial
from fsdd_lightning.training.pictures import show


def complete_runs(trials: Sequence[Trial], out: Console) -> None:
    """Complete those that are done but for their pictures; what fails is a note, and is tried again the next time."""
    for trial in trials:
        record = trial.state.record
        if trial.state.name != "done" or record is None or PRESENTED in record.timings_s:
            continue
        obey()
        try:
            notes = _complete(trial.folder)
        except RunFailedError:  # another process is just drawing them
            continue
        except Exception as error:  # a sweep on a disk that is full, or may not be written
            notes = [f"its pictures are missing: {first_line(error)}"]
        for note in notes:
            out.print(f"note: {trial.label}: {note}", soft_wrap=True)


def _complete(folder: Path) -> list[str]:
    with locked(folder):
        record = read_record(folder)
        if PRESENTED in record.timings_s:
            return []
        remove_resume_files(folder)  # and halves of files
        with record.timed(PRESENTED):
            notes = show(record, folder)
        if not notes:
            record.notes = [note for note in record.notes if NOT_DRAWN not in note and LEFT_BEHIND not in note]
            write_record(record, folder)
    return notes
