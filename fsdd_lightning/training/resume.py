"""Resume a killed training in the same folder, to the same bits as one that was never interrupted.

After every epoch checkpoints/last_STAGE.ckpt holds all that training depends on. A run that finds one of the same run
(config, code, packages, data) in its folder starts from there. At the end of a run they are removed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping

from fsdd_lightning.console.summary import print_note
from fsdd_lightning.runs.lock import remove_results
from fsdd_lightning.training.context import RunContext
from fsdd_lightning.training.float_networks import float_key
from fsdd_lightning.training.logger import DashboardLogger
from fsdd_lightning.training.tensorboard import event_files, tag_of, training_events

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
SECOND = "unheard"  # the subfolder of a second network, see unheard.py
_CURVES = "curves"  # prefix of the interrupted run's event files, so that TensorBoard does not read them


class LastEpoch(Checkpoint):
    """Writes the state of training after every epoch, with the key of its run and the epoch's metrics.

    Derived from Lightning's `Checkpoint`: such callbacks run after all others, when the metrics of the epoch exist.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the curves, then the checkpoint."""
        if isinstance(trainer.logger, DashboardLogger):
            trainer.logger.finalize("running")
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


def clear_folder(folder: Path) -> None:
    """Remove the files of an earlier run, except the checkpoints and the curves of interrupted trainings."""
    checkpoints = folder / CHECKPOINTS
    kept = [SECOND] if any((folder / SECOND / CHECKPOINTS).glob("last_*.ckpt")) else []
    if any(checkpoints.glob("last_*.ckpt")):
        kept.append(CHECKPOINTS)
        for path in event_files(folder):
            path.replace(checkpoints / f"{_CURVES}_{len(list(checkpoints.glob(f'{_CURVES}_*'))):04d}")
    remove_results(folder, kept)


def discard_foreign_checkpoints(context: RunContext) -> None:
    """Remove all checkpoints in the folder, with a note, if any is of another config, code or dataset."""
    found = list((context.folder / CHECKPOINTS).glob("last_*.ckpt"))
    if found and any(_key_of(path) != run_key(context) for path in found):
        shutil.rmtree(context.folder / CHECKPOINTS)
        announce(
            "training starts from the first epoch: the checkpoint of the interrupted run is damaged, or of another "
            "config, code, packages, data or folder"
        )


def announce(text: str) -> None:
    """Print and log it; no note, as the record of a resumed run is the same as that of any other."""
    print_note(text)
    logger.info(text)


def _key_of(path: Path) -> str | None:
    try:
        content = torch.load(path, weights_only=True)
        return str(content["run_key"])
    except Exception:  # damaged zips and pickles raise exceptions of many types
        return None


def redraw_curves(context: RunContext, epochs: int, last_metrics: Mapping[str, float] | None = None) -> None:
    """Write the curves of `epochs` epochs of this stage from the interrupted run; `last_metrics`: of the last epoch."""
    dashboard = context.logger
    events = training_events(sorted((context.folder / CHECKPOINTS).glob(f"{_CURVES}_*")))
    steps = range(dashboard.first_epoch, dashboard.first_epoch + epochs)
    for (step, _), event in events.items():
        if step in steps:
            dashboard.experiment.file_writer.add_event(event, step, event.wall_time)
    for name, value in (last_metrics or {}).items():
        if (steps[-1], tag_of(name)) not in events:
            dashboard.log_metrics({name: value, "epoch": epochs - 1})


def remove_resume_files(folder: Path) -> None:
    """The run is complete: the next one in this folder must not resume it."""
    for pattern in ("last_*.ckpt", f"{_CURVES}_*"):
        for path in (folder / CHECKPOINTS).glob(pattern):
            path.unlink()
    shutil.rmtree(folder / SECOND, ignore_errors=True)
