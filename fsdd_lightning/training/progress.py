"""Lightning's side of the line on the progress of a run."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar

from fsdd_lightning.console.progress import FLOAT, QUANTIZED, RunProgress, current_progress
from fsdd_lightning.training.callbacks import QuantizationSchedule


class ProgressLine(ProgressBar):
    """Replaces Lightning's progress bars: one line for the whole run of which this training is a stage.

    In a trainer of your own it is about that training alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._progress = RunProgress()

    def disable(self) -> None:
        """On all processes but the first."""
        self._enabled = False

    def enable(self) -> None:
        """The opposite."""
        self._enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A stage of the run begins."""
        self._progress = current_progress()
        if self._enabled:
            callbacks = trainer.callbacks  # type: ignore[attr-defined]
            quantized = any(isinstance(callback, QuantizationSchedule) for callback in callbacks)
            self._progress.begin(QUANTIZED if quantized else FLOAT, trainer.max_epochs or 0)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any) -> None:
        """Count on."""
        if self._enabled:
            done = (trainer.fit_loop.epoch_loop.batch_idx + 1) / max(float(trainer.num_training_batches), 1.0)
            self._progress.step(trainer.current_epoch + min(done, 1.0))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take over the scores of the validation clips."""
        found = trainer.callback_metrics
        loss, accuracy = (None if name not in found else float(found[name]) for name in ("val/loss", "val/accuracy"))
        self._progress.score(loss, accuracy)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """However training ended."""
        self._progress.end()
