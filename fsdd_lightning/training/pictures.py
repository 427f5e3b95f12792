"""What a run that is done shows: confusion matrices, as files and in TensorBoard, and there wrongly recognized clips.

All of it can be made again from the run folder and its recordings, where a kill came between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fsdd_lightning.escaping import visible
from fsdd_lightning.evaluation.confusion import confusion_pictures, draw_confusions
from fsdd_lightning.evaluation.pictures import literal_texts, not_drawn
from fsdd_lightning.runs.metrics import deployed_backend
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.training.tensorboard import picture_summary, write_pictures

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

    from fsdd_lightning.data.preparation import PreparedData

    Heard = tuple[PreparedData, np.ndarray]  # the recognized class of every test clip, int (test clips,)


def show(record: RunRecord, folder: Path, heard: Callable[[], Heard] | None = None) -> list[str]:
    """Draw all, again where it is there already; a note on each that could not be drawn.

    heard: what the deployed backend recognized; None: it is asked once more, if there is a mistake to show.
    """
    notes = draw_confusions(record, folder)
    pictures = {name: path for name, path in confusion_pictures(record, folder).items() if path.exists()}
    shown = [picture_summary(f"confusion/{name}", path.read_bytes()) for name, path in pictures.items()]
    try:
        if most := _mistakes(record):
            shown += mistakes(*(heard or _heard_by(folder))(), most)
    except Exception as error:  # recordings that are gone, a defect of a library
        notes.append(not_drawn("what TensorBoard shows of wrongly recognized clips", error))
    try:
        write_pictures(shown, folder)
    except OSError as error:
        notes.append(not_drawn("what TensorBoard shows of a run that is done", error))
    return notes


def _mistakes(record: RunRecord) -> int:
    """How many there are to show."""
    score = record.views[deployed_backend(record.views) or "float"]
    return int(min(score["total"] - score["correct"], record.config["logger"].get("misclassified_clips", 0)))


def _heard_by(folder: Path) -> Callable[[], Heard]:
    def heard() -> Heard:
        from fsdd_lightning.evaluation.evaluate import evaluate_backends
        from fsdd_lightning.evaluation.run import open_run
        from fsdd_lightning.runs.folder import recorded_data

        run = open_run(folder)
        name, data = deployed_backend(run.record.views) or "float", recorded_data(run, None)
        with run.threads(), run.backends(data, name) as opened:
            return data, evaluate_backends(opened.by_name, data, data.split.test).predictions(name)

    return heard


def mistakes(data: PreparedData, predictions: np.ndarray, most: int) -> Iterator[Summary]:
    """Wrongly recognized test clips as audio and as pictures, with truth and prediction in the title.

    The tags of both begin alike, but differ: TensorBoard keeps one kind of data a tag. predictions: int (test clips,),
    in the order of the split.
    """
    from torch.utils.tensorboard.summary import audio, image

    from fsdd_lightning.training.clip_pictures import ClipPainter

    wrong = np.flatnonzero(predictions != data.labels[data.split.test])[:most]
    with literal_texts():
        painter = ClipPainter()
        for at in wrong:
            position = int(data.split.test[at])
            recording = data.recordings.recordings[position]
            heard = data.recordings.labels[predictions[at]]
            tag = visible(f"misclassified/{recording.name} said {recording.label} heard {heard}")
            samples, rate_hz = data.recordings.waveforms[position], data.recordings.sample_rate_hz
            yield audio(tag, samples[None], sample_rate=rate_hz)  # type: ignore[no-untyped-call]
            seen = data.features[position, : data.lengths[position]]
            picture = painter.picture(samples, rate_hz, seen)
            yield image(f"{tag}: seen", picture, dataformats="HWC")  # type: ignore[no-untyped-call]
