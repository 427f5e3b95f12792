"""One experiment from settings to record: prepare, train, test the best checkpoint, write everything down."""

from __future__ import annotations

import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, ModelSummary, RichProgressBar

from fsdd_lightning.callbacks.dashboard import (
    DashboardLogger,
    WeightHistograms,
    log_confusions,
    log_hyperparameters,
    log_mistakes,
)
from fsdd_lightning.configuration import content_hash, settings_to_mapping
from fsdd_lightning.data.datamodule import DigitDataModule
from fsdd_lightning.data.preparation import CLASSES, PreparedData, prepare_data
from fsdd_lightning.experiments.evaluation import Evaluation, evaluate_views
from fsdd_lightning.experiments.figures import confusion_figure, save_figure
from fsdd_lightning.experiments.provenance import git_state, package_versions
from fsdd_lightning.experiments.record import RunRecord, recorded
from fsdd_lightning.experiments.summary import print_data, print_result
from fsdd_lightning.memory.bill import MemoryBill, float32_bill
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model import checkpoint as checkpoints
from fsdd_lightning.model.checkpoint import Checkpoint, save_checkpoint
from fsdd_lightning.model.lightning_module import DigitClassifier
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.settings import Settings

BEST_MONITOR = "val/loss"  # smoother than the accuracy of a few hundred clips, and never tied


@dataclass(frozen=True)
class Trained:
    """The module with the weights of its best validation epoch, and how it got there."""

    module: DigitClassifier
    logger: DashboardLogger
    datamodule: DigitDataModule
    epochs: int
    best_epoch: int
    val_loss: float
    val_accuracy: float


def run_experiment(settings: Settings, overrides: list[str], folder: Path) -> RunRecord:
    """Run one experiment in `folder` (which exists) and return its record, which is in `folder`/run.json by then."""
    record = _new_record(settings, overrides)
    with recorded(record, folder):
        _seed(settings)
        bill = _bill(settings)
        record.memory = {**bill.as_record(), "budget_bytes": None, "fits": True}
        with record.timed("data"):
            data = prepare_data(settings.data, settings.split, settings.features)
        _describe_data(record, data)
        print_data(data, bill, settings)
        with record.timed("training"):
            trained = train_float(settings, data, folder)
        _describe_training(record, trained)
        with record.timed("evaluation"):
            evaluation = _test(trained, data, folder)
        evaluation.write_to(record)
        with record.timed("reporting"):
            _show(record, settings, trained, data, evaluation, folder)
    print_result(record, folder)
    return record


def _new_record(settings: Settings, overrides: list[str]) -> RunRecord:
    config = settings_to_mapping(settings)
    return RunRecord(
        name=settings.name,
        overrides=overrides,
        config=config,
        config_hash=content_hash(config),
        seed=settings.seed,
        versions=package_versions(),
        git=git_state(),
    )


def _seed(settings: Settings) -> None:
    """Fix all that is random. One thread gives the same sums on any number of cores."""
    torch.set_num_threads(settings.trainer.threads)
    random.seed(settings.seed)
    np.random.seed(settings.seed % 2**32)
    torch.manual_seed(settings.seed)


def _bill(settings: Settings) -> MemoryBill:
    size = settings.model
    shape = NetworkShape(settings.features.n_mfcc, size.hidden_size, size.layers, len(CLASSES))
    return float32_bill(shape, settings.features.max_frames)


def _describe_data(record: RunRecord, data: PreparedData) -> None:
    recordings = data.recordings
    record.dataset = {
        "name": recordings.name,
        "source": data.source,
        "digest": recordings.digest,
        "recordings": len(recordings.recordings),
        "folder": str(recordings.folder),
        "trimmed": data.mfcc.trimmed,
    }
    parts = {part: len(getattr(data.split, part)) for part in ("train", "val", "test")}
    record.split = {"name": data.split.name, **parts}
    record.notes = list(data.notes)


def _describe_training(record: RunRecord, trained: Trained) -> None:
    record.training = {
        "epochs": trained.epochs,
        "best_epoch": trained.best_epoch,
        "val_loss": trained.val_loss,
        "val_accuracy": trained.val_accuracy,
    }


def train_float(settings: Settings, data: PreparedData, folder: Path) -> Trained:
    """Train the float network; the result carries the weights of the epoch with the lowest validation loss."""
    network = LSTMClassifier(settings.model, settings.features.n_mfcc, len(CLASSES))
    module = DigitClassifier(network, settings.trainer, len(CLASSES))
    datamodule = DigitDataModule(data, settings.augmentation, settings.trainer.batch_size, settings.seed)
    logger = DashboardLogger(folder)
    best = ModelCheckpoint(
        folder / "checkpoints", "best", monitor=BEST_MONITOR, mode="min", enable_version_counter=False
    )
    trainer = _trainer(settings, folder, logger, best)
    _fit(trainer, module, datamodule)
    content = torch.load(best.best_model_path, weights_only=True)
    module.load_state_dict(content["state_dict"])
    val = evaluate_views(network, data, data.split.val)
    return Trained(
        module=module,
        logger=logger,
        datamodule=datamodule,
        epochs=trainer.current_epoch,
        best_epoch=content["epoch"],
        val_loss=float(best.best_model_score or 0.0),
        val_accuracy=val.scores["float"].accuracy,
    )


def _trainer(settings: Settings, folder: Path, logger: DashboardLogger, best: ModelCheckpoint) -> pl.Trainer:
    callbacks: list[pl.Callback] = [
        best,
        WeightHistograms(settings.logger.histogram_every_epochs),
    ]
    shows_progress = settings.callbacks.progress_bar and sys.stdout.isatty()
    if shows_progress:
        callbacks.append(RichProgressBar(leave=False))
    if settings.callbacks.model_summary and sys.stdout.isatty():
        callbacks.append(ModelSummary(max_depth=2))
    if settings.callbacks.early_stopping_patience is not None:
        patience = settings.callbacks.early_stopping_patience
        callbacks.append(EarlyStopping(monitor=BEST_MONITOR, mode="min", patience=patience))
    return pl.Trainer(
        max_epochs=settings.trainer.epochs,
        accelerator="cpu",
        devices=1,
        logger=logger,
        callbacks=callbacks,
        default_root_dir=folder,
        gradient_clip_val=settings.trainer.gradient_clip,
        enable_progress_bar=shows_progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _fit(trainer: pl.Trainer, module: DigitClassifier, datamodule: DigitDataModule) -> None:
    try:
        trainer.fit(module, datamodule)
    except SystemExit as error:  # Lightning's answer to Ctrl-C: it mutes SIGINT and exits with 1
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from error


def _test(trained: Trained, data: PreparedData, folder: Path) -> Evaluation:
    """The one look at the test set."""
    network = trained.module.network
    assert isinstance(network, LSTMClassifier)
    chosen = Checkpoint(network, network.size, data.statistics.mean, data.statistics.std, CLASSES)
    save_checkpoint(chosen, folder / checkpoints.FILE_NAME)
    tester = pl.Trainer(
        accelerator="cpu", logger=trained.logger, enable_progress_bar=False, enable_model_summary=False
    )
    tester.test(trained.module, trained.datamodule, verbose=False)
    return evaluate_views(network, data, data.split.test)


def _show(
    record: RunRecord,
    settings: Settings,
    trained: Trained,
    data: PreparedData,
    evaluation: Evaluation,
    folder: Path,
) -> None:
    for name, view in record.views.items():
        title = f"{settings.name}: {name}, {view['correct']} of {view['total']} right"
        save_figure(confusion_figure(view, title), folder / f"confusion_{name}.png")
    log_confusions(trained.logger, record)
    log_mistakes(trained.logger, data, evaluation.predictions("float"), settings.logger.misclassified_clips)
    log_hyperparameters(trained.logger, record.config, final_metrics(record))
    trained.logger.close()


def final_metrics(record: RunRecord) -> dict[str, float]:
    """The metric columns of the HParams page."""
    view = record.views["float"]
    return {
        "final/float_accuracy": view["accuracy"],
        "final/float_macro_f1": view["macro_f1"],
        "final/val_accuracy": record.training["val_accuracy"],
        "final/parameters": float(record.memory["parameters"]),
        "final/flash_bytes": float(record.memory["flash_bytes"]),
        "final/macs_per_clip": float(record.memory["macs_per_clip"]),
    }
