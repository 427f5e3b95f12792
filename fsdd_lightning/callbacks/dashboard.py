"""What a run shows in TensorBoard beside its curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger

from fsdd_lightning.data.preparation import CLASSES, PreparedData
from fsdd_lightning.experiments.figures import confusion_figure
from fsdd_lightning.experiments.record import RunRecord


class DashboardLogger(TensorBoardLogger):
    """One event file a run, straight in the run folder, so that TensorBoard names runs by their folders.

    Lightning finalizes a logger after each of fit and test, which would close the file and begin another.
    """

    def __init__(self, run_folder: Path) -> None:
        super().__init__(run_folder, name="", version="", default_hp_metric=False)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Curves over epochs, whatever the batch size; Lightning's own chart of the epoch itself is left out."""
        kept = {name: value for name, value in metrics.items() if name != "epoch"}
        super().log_metrics(kept, int(metrics.get("epoch", step or 0)))

    def finalize(self, status: str) -> None:
        """Write out what there is, and stay open."""
        self.experiment.flush()

    def save(self) -> None:
        """No `hparams.yaml`: run.json holds the settings."""

    def close(self) -> None:
        """The run is over."""
        self.experiment.close()


class WeightHistograms(pl.Callback):
    """Histograms of all weights at the end of every `every_epochs`-th epoch; 0 turns them off."""

    def __init__(self, every_epochs: int) -> None:
        self.every_epochs = every_epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write them."""
        if not self.every_epochs or (trainer.current_epoch + 1) % self.every_epochs:
            return
        if isinstance(trainer.logger, TensorBoardLogger):
            for name, weights in pl_module.named_parameters():
                trainer.logger.experiment.add_histogram(name, weights.detach(), trainer.current_epoch)


def log_confusions(logger: TensorBoardLogger, record: RunRecord) -> None:
    """One confusion matrix a view."""
    for name, view in record.views.items():
        figure = confusion_figure(view, f"{name}: {view['correct']} of {view['total']} test clips right")
        logger.experiment.add_figure(f"confusion/{name}", figure, close=False)


def log_mistakes(logger: TensorBoardLogger, data: PreparedData, predictions: np.ndarray, most: int) -> None:
    """Wrongly recognised test clips as audio, with truth and prediction in the title.

    predictions: int (test clips,), in the order of the split.
    """
    wrong = np.flatnonzero(predictions != data.labels[data.split.test])[:most]
    for at in wrong:
        position = int(data.split.test[at])
        recording = data.recordings.recordings[position]
        tag = f"misclassified/{recording.name} said {recording.digit} heard {CLASSES[predictions[at]]}"
        logger.experiment.add_audio(
            tag, data.recordings.waveforms[position][None], sample_rate=data.recordings.sample_rate_hz
        )


def log_hyperparameters(
    logger: TensorBoardLogger, settings: dict[str, Any], metrics: dict[str, float]
) -> None:
    """The HParams row of a run: every setting by its dotted name, so that all runs have the same columns."""
    flat = dict(_flatten(settings))
    logger.log_hyperparams(flat, metrics)


def _flatten(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in settings.items():
        if isinstance(value, dict):
            rows += _flatten(value, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, value if isinstance(value, int | float | str) else str(value)))
    return rows
