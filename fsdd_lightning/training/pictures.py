"""What a run that is done shows: confusion matrices, as files and in TensorBoard, and there wrongly recognized clips.

All of it can be made again from the run folder and its recordings, where a kill came between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fsdd_lightning.escaping import visible
from fsdd_lightning.evaluation.confusion import confusion_pictures, draw_confusions
from fsdd_lightning.evaluation.pictures import literal_texts, not_drawn
from fsdd_lightning.files import PICTURE_BYTES, read_regular
from fsdd_lightning.runs.metrics import deployed_backend
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.training.tensorboard import clip_summary, picture_summary, write_pictures

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

    from fsdd_lightning.data.preparation import PreparedData

    Heard = tuple[PreparedData, np.ndarray]  # the recognized class of every test clip, int (test clips,)

logger = logging.getLogger(__name__)


def show(record: RunRecord, folder: Path, heard: Callable[[str], Heard] | None = None) -> list[str]:
    """Draw all, again where it is there already; a note on each that could not be drawn.

    heard: what a backend recognized, by its name; None: it is asked once more, if there is a mistake to show.
    """
    notes = draw_confusions(record, folder)
    shown: list[Summary] = []

    def add(what: str, summaries: Callable[[], Iterable[Summary]]) -> None:
        try:
            shown.extend(summaries())
        except Exception as error:  # a picture that is no file, recordings that are gone, a defect of a library
            logger.info("TensorBoard lacks %s", what, exc_info=True)
            notes.append(not_drawn(f"what TensorBoard shows of {what}", error))

    add("confusion matrices", lambda: _confusions(record, folder))
    add("wrongly recognized clips", lambda: _mistakes(record, heard or partial(_heard_again, folder)))
    try:
        write_pictures(shown, folder)
    except OSError as error:
        notes.append(not_drawn("what TensorBoard shows of a run that is done", error))
    return notes


def _confusions(record: RunRecord, folder: Path) -> Iterator[Summary]:
    """From their PNGs: drawing them again would take as long again."""
    for name, path in confusion_pictures(record, folder).items():
        if path.exists():
            yield picture_summary(f"confusion/{name}", read_regular(path, PICTURE_BYTES))


def _mistakes(record: RunRecord, heard: Callable[[str], Heard]) -> Iterator[Summary]:
    backend = deployed_backend(record.views) or "float"
    score, most = record.views[backend], record.config["logger"].get("misclassified_clips", 0)
    if most and score["correct"] < score["total"]:
        yield from mistakes(*heard(backend), most)


def _heard_again(folder: Path, backend: str) -> Heard:
    from fsdd_lightning.evaluation.evaluate import evaluate_backends
    from fsdd_lightning.evaluation.run import open_run
    from fsdd_lightning.runs.folder import recorded_data

    run = open_run(folder)
    data = recorded_data(run, None)
    with run.threads(), run.backends(data, backend) as opened:
        return data, evaluate_backends(opened.by_name, data, data.split.test).predictions(backend)


def mistakes(data: PreparedData, predictions: np.ndarray, most: int) -> Iterator[Summary]:
    """Wrongly recognized test clips as audio and as pictures, with truth and prediction in the title.

    The tags of both begin alike, but differ: TensorBoard keeps one kind of data a tag. predictions: int (test clips,),
    in the order of the split.
    """
    from torch.utils.tensorboard.summary import audio

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
            yield clip_summary(f"{tag}: seen", picture)
