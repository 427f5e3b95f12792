"""What shows a run that is done: pictures, and sounds in TensorBoard. What fails here is a note."""

from __future__ import annotations

from pathlib import Path

from fsdd_lightning.errors import first_line
from fsdd_lightning.evaluation.evaluate import BackendScores
from fsdd_lightning.interruption import obey, shielded
from fsdd_lightning.runs.lock import remove_resume_files
from fsdd_lightning.runs.record import LEFT_BEHIND, PRESENTED, write_record
from fsdd_lightning.training.context import RunContext
from fsdd_lightning.training.pictures import show


def present(scores: BackendScores, context: RunContext) -> None:
    """Draw and log all, and note in the record that it was done: what is missing the next sweep draws."""
    record, folder = context.record, context.folder
    with record.timed(PRESENTED):
        missing = [*_tidied(folder), *show(record, folder, lambda backend: (context.data, scores.predictions(backend)))]
        for note in missing:
            context.note(note)
    record.timings_s["total"] = round(record.timings_s["total"] + record.timings_s[PRESENTED], 3)
    if missing:
        del record.timings_s[PRESENTED]
    try:
        with shielded():
            write_record(record, folder)
    except Exception as error:  # a full disk
        context.note(f"the record lacks notes, which changes no result: {first_line(error)}")
    obey()


def _tidied(folder: Path) -> list[str]:
    """Remove what an interrupted run resumes from; a note where that fails, and the next sweep does it."""
    try:
        remove_resume_files(folder)
    except OSError as error:
        return [f"{LEFT_BEHIND}: {first_line(error)}"]
    return []
