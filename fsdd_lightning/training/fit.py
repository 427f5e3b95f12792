"""Training with Lightning: from weights to the weights of the best validation epoch."""

from __future__ import annotations

import math
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import (
    EarlyStopping,
    EMAWeightAveraging,
    ModelCheckpoint,
    ModelSummary,
    RichProgressBar,
)

from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.config.schema import Config, TrainerConfig
from fsdd_lightning.console.terminal import console
from fsdd_lightning.data.datamodule import DigitDataModule
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.training.callbacks import QuantizationSchedule
from fsdd_lightning.training.logger import DashboardLogger, WeightHistograms
from fsdd_lightning.training.module import DigitClassifier

BEST_MONITOR = "val/loss"  # smoother than the accuracy of a few hundred clips, and never tied
MONITORS = {
    "best": BEST_MONITOR,
    "last": None,
}  # by `trainer.checkpoint`; None: each epoch replaces the one before
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class FitResult:
    """A network with the weights of its kept epoch (`trainer.checkpoint`), counted from 0, of `epochs`."""

    network: LSTMClassifier
    epochs: int
    best_epoch: int
    val_loss: float


def fit_float(
    network: LSTMClassifier, config: Config, data: PreparedData, folder: Path, logger: DashboardLogger
) -> FitResult:
    """Train in float for `trainer.max_epochs`."""
    module = DigitClassifier(network, config.trainer, config.trainer.learning_rate)
    return _fit(module, config.trainer.max_epochs, config, data, folder, logger, [])


def fit_quantized(
    network: LSTMClassifier, config: Config, data: PreparedData, folder: Path, logger: DashboardLogger
) -> FitResult:
    """Train on for `quantization.epochs` while looking through the arithmetic (quantisation-aware training)."""
    wanted = config.quantization
    assert wanted.weight_code is not None
    # Lightning keeps a network that was evaluated before in that mode: without dropout in its float epochs.
    module = DigitClassifier(network.train(), config.trainer, wanted.learning_rate)
    schedule = QuantizationSchedule(weight_code(wanted.weight_code), wanted.start_epoch)
    return _fit(module, wanted.epochs, config, data, folder, logger, [schedule])


def log_test_metrics(
    checkpoint: Checkpoint, config: Config, data: PreparedData, logger: DashboardLogger
) -> None:
    """The deployed network, as it is deployed, on the test clips: test/loss, test/accuracy, test/macro_f1."""
    module = DigitClassifier(checkpoint.network, config.trainer, config.trainer.learning_rate)
    if checkpoint.weight_code is not None:
        module.quantized_view = QuantizedView(checkpoint.network, weight_code(checkpoint.weight_code))
    datamodule = DigitDataModule(data, config.feature_augmentation, config.trainer.batch_size, config.seed)
    tester = pl.Trainer(
        accelerator="cpu", logger=logger, enable_progress_bar=False, enable_model_summary=False
    )
    with _honest_interrupts():
        tester.test(module, datamodule, verbose=False)


def use_threads(config: Config) -> None:
    """How many threads torch may take, in this run: also for what only looks at a network trained before."""
    torch.set_num_threads(config.torch_threads)


def seed_everything(config: Config) -> None:
    """Fix all that is random, at the start of each stage: a stage never depends on whether another one ran before.

    One thread gives the same sums on any number of cores.
    """
    use_threads(config)
    random.seed(config.seed)
    np.random.seed(config.seed % 2**32)
    torch.manual_seed(config.seed)


def _fit(
    module: DigitClassifier,
    epochs: int,
    config: Config,
    data: PreparedData,
    folder: Path,
    logger: DashboardLogger,
    callbacks: list[pl.Callback],
) -> FitResult:
    datamodule = DigitDataModule(data, config.feature_augmentation, config.trainer.batch_size, config.seed)
    best = ModelCheckpoint(
        folder / CHECKPOINTS,
        f"best_{logger.stage}",
        monitor=MONITORS[config.trainer.checkpoint],
        mode="min",
        enable_version_counter=False,
    )
    averaging = _weight_averaging(config.trainer, len(data.split.train), epochs)
    trainer = _trainer(epochs, config, folder, logger, [*averaging, *callbacks, best])
    with _honest_interrupts():
        trainer.fit(module, datamodule)
    val_loss = trainer.callback_metrics[BEST_MONITOR] if best.monitor is None else best.best_model_score
    if val_loss is None or not torch.isfinite(val_loss):
        setting = "trainer" if logger.stage == "float" else "quantization"
        raise RunFailedError(
            f"the {logger.stage} training diverged (no finite validation loss): lower {setting}.learning_rate"
        )
    content = torch.load(best.best_model_path, weights_only=True)
    module.load_state_dict(content["state_dict"])
    return FitResult(module.network.eval(), trainer.current_epoch, content["epoch"], float(val_loss))


def _weight_averaging(wanted: TrainerConfig, clips: int, epochs: int) -> list[pl.Callback]:
    """Validate, and keep, an exponential moving average of the weights instead of the last step's.

    On 10 splits with other seeds than the reported one it lost nothing on any and won 0.2 points on average: the best
    epoch is no longer one that was lucky on a few hundred validation clips.
    """
    steps = math.ceil(clips / wanted.batch_size) * epochs
    horizon_steps = wanted.weight_averaging * steps
    return [EMAWeightAveraging(decay=1.0 - 1.0 / horizon_steps)] if horizon_steps > 1.0 else []


def _trainer(
    epochs: int, config: Config, folder: Path, logger: DashboardLogger, callbacks: list[pl.Callback]
) -> pl.Trainer:
    shown = config.callbacks
    on_terminal = sys.stdout.isatty() and not console.quiet
    patience = shown.early_stopping_patience
    callbacks = [*callbacks, WeightHistograms(config.logger.histogram_every_epochs)]
    if shown.progress_bar and on_terminal:
        callbacks.append(RichProgressBar(leave=False))
    if shown.model_summary and on_terminal:
        callbacks.append(ModelSummary(max_depth=2))
    if patience is not None:
        callbacks.append(EarlyStopping(monitor=BEST_MONITOR, mode="min", patience=patience))
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        logger=logger,
        callbacks=callbacks,
        default_root_dir=folder,
        gradient_clip_val=config.trainer.gradient_clip_val,
        enable_progress_bar=shown.progress_bar and on_terminal,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


@contextmanager
def _honest_interrupts() -> Iterator[None]:
    """Lightning answers Ctrl-C by muting SIGINT and exiting with 1; make a KeyboardInterrupt of that again."""
    try:
        yield
    except SystemExit as error:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from error
