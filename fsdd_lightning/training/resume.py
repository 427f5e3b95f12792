"""Resume a killed training in the same folder, to the same bits as one that was never interrupted.

After every epoch checkpoints/last_STAGE.ckpt holds all that training depends on. A run that finds one of the same run
(config, code, packages, data) in its folder starts from there. At the end of a run they are removed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping, ModelCheckpoint

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.console.summary import print_note
from fsdd_lightning.runs.results import (
    CHECKPOINTS,
    CURVES,
    EVENTS,
    IN_CHECKPOINTS,
    IN_SECOND,
    SECOND,
    find_files,
    remove_files,
    remove_halves,
)
from fsdd_lightning.training.context import RunContext
from fsdd_lightning.training.float_networks import float_key
from fsdd_lightning.training.logger import DashboardLogger
from fsdd_lightning.training.tensorboard import event_files, tag_of, training_events

logger = logging.getLogger(__name__)

_MOST_BYTES = 2**31  # of a checkpoint: weights, their average, the state of the optimizer


class LastEpoch(Checkpoint):
    """Writes the state of training after every epoch, with the key of its run and the epoch's metrics.

    Derived from Lightning's `Checkpoint`: such callbacks run after all others, when the metrics of the epoch exist.
    """

    def __init__(self, path: Path, key: str, best: ModelCheckpoint) -> None:
        """`best`: the callback just before this one, which writes the epochs that may be kept."""
        self.path, self.key, self.best = path, key, best

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the curves, then the checkpoint: a copy of that of `best` where this epoch is the best one so far."""
        if isinstance(trainer.logger, DashboardLogger):
            trainer.logger.finalize("running")
        if self.best._last_global_step_saved == trainer.global_step:  # the state is still the same, to the byte
            replace_file(self.path, Path(self.best._last_checkpoint_saved).read_bytes())
        else:
            trainer.save_checkpoint(self.path)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the metrics: those of the training clips are logged only after the checkpoint is written."""
        checkpoint["run_key"] = self.key
        checkpoint["metrics"] = {name: float(value) for name, value in trainer.callback_metrics.items()}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop again where early stopping had ended the training: a new trainer does not know that."""
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, EarlyStopping) and callback.wait_count >= callback.patience:
                trainer.should_stop = True


def last_checkpoint(folder: Path, stage: str) -> Path:
    """The checkpoint of a stage (float or quantized) of the run in `folder`."""
    return folder / CHECKPOINTS / f"last_{stage}.ckpt"


def run_key(context: RunContext) -> str:
    """SHA-256 (hex) over all that training depends on, and the folder, as checkpoints contain paths."""
    decides = [
        float_key(context.config, context.data),
        dataclasses.asdict(context.config.quantization),
        str(context.folder),
    ]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def clear_folder(folder: Path, owned: Collection[str]) -> None:
    """Remove the files of an earlier run, except the checkpoints and the curves of interrupted trainings.

    Of all that a run writes `owned` are the names that the record vouches for; links with those names go, too.
    """
    remove_halves(folder)
    kept = IN_SECOND if _is_begun(folder / SECOND) else frozenset()
    if _is_begun(folder):
        kept |= IN_CHECKPOINTS
        for path in event_files(folder) if EVENTS in owned else ():
            if path.is_file() and not path.is_symlink():
                path.replace(_next_curves(folder / CHECKPOINTS))
    for path, _ in list(find_files(folder, kept)):
        if path.is_symlink():  # it would be written through
            path.unlink()
    remove_files(folder, set(owned) - kept)


def _is_begun(folder: Path) -> bool:
    return any(path.name.startswith("last_") for path in _checkpoints(folder))


def _checkpoints(folder: Path) -> list[Path]:
    """Those of a run, whose folder is no link."""
    found = (path for path, _ in find_files(folder, IN_CHECKPOINTS))
    return [path for path in found if path.suffix == ".ckpt" and path.is_file()]


def _next_curves(checkpoints: Path) -> Path:
    numbers = [int(path.name.removeprefix(CURVES)) for path in checkpoints.glob(f"{CURVES}[0-9][0-9][0-9][0-9]")]
    return checkpoints / f"{CURVES}{max(numbers, default=-1) + 1:04d}"


def discard_foreign_checkpoints(context: RunContext) -> None:
    """Remove all checkpoints in the folder, with a note, if any is of another config, code or dataset."""
    key = run_key(context)
    if not _is_begun(context.folder) or all(is_of_run(path, key) for path in _checkpoints(context.folder)):
        return
    remove_files(context.folder, IN_CHECKPOINTS & set(context.record.owns or ()))
    announce(
        "training starts from the first epoch: the checkpoint of the interrupted run is damaged, or of another config, "
        "code, packages, data or folder"
    )


def is_of_run(path: Path, key: str) -> bool:
    """Whether a checkpoint is one of the run with this key. Without the key in it, torch does not look at it."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES or key.encode() not in _pickled(path):
            return False
        return bool(torch.load(path, map_location="cpu", weights_only=True)["run_key"] == key)
    except Exception:  # damaged zips and pickles raise exceptions of many types
        return False


def _pickled(path: Path) -> bytes:
    """What is no tensor in a checkpoint, whose sizes are checked: as text for now, as nothing in it is trusted yet."""
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > path.stat().st_size:
            raise ValueError("its members are more than the file")
        (pickled,) = [info for info in infos if info.filename.endswith("/data.pkl")]
        return archive.read(pickled)


def announce(text: str) -> None:
    """Print and log it; no note, as the record of a resumed run is the same as that of any other."""
    print_note(text)
    logger.info(text)


def redraw_curves(context: RunContext, epochs: int, last_metrics: Mapping[str, float] | None = None) -> None:
    """Write the curves of `epochs` epochs of this stage from the interrupted run; `last_metrics`: of the last epoch."""
    dashboard = context.logger
    events = training_events(sorted((context.folder / CHECKPOINTS).glob(f"{CURVES}[0-9]*")))
    steps = range(dashboard.first_epoch, dashboard.first_epoch + epochs)
    for (step, _), event in events.items():
        if step in steps:
            dashboard.experiment.file_writer.add_event(event, step, event.wall_time)
    for name, value in (last_metrics or {}).items():
        if (steps[-1], tag_of(name)) not in events:
            dashboard.log_metrics({name: value, "epoch": epochs - 1})
