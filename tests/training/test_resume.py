"""A training that is resumed from a Lightning checkpoint ends with the weights of one that was never interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.config.load import register_resolvers
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.datamodule import DigitDataModule
from fsdd_lightning.data.mfcc import Mfcc
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.splits import Split
from fsdd_lightning.data.standardization import FeatureStatistics
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.sweeps.compose import compose_trials
from fsdd_lightning.training.callbacks import QuantizationSchedule
from fsdd_lightning.training.module import DigitClassifier

CLIPS, FRAMES, CHANNELS = 60, 9, 5
EPOCHS, INTERRUPTED_AFTER = 4, 2


def random_data() -> PreparedData:
    rng = np.random.default_rng(7)
    features = rng.standard_normal((CLIPS, FRAMES, CHANNELS)).astype(np.float32)
    lengths = rng.integers(3, FRAMES + 1, CLIPS)
    positions = np.arange(CLIPS)
    split = Split("random", positions[:40], positions[40:50], positions[50:])
    statistics = FeatureStatistics(np.zeros(CHANNELS, np.float32), np.ones(CHANNELS, np.float32))
    nothing = RecordingSet("none", Path(), (), (), 8000, "", (), ())
    labels = rng.integers(0, 10, CLIPS)
    return PreparedData(
        nothing, Mfcc(features, lengths, 0), split, statistics, features, labels, "synthetic", ()
    )


def config() -> Config:
    register_resolvers()
    overrides = [
        "trainer.batch_size=16",
        "model.dropout=0.3",
        "quantization=int4_qat",
        "feature_augmentation=strong",
    ]
    ((_, composed),) = compose_trials(overrides, multirun=False)
    return composed


def parts(chosen: Config, code: str | None, start: int, folder: Path, epochs: int):
    torch.manual_seed(3)
    network = LSTMClassifier(NetworkShape(CHANNELS, 6, 2, 10), chosen.model.dropout)
    module = DigitClassifier(network, chosen.trainer, chosen.trainer.learning_rate)
    datamodule = DigitDataModule(random_data(), chosen.feature_augmentation, chosen.trainer.batch_size, 5)
    callbacks: list[pl.Callback] = [ModelCheckpoint(folder, "last", enable_version_counter=False)]
    if code is not None:
        callbacks.append(QuantizationSchedule(weight_code(code), start))
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        callbacks=callbacks,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    return trainer, module, datamodule


class StopAfter(pl.Callback):
    """End a training early, as a kill at the end of an epoch would; the learning rate still plans for all epochs."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch + 1 == INTERRUPTED_AFTER:
            trainer.should_stop = True


@pytest.mark.parametrize(
    ("code", "start"), [(None, 0), ("int8", 0), ("int8", 3), ("int4", 1), ("pot", 0), ("int8_pot_scale", 0)]
)
def test_resumed_training_ends_where_an_uninterrupted_one_does(
    code: str | None, start: int, tmp_path: Path
) -> None:
    chosen = config()
    trainer, whole, datamodule = parts(chosen, code, start, tmp_path / "whole", EPOCHS)
    trainer.fit(whole, datamodule)

    trainer, first, datamodule = parts(chosen, code, start, tmp_path / "halves", EPOCHS)
    trainer.callbacks.append(StopAfter())
    trainer.fit(first, datamodule)
    assert trainer.current_epoch == INTERRUPTED_AFTER

    trainer, second, datamodule = parts(chosen, code, start, tmp_path / "halves", EPOCHS)
    torch.manual_seed(99)  # what the process drew before must not matter
    trainer.fit(second, datamodule, ckpt_path=str(tmp_path / "halves" / "last.ckpt"), weights_only=True)
    assert trainer.current_epoch == EPOCHS
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, second.network.state_dict()[name]), name
    assert (second.quantized_view is None) == (whole.quantized_view is None)


def test_a_checkpoint_knows_its_mode(tmp_path: Path) -> None:
    trainer, module, datamodule = parts(config(), "pot", 1, tmp_path, 2)
    trainer.fit(module, datamodule)
    content = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert content["weight_code"] == "pot"
