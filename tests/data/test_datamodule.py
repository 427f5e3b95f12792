"""The clips of a training epoch."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from example_configs import NO_AUGMENTATION, feature_config

from fsdd_lightning.data.datamodule import (
    Batch,
    TrainingClips,
    TrainingOrder,
    WordDataModule,
    batches_per_epoch,
    synthetic_words,
)
from fsdd_lightning.data.features import Features
from fsdd_lightning.data.preparation import Copies, PreparedData, SyntheticSpeakers
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.splits import Split
from fsdd_lightning.data.statistics import FeatureStatistics
from fsdd_lightning.data.text_to_speech import Speech

CLIPS, FRAMES = 10, 4
WORDS = 5  # synthetic ones


def constant(offset: float, clips: int = CLIPS, valid: int = FRAMES - 1) -> Features:
    """Clip i has the value i + offset in its valid frames."""
    values = np.full((clips, FRAMES, 1), offset, np.float32) + np.arange(clips, dtype=np.float32)[:, None, None]
    values[:, valid:] = 0.0
    return Features(values, np.full(clips, valid), trimmed=0)


def speakers(share: float, copies: int = 2) -> SyntheticSpeakers:
    """Word i has the label 90 + i, two frames and the value 1000, 2000, ... + i in its copies."""
    speech = Speech((), 90 + np.arange(WORDS), 8000, "cd" * 32, 1, {"espeak-ng": "1"})
    made = tuple(constant(1000.0 * (copy + 1), WORDS, 2) for copy in range(copies))
    return SyntheticSpeakers(made, speech.labels, share, speech)


def prepared(copies: int, clean_share: float = 0.0, synthetic: SyntheticSpeakers | None = None) -> PreparedData:
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
        synthetic=synthetic,
    )


def epoch(data: WordDataModule) -> Batch:
    batches = list(data.train_dataloader())
    return Batch(*(torch.cat(tensors) for tensors in zip(*batches, strict=True)))


def module(data: PreparedData, seed: int = 1, batch_size: int = 4) -> WordDataModule:
    return WordDataModule(data, NO_AUGMENTATION, batch_size, seed)


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


# ---- synthetic words


@pytest.mark.parametrize(
    ("share", "batch_size", "words", "batches"),
    [
        (0.5, 4, 2, 3),
        (0.34, 4, 1, 2),
        (0.9, 4, 3, 6),  # at least one clip is recorded
        (0.999, 4, 3, 6),
        (0.124, 4, 0, 2),
        (0.125, 4, 1, 2),
        (0.25, 8, 2, 1),
        (0.5, 1, 0, 6),
        (0.0, 4, 0, 2),
    ],
)
def test_every_batch_has_its_share_of_synthetic_words(share: float, batch_size: int, words: int, batches: int) -> None:
    """An epoch has every training clip once; the last batch has the clips that are left, and as many words."""
    data = prepared(3, 0.5, speakers(share))
    assert (synthetic_words(data, batch_size), batches_per_epoch(data, batch_size)) == (words, batches)
    loader = module(data, batch_size=batch_size).train_dataloader()
    assert len(loader) == batches
    for _ in range(2):
        epoch_batches = list(loader)
        assert [int((batch.labels >= 90).sum()) for batch in epoch_batches] == [words] * batches
        recorded = [batch.labels[batch.labels < 90].tolist() for batch in epoch_batches]
        assert [len(labels) for labels in recorded[:-1]] == [batch_size - words] * (batches - 1)
        assert sorted(chain.from_iterable(recorded)) == list(range(4, CLIPS))


def test_a_synthetic_word_has_its_label_and_length_in_every_copy() -> None:
    data = module(prepared(1, 0.0, speakers(0.5, copies=3)))
    seen = set()
    for _ in range(60):
        batch = epoch(data)
        synthetic = batch.labels >= 90
        shown = 2.0 * batch.features[synthetic][:, :, 0]
        assert torch.equal(shown[:, 0] % 1000.0, batch.labels[synthetic].float() - 90.0)
        assert torch.equal(shown[:, 1], shown[:, 0]) and not shown[:, 2:].any()
        assert batch.lengths[synthetic].tolist() == [2] * 6 and batch.lengths[~synthetic].tolist() == [3] * 6
        seen |= {int(value) for value in shown[:, 0]}
    assert seen == {1000 * copy + word for copy in (1, 2, 3) for word in range(WORDS)}


def test_synthetic_words_follow_all_copies_of_clips() -> None:
    clips = TrainingClips(prepared(2, 0.5, speakers(0.5)))
    assert (clips.clips, clips.words) == (6, range(18, 28))
    assert clips.labels.tolist() == [*list(range(4, CLIPS)) * 3, *list(range(90, 95)) * 2]
    assert TrainingClips(prepared(2, 0.5)).words == range(18, 18)
    alone = TrainingClips(prepared(0, 0.0, speakers(0.5)))
    assert alone.words == range(6, 16)


def test_without_synthetic_words_batches_are_those_of_a_batch_sampler() -> None:
    """To the bit, also where the share is too small for one word."""
    for data in (prepared(3, 0.5), prepared(3, 0.5, speakers(0.1))):
        clips = TrainingClips(data)
        order = TrainingOrder(6, 3, 0.5, torch.Generator().manual_seed(1))
        known = torch.utils.data.BatchSampler(order, 4, False)
        loader = module(data).train_dataloader()
        for _ in range(3):
            for batch, positions in zip(loader, known, strict=True):
                assert all(torch.equal(*pair) for pair in zip(batch, clips[positions], strict=True))


def test_synthetic_words_do_not_change_how_recorded_clips_are_drawn_within_an_epoch() -> None:
    """The first epoch's clips come in the same order; a seed draws the same words again, another one others."""
    mixed, again, other = (epoch(module(prepared(3, 0.5, speakers(0.5)), seed, 4)) for seed in (1, 1, 2))
    plain = epoch(module(prepared(3, 0.5), 1, 2))
    recorded = mixed.labels < 90
    assert torch.equal(mixed.features[recorded], plain.features)
    assert all(torch.equal(*pair) for pair in zip(mixed, again, strict=True))
    assert not torch.equal(mixed.features, other.features)


def test_a_resumed_training_draws_the_same_words() -> None:
    data = module(prepared(3, 0.5, speakers(0.5)))
    epoch(data)
    state = data.state_dict()
    resumed = module(prepared(3, 0.5, speakers(0.5)), seed=9)
    resumed.load_state_dict(state)
    assert torch.equal(epoch(data).features, epoch(resumed).features)


def test_validation_and_test_clips_have_no_synthetic_words() -> None:
    data = module(prepared(3, 0.5, speakers(0.9)))
    for loader, labels in ((data.val_dataloader(), [0, 1]), (data.test_dataloader(), [2, 3])):
        (batch,) = loader
        assert batch.labels.tolist() == labels
