"""The LightningDataModule: tensors in memory, one index operation per batch, augmentation in training only."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler

from fsdd_lightning.config.schema import Config, FeatureAugmentationConfig
from fsdd_lightning.data.feature_augmentation import FeatureAugmentation
from fsdd_lightning.data.preparation import PreparedData, prepare_data

EVALUATION_BATCH = 512


class Batch(NamedTuple):
    """features float32 (B, T, C) standardized, zero after a clip's end; lengths, labels int64 (B,)."""

    features: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor


class ClipDataset(Dataset[Batch]):
    """Clips of one part of the split; indexed by a list of positions, so a batch costs one gather per tensor."""

    def __init__(self, data: PreparedData, positions: np.ndarray) -> None:
        self.features = torch.from_numpy(data.features[positions])
        self.lengths = torch.from_numpy(data.lengths[positions])
        self.labels = torch.from_numpy(data.labels[positions])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, positions: list[int]) -> Batch:
        chosen = torch.as_tensor(positions)
        return Batch(self.features[chosen], self.lengths[chosen], self.labels[chosen])


class TrainingClips(ClipDataset):
    """The training clips, then their first copies, then their second ones, ...: those of clip i are at i, n + i, ...

    Synthetic words follow at the positions `words`, all of them in each of their copies; that range is empty where
    there are none.
    """

    def __init__(self, data: PreparedData) -> None:
        super().__init__(data, data.split.train)
        self.clips = len(self.labels)
        self.copies = () if data.copies is None else data.copies.features
        train = data.split.train
        features = [data.statistics.standardize(copy)[train] for copy in self.copies]
        self._append(features, [copy.lengths[train] for copy in self.copies])
        self.labels = self.labels.repeat(1 + len(self.copies))
        first_word = len(self.labels)
        if data.synthetic is not None:
            words = data.synthetic
            self._append(map(data.statistics.standardize, words.features), [copy.lengths for copy in words.features])
            self.labels = torch.cat([self.labels, torch.from_numpy(words.labels).repeat(len(words.features))])
        self.words = range(first_word, len(self.labels))

    def _append(self, features: Iterable[np.ndarray], lengths: Iterable[np.ndarray]) -> None:
        self.features = torch.cat([self.features, *map(torch.from_numpy, features)])
        self.lengths = torch.cat([self.lengths, *map(torch.from_numpy, lengths)])


class TrainingOrder(Sampler[int]):
    """Every clip once per epoch, shuffled: the clip itself with probability `clean_share`, else one of its copies."""

    def __init__(self, clips: int, copies: int, clean_share: float, generator: torch.Generator) -> None:
        self.order = RandomSampler(range(clips), generator=generator)
        self.clips, self.copies, self.clean_share, self.generator = clips, copies, clean_share, generator

    def __len__(self) -> int:
        return self.clips

    def __iter__(self) -> Iterator[int]:
        clips = torch.tensor(list(self.order))
        if self.copies:
            copy = torch.randint(1, 1 + self.copies, (self.clips,), generator=self.generator)
            changed = torch.rand(self.clips, generator=self.generator) >= self.clean_share
            clips += self.clips * copy * changed
        return iter(clips.tolist())


class MixedBatches(Sampler[list[int]]):
    """Batches of `clips`, each followed by so many synthetic words, drawn from all their positions.

    An epoch still takes every training clip once.
    """

    def __init__(self, clips: BatchSampler, words: int, positions: range, generator: torch.Generator) -> None:
        self.clips, self.words, self.positions, self.generator = clips, words, positions, generator

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[list[int]]:
        for clips in self.clips:
            drawn = torch.randint(len(self.positions), (self.words,), generator=self.generator)
            yield [*clips, *(self.positions.start + drawn).tolist()]


class FixedBatches(Sampler[list[int]]):
    """The first batches of a sampler, the same ones in every epoch."""

    def __init__(self, batches: Sampler[list[int]], most: int) -> None:
        self.batches = list(itertools.islice(batches, most))

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)


def synthetic_words(data: PreparedData, batch_size: int) -> int:
    """How many clips of a batch are synthetic; at least one is not."""
    share = 0.0 if data.synthetic is None else data.synthetic.share
    return min(int(share * batch_size + 0.5), batch_size - 1)


def batches_per_epoch(data: PreparedData, batch_size: int) -> int:
    """How many steps take every training clip once."""
    return -(-len(data.split.train) // (batch_size - synthetic_words(data, batch_size)))


def evaluation_batches(clips: int) -> int:
    """How many batches so many validation or test clips are."""
    return -(-clips // EVALUATION_BATCH)


class WordDataModule(pl.LightningDataModule):
    """Batches of prepared clips; `seed` fixes their order and their augmentation.

    `overfit_batches`: train on so many batches alone, and validate on them, too; 0: on all, as usual.
    """

    def __init__(
        self,
        data: PreparedData,
        feature_augmentation: FeatureAugmentationConfig,
        batch_size: int,
        seed: int,
        overfit_batches: int = 0,
    ) -> None:
        super().__init__()
        self.data = data
        self.batch_size = batch_size
        self.seed, self.overfit_batches = seed, overfit_batches
        self.feature_augmentation = FeatureAugmentation(feature_augmentation, data.config.static_channels)
        self.order = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator().manual_seed(seed + 1)

    @classmethod
    def from_config(cls, config: Config) -> WordDataModule:
        """With the recordings, split and features of a config; extracts or recalls the features.

        Raises:
            UserError, RunFailedError: see `prepare_data`.
        """
        data = prepare_data(
            config.data,
            config.split,
            config.features,
            config.waveform_augmentation,
            config.listener,
            config.text_to_speech,
        )
        size, overfit = config.training.batch_size, config.trainer.overfit_batches
        return cls(data, config.feature_augmentation, size, config.seed, overfit)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training clips, with a new order and other copies in every epoch."""
        clips = TrainingClips(self.data)
        if self.overfit_batches:
            first = self._batches(clips, torch.Generator().manual_seed(self.seed))
            return _loader(clips, FixedBatches(first, self.overfit_batches))
        return _loader(clips, self._batches(clips, self.order))

    def _batches(self, clips: TrainingClips, generator: torch.Generator) -> Sampler[list[int]]:
        clean_share = 1.0 if self.data.copies is None else self.data.copies.clean_share
        order = TrainingOrder(clips.clips, len(clips.copies), clean_share, generator)
        words = synthetic_words(self.data, self.batch_size)
        batches = BatchSampler(order, self.batch_size - words, False)
        return MixedBatches(batches, words, clips.words, generator) if words else batches

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation clips in their own order."""
        if self.overfit_batches:
            return self.train_dataloader()
        return _evaluation_loader(ClipDataset(self.data, self.data.split.val))

    def test_dataloader(self) -> DataLoader[Batch]:
        """Test clips in their own order."""
        return _evaluation_loader(ClipDataset(self.data, self.data.split.test))

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The state of the random numbers of order and augmentation, so that a resumed training continues exactly."""
        return {"order": self.order.get_state(), "noise": self.noise.get_state()}

    def load_state_dict(self, state_dict: dict[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.order.set_state(state_dict["order"])
        self.noise.set_state(state_dict["noise"])

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Unchanged on the CPU; Lightning's own implementation would search nested containers first."""
        return batch if device.type == "cpu" else Batch(*(tensor.to(device) for tensor in batch))

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment training batches, on the CPU: the changes are the same whatever the accelerator."""
        if self.trainer is None or not self.trainer.training:
            return batch
        features, lengths = self.feature_augmentation(batch.features, batch.lengths, self.noise)
        return Batch(features, lengths, batch.labels)


def _loader(clips: ClipDataset, batches: Sampler[list[int]]) -> DataLoader[Batch]:
    # batch_size=None: the sampler yields lists of positions, and the dataset returns a whole batch for a list.
    return DataLoader(clips, sampler=batches, batch_size=None)


def _evaluation_loader(clips: ClipDataset) -> DataLoader[Batch]:
    return _loader(clips, BatchSampler(SequentialSampler(clips), EVALUATION_BATCH, False))
