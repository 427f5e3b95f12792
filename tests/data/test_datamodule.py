"""The clips of a training epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from example_configs import NO_AUGMENTATION, feature_config

from fsdd_lightning.data.datamodule import Batch, DigitDataModule, TrainingOrder
from fsdd_lightning.data.features import Features
from fsdd_lightning.data.preparation import Copies, PreparedData
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.splits import Split
from fsdd_lightning.data.statistics import FeatureStatistics

CLIPS, FRAMES = 10, 4


def constant(offset: float) -> Features:
    """Clip i has the value i + offset in all frames but the last, which is after its end."""
    values = np.full((CLIPS, FRAMES, 1), offset, np.float32) + np.arange(CLIPS, dtype=np.float32)[:, None, None]
    values[:, -1] = 0.0
    return Features(values, np.full(CLIPS, FRAMES - 1), trimmed=0)


def prepared(copies: int, clean_share: float = 0.0) -> PreparedData:
    """Statistics are 0 and 2; clips 0, 1 are validation, 2, 3 test."""
    mfcc, statistics = constant(0.0), FeatureStatistics(np.zeros(1, np.float32), np.full(1, 2.0, np.float32))
    changed = tuple(constant(100.0 * (copy + 1)) for copy in range(copies))
    return PreparedData(
        recordings=RecordingSet("numbers", Path(), (), (), 8000, "", (), ()),
        heard=(),
        config=feature_config(),
        extracted=mfcc,
        split=Split("random", np.arange(4, CLIPS), np.arange(2), np.arange(2, 4)),
        statistics=statistics,
        features=statistics.standardize(mfcc),
        labels=np.arange(CLIPS),
        source="synthetic",
        notes=(),
        copies=Copies(changed, clean_share) if copies else None,
    )


def epoch(data: DigitDataModule) -> Batch:
    batches = list(data.train_dataloader())
    return Batch(*(torch.cat(tensors) for tensors in zip(*batches, strict=True)))


def module(data: PreparedData, seed: int = 1) -> DigitDataModule:
    return DigitDataModule(data, NO_AUGMENTATION, batch_size=4, seed=seed)


@pytest.mark.parametrize(("copies", "clean_share"), [(0, 0.0), (3, 0.0), (3, 0.5), (3, 1.0)])
def test_an_epoch_has_every_training_clip_once(copies: int, clean_share: float) -> None:
    data = module(prepared(copies, clean_share))
    for _ in range(3):
        batch = epoch(data)
        assert sorted(batch.labels.tolist()) == list(range(4, CLIPS))
        assert batch.lengths.tolist() == [FRAMES - 1] * 6
        shown = 2.0 * batch.features[:, 0, 0]  # clip, and 100 times its version
        assert torch.equal(shown % 100.0, batch.labels.float())


def test_copies_and_clips_are_drawn_by_their_share() -> None:
    versions = [int(2.0 * value // 100) for _ in range(200) for value in epoch(DRAWING).features[:, 0, 0]]
    counts = np.bincount(versions, minlength=4) / len(versions)
    np.testing.assert_allclose(counts, [0.4, 0.2, 0.2, 0.2], atol=0.04)  # 1,200 draws: 3 standard errors


DRAWING = module(prepared(3, 0.4), seed=3)


@pytest.mark.parametrize(("clean_share", "versions"), [(1.0, {0}), (0.0, {1, 2})])
def test_only_clips_or_only_copies(clean_share: float, versions: set[int]) -> None:
    data = module(prepared(2, clean_share))
    shown = {int(2.0 * value // 100) for _ in range(20) for value in epoch(data).features[:, 0, 0]}
    assert shown == versions


def test_validation_and_test_clips_are_unchanged() -> None:
    data = module(prepared(3))
    for loader, labels in ((data.val_dataloader(), [0, 1]), (data.test_dataloader(), [2, 3])):
        (batch,) = loader
        assert batch.labels.tolist() == labels
        assert (2.0 * batch.features[:, 0, 0]).tolist() == labels


def test_a_resumed_training_draws_the_same_copies() -> None:
    data = module(prepared(3, 0.5))
    epoch(data)
    state = data.state_dict()
    resumed = module(prepared(3, 0.5), seed=9)
    resumed.load_state_dict(state)
    assert torch.equal(epoch(data).features, epoch(resumed).features)


def test_without_copies_the_order_is_that_of_clips_alone() -> None:
    """Without copies, a seed must give the same order as before copies existed."""
    order = TrainingOrder(50, 0, 1.0, torch.Generator().manual_seed(5))
    known = torch.utils.data.RandomSampler(range(50), generator=torch.Generator().manual_seed(5))
    for _ in range(2):
        assert list(order) == list(known)
    assert len(order) == 50
