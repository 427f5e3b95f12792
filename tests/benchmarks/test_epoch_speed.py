"""One training epoch under Lightning against the same steps in a bare torch loop: at most 1.3 times as long.

Both run on one thread, so that processor time is compared: other programs on the machine do not disturb it.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.nn import functional as F

from fsdd_lightning.config.load import register_resolvers
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.datamodule import WordDataModule
from fsdd_lightning.data.feature_augmentation import FeatureAugmentation
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.sweeps.compose import compose_trials
from fsdd_lightning.training.allocator import keep_freed_memory
from fsdd_lightning.training.logger import DashboardLogger
from fsdd_lightning.training.module import WordClassifier
from fsdd_lightning.training.optimization import Optimization

EPOCHS_PER_ROUND = 3
ROUNDS = 5


class EpochClock(pl.Callback):
    """Seconds of every training epoch, from its first batch to the end of its last."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start = time.process_time()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds.append(time.process_time() - self._start)


@pytest.fixture(scope="module")
def prepared(fsdd_root: Path) -> tuple[Config, PreparedData]:
    register_resolvers()
    keep_freed_memory()
    ((_, config),) = compose_trials([f"data.root={fsdd_root}", f"trainer.max_epochs={EPOCHS_PER_ROUND}"], False)
    return config, prepare_data(config.data, config.split, config.features)


def network_of(config: Config) -> LSTMClassifier:
    return LSTMClassifier(plan_run(config).shape, config.model.dropout)


def lightning_epochs(config: Config, data: PreparedData, folder: Path) -> list[float]:
    module = WordClassifier(network_of(config), config.training, Optimization.of(config))
    clock = EpochClock()
    trainer = pl.Trainer(
        max_epochs=EPOCHS_PER_ROUND,
        accelerator="cpu",
        logger=DashboardLogger(folder),
        callbacks=[clock],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        gradient_clip_val=config.trainer.gradient_clip_val,
    )
    trainer.fit(module, WordDataModule(data, config.feature_augmentation, config.training.batch_size, 1))
    return clock.seconds


def bare_epochs(config: Config, data: PreparedData) -> list[float]:
    network = network_of(config)
    augment, generator = FeatureAugmentation(config.feature_augmentation), torch.Generator().manual_seed(1)
    train = data.split.train
    features, lengths, labels = (torch.from_numpy(a[train]) for a in (data.features, data.lengths, data.labels))
    optimizer = torch.optim.AdamW(network.parameters(), config.optimizer["lr"], foreach=True)
    steps = -(-len(train) // config.training.batch_size) * EPOCHS_PER_ROUND
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.optimizer["lr"], total_steps=steps)
    seconds = []
    for _ in range(EPOCHS_PER_ROUND):
        start = time.process_time()
        for chosen in torch.randperm(len(train), generator=generator).split(config.training.batch_size):
            x, valid = augment(features[chosen], lengths[chosen], generator)
            loss = F.cross_entropy(network(x, valid), labels[chosen], label_smoothing=config.training.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.trainer.gradient_clip_val or 1.0)
            optimizer.step()
            schedule.step()
        seconds.append(time.process_time() - start)
    return seconds


def test_lightning_epoch_costs_little_more_than_a_bare_loop(
    prepared: tuple[Config, PreparedData], tmp_path: Path, benchmark
) -> None:
    under_lightning: list[float] = []
    bare: list[float] = []

    def both() -> None:
        bare.extend(bare_epochs(*prepared)[1:])
        under_lightning.extend(lightning_epochs(*prepared, tmp_path)[1:])

    benchmark.pedantic(both, rounds=ROUNDS, warmup_rounds=1)
    ratio = statistics.median(under_lightning) / statistics.median(bare)
    pairs = np.array(under_lightning) / np.array(bare)
    print(
        f"\nepoch under Lightning {1e3 * statistics.median(under_lightning):.0f} ms, bare "
        f"{1e3 * statistics.median(bare):.0f} ms, ratio {ratio:.2f} (pairs {pairs.min():.2f}-{pairs.max():.2f})"
    )
    assert ratio <= 1.3
