"""Training with Lightning: from weights to the weights of the best validation epoch."""

from __future__ import annotations

import math
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from fsdd_lightning.arithmetic.ranges import RangeError
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.datamodule import WordDataModule
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.interruption import obey
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.results import CHECKPOINTS
from fsdd_lightning.training.averaging import MovingAverage
from fsdd_lightning.training.callbacks import GradientNorms, Obedience, QuantizationSchedule, WeightHistograms
from fsdd_lightning.training.checkpoint_files import WholeCheckpoints
from fsdd_lightning.training.context import RunContext
from fsdd_lightning.training.module import WordClassifier
from fsdd_lightning.training.optimization import Optimization
from fsdd_lightning.training.resume import LastEpoch, announce, is_of_run, last_checkpoint, redraw_curves, run_key
from fsdd_lightning.training.trainer import (
    make_callbacks,
    make_profiler,
    shows_progress,
    stage_epochs,
    steps_per_epoch,
    trainer_arguments,
)

BEST_MONITOR = "val/loss"  # smoother than the accuracy of a few hundred clips, and never tied
# By `training.checkpoint`; None: every epoch replaces the one before.
MONITORS = {"best": BEST_MONITOR, "last": None}


@dataclass(frozen=True)
class FitResult:
    """A network with the weights of its kept epoch (`training.checkpoint`), counted from 0, of `epochs`."""

    network: LSTMClassifier
    epochs: int
    best_epoch: int
    val_loss: float

    def as_record(self) -> dict[str, Any]:
        """Plain numbers, as in a run record."""
        return {"epochs": self.epochs, "best_epoch": self.best_epoch, "val_loss": self.val_loss}


def fit_float(network: LSTMClassifier, context: RunContext) -> FitResult:
    """Train in float for `trainer.max_epochs`."""
    config = context.config
    module = WordClassifier(network, config.training, Optimization.of(config))
    return _fit(module, config.trainer.max_epochs, context, [])


def fit_quantized(network: LSTMClassifier, context: RunContext) -> FitResult:
    """Train on for `quantization.epochs` while looking through the arithmetic (quantization-aware training)."""
    mode = context.config.quantization
    assert mode.weight_code is not None
    # Lightning keeps a network that was evaluated before in that mode: without dropout in its float epochs.
    optimization = Optimization.of(context.config, mode.learning_rate)
    module = WordClassifier(network.train(), context.config.training, optimization)
    last_epoch = stage_epochs(context.config.trainer, mode.epochs) - 1
    schedule = QuantizationSchedule(weight_code(mode.weight_code), min(mode.start_epoch, last_epoch))
    return _fit(module, mode.epochs, context, [schedule])


def log_test_metrics(checkpoint: Checkpoint, context: RunContext) -> None:
    """The deployed network, as it is deployed, on the test clips: test/loss, test/accuracy, test/macro_f1."""
    config = context.config
    module = WordClassifier(checkpoint.network, config.training, Optimization.of(config))
    if checkpoint.weight_code is not None:
        module.quantized_view = QuantizedView(checkpoint.network, weight_code(checkpoint.weight_code))
    tester = pl.Trainer(
        accelerator="cpu",
        logger=context.logger,
        callbacks=[Obedience()],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with _honest_interrupts():
        tester.test(module, _datamodule(context), verbose=False)


def use_threads(config: Config) -> None:
    """Set the number of torch threads of this run, also where an earlier network is only evaluated."""
    torch.set_num_threads(config.torch_threads)


def seed_everything(config: Config) -> None:
    """Seed all generators at the start of a stage, so that it does not depend on the stages before.

    One thread gives the same sums on any number of cores.
    """
    use_threads(config)
    random.seed(config.seed)
    np.random.seed(config.seed % 2**32)
    torch.manual_seed(config.seed)


def _fit(module: WordClassifier, epochs: int, context: RunContext, callbacks: list[pl.Callback]) -> FitResult:
    epochs = stage_epochs(context.config.trainer, epochs)
    stage, averaging = context.logger.stage, _weight_averaging(context, epochs)
    best = ModelCheckpoint(
        context.folder / CHECKPOINTS,
        f"best_{stage}",
        monitor=MONITORS[context.config.training.checkpoint],
        mode="min",
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    last = LastEpoch(last_checkpoint(context.folder, stage), run_key(context), best)
    trainer = _trainer(epochs, context, [*averaging, *callbacks, best, last])
    resumed = last.path if is_of_run(last.path, last.key) else None
    if resumed is not None:
        _announce_resumed(resumed, context)
    with _honest_interrupts(), named_divergence(stage):
        trainer.fit(module, _datamodule(context), ckpt_path=resumed, weights_only=True if resumed else None)
    return _kept_epoch(module.cpu(), best, trainer.current_epoch, stage, last.key)


def _announce_resumed(checkpoint: Path, context: RunContext) -> None:
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    redraw_curves(context, content["epoch"] + 1, content["metrics"])
    announce(f"{context.logger.stage} training goes on after epoch {content['epoch'] + 1}")


def _kept_epoch(module: WordClassifier, best: ModelCheckpoint, epochs: int, stage: str, key: str) -> FitResult:
    """Load the weights that `training.checkpoint` asks for."""
    path = best.best_model_path
    if path and not is_of_run(Path(path), key):
        raise RunFailedError(f"{path}, which the {stage} training kept, is gone or was replaced: run it again")
    content = torch.load(path, map_location="cpu", weights_only=True) if path else {}
    val_loss = content["metrics"][BEST_MONITOR] if content else math.nan
    if not math.isfinite(val_loss):
        raise RunFailedError(_diverged(stage, "no finite validation loss"))
    module.load_state_dict(content["state_dict"])
    return FitResult(module.network.eval(), epochs, content["epoch"], val_loss)


@contextmanager
def named_divergence(stage: str) -> Iterator[None]:
    """Weights that no integers can stand for, because they have grown without end: say so.

    Raises:
        RunFailedError: with the remedy.
    """
    try:
        yield
    except RangeError as error:
        raise RunFailedError(_diverged(stage, str(error))) from error


def _diverged(stage: str, sign: str) -> str:
    key = "optimizer.lr" if stage == "float" else "quantization.learning_rate"
    return f"the {stage} training diverged ({sign}): lower {key}"


def _datamodule(context: RunContext) -> WordDataModule:
    config = context.config
    overfit = config.trainer.overfit_batches
    return WordDataModule(context.data, config.feature_augmentation, config.training.batch_size, config.seed, overfit)


def _weight_averaging(context: RunContext, epochs: int) -> list[pl.Callback]:
    """Validate, and keep, an exponential moving average of the weights instead of the last step's.

    On 10 splits with other seeds than the reported one it lost nothing on any and gained 0.2 points on average: the
    best epoch is no longer one that happened to fit a few hundred validation clips.
    """
    training = context.config.training
    steps = steps_per_epoch(context.config.trainer, context.data, training.batch_size) * epochs
    horizon_steps = training.weight_averaging * steps
    return [MovingAverage(decay=1.0 - 1.0 / horizon_steps)] if horizon_steps > 1.0 else []


def _trainer(epochs: int, context: RunContext, callbacks: list[pl.Callback]) -> pl.Trainer:
    config, stage = context.config, context.logger.stage
    histograms = WeightHistograms(config.logger.get("histogram_every_epochs", 0))
    callbacks = [Obedience(), *callbacks, GradientNorms(), histograms, *make_callbacks(config, context.folder)]
    trainer = pl.Trainer(
        **trainer_arguments(config.trainer, epochs, context.data, config.training.batch_size),
        logger=[context.logger, *context.loggers],
        callbacks=callbacks,
        default_root_dir=context.folder,
        enable_progress_bar=shows_progress(callbacks),
        enable_model_summary=False,
        profiler=make_profiler(config.trainer, context.folder, stage),
        plugins=[WholeCheckpoints()],
    )
    if context.loggers:  # whose curves are over steps: this stage goes on where the one before ended
        steps = steps_per_epoch(config.trainer, context.data, config.training.batch_size)
        trainer.fit_loop.epoch_loop._batches_that_stepped = context.logger.first_epoch * steps
    return trainer


@contextmanager
def _honest_interrupts() -> Iterator[None]:
    """On Ctrl-C Lightning ignores SIGINT and exits with 1, on a lost SIGTERM with 143: turn that into the exception."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        obey()
        raise KeyboardInterrupt from error
