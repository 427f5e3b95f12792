"""What shows a run that is done: pictures, and sounds in TensorBoard. What fails here is a note."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsdd_lightning.errors import first_line
from fsdd_lightning.evaluation.evaluate import BackendScores
from fsdd_lightning.evaluation.pictures import literal_texts
from fsdd_lightning.interruption import obey, shielded
from fsdd_lightning.runs.lock import remove_resume_files
from fsdd_lightning.runs.metrics import deployed_backend
from fsdd_lightning.runs.record import LEFT_BEHIND, PRESENTED, write_record
from fsdd_lightning.training.context import RunContext
from fsdd_lightning.training.logger import log_mistakes
from fsdd_lightning.training.pictures import show_confusions

logger = logging.getLogger(__name__)


def present(scores: BackendScores, context: RunContext) -> None:
    """Draw and log all, and note in the record that it was done: what is missing the next sweep draws."""
    record, folder = context.record, context.folder
    with record.timed(PRESENTED):
        missing = [*_tidied(folder), *show_confusions(record, folder)]
        for note in missing:
            context.note(note)
        with _noted("TensorBoard lacks wrongly recognized clips", context):
            _show(scores, context)
    record.timings_s["total"] = round(record.timings_s["total"] + record.timings_s[PRESENTED], 3)
    if missing:
        del record.timings_s[PRESENTED]
    with _noted("the record lacks notes", context), shielded():
        write_record(record, folder)
    obey()


def _tidied(folder: Path) -> list[str]:
    """Remove what an interrupted run resumes from; a note where that fails, and the next sweep does it."""
    try:
        remove_resume_files(folder)
    except OSError as error:
        return [f"{LEFT_BEHIND}: {first_line(error)}"]
    return []


@contextmanager
def _noted(what: str, context: RunContext) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a full disk, a defect of a library
        logger.info("%s", what, exc_info=True)
        context.note(f"{what}, which changes no result: {first_line(error)}")


def _show(scores: BackendScores, context: RunContext) -> None:
    record, dashboard = context.record, context.logger
    deployed = deployed_backend(record.views)
    assert deployed is not None
    most = context.config.logger.get("misclassified_clips", 0)
    with literal_texts():
        log_mistakes(dashboard, context.data, scores.predictions(deployed), most)
    dashboard.finalize("done")
