"""The confusion matrices of a run that is done, as files and in TensorBoard, from its record alone."""

from __future__ import annotations

from pathlib import Path

from fsdd_lightning.evaluation.confusion import confusion_pictures, draw_confusions
from fsdd_lightning.evaluation.pictures import not_drawn
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.training.tensorboard import write_pictures


def show_confusions(record: RunRecord, folder: Path) -> list[str]:
    """Draw all, again where they are there already; a note on what could not be drawn."""
    notes = draw_confusions(record, folder)
    pictures = {name: path for name, path in confusion_pictures(record, folder).items() if path.exists()}
    try:
        write_pictures({f"confusion/{name}": path.read_bytes() for name, path in pictures.items()}, folder)
    except OSError as error:
        notes.append(not_drawn("what TensorBoard shows of them", error))
    return notes
