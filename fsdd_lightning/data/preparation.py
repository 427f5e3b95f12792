"""From a config to standardized features in memory: one function for training, evaluation and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsdd_lightning.config.schema import DataConfig, FeatureConfig, SplitConfig, WaveformAugmentationConfig
from fsdd_lightning.data.feature_cache import cached_mfcc
from fsdd_lightning.data.locate import cache_folder, locate_fsdd
from fsdd_lightning.data.mfcc import Mfcc
from fsdd_lightning.data.recordings import RecordingSet, load_recordings
from fsdd_lightning.data.splits import Split, split_recordings
from fsdd_lightning.data.synthetic import make_synthetic_corpus
from fsdd_lightning.data.waveform_augmentation import augmented_features
from fsdd_lightning.errors import RunFailedError

# For a coefficient that (almost) never changes. The coefficients of real speech deviate by 5 or more, so this limit
# never affects them; where it applies, a standardized value is at most 1000 x the distance from the mean.
SMALLEST_STD = 1e-3


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """The numbers with which a device standardizes a frame. Everything is computed in float32."""

    mean: np.ndarray  # (channels,) float32
    std: np.ndarray  # (channels,) float32, at least SMALLEST_STD

    @classmethod
    def from_clips(cls, mfcc: Mfcc, indices: Sequence[int] | np.ndarray) -> FeatureStatistics:
        """Over the valid frames of the clips at `indices` (the training part), in float64; std is over n."""
        if not len(indices):
            raise ValueError("statistics need at least one clip")
        chosen = np.asarray(indices, np.int64)
        frames = mfcc.values[chosen][_valid(mfcc.lengths[chosen], mfcc.values.shape[1])].astype(np.float64)
        std = np.maximum(frames.std(axis=0), SMALLEST_STD)
        return cls(frames.mean(axis=0).astype(np.float32), std.astype(np.float32))

    def standardize(self, mfcc: Mfcc) -> np.ndarray:
        """(clips, max_frames, channels) float32; padding stays 0."""
        valid = _valid(mfcc.lengths, mfcc.values.shape[1])
        standardized = np.zeros_like(mfcc.values)
        standardized[valid] = self.standardize_clip(mfcc.values[valid])
        return standardized

    def standardize_clip(self, frames: np.ndarray) -> np.ndarray:
        """(frames, channels) float32 -> the same shape: the values that `standardize` gives, bit for bit."""
        standardized: np.ndarray = (frames - self.mean) / self.std
        return standardized


def _valid(lengths: np.ndarray, max_frames: int) -> np.ndarray:
    return np.arange(max_frames) < lengths[:, None]  # (clips, max_frames) bool


@dataclass(frozen=True, eq=False)
class Copies:
    """Augmented copies of all clips, in the order of the recordings.

    An epoch draws every training clip or one of its copies.
    """

    mfccs: tuple[Mfcc, ...]  # at least one; as extracted, not standardized
    clean_share: float  # probability that the clip itself is drawn


@dataclass(frozen=True)
class PreparedData:
    """All clips of an experiment, in the order of `recordings`.

    `statistics` are those of the training clips; `features` are float32 (clips, frames, channels), standardized, zero
    after a clip's end; `labels` int64 (clips,).
    """

    recordings: RecordingSet
    mfcc: Mfcc
    split: Split
    statistics: FeatureStatistics
    features: np.ndarray
    labels: np.ndarray
    source: str  # "fsdd" or "synthetic"; a fallback is "synthetic" although the config asks for FSDD
    notes: tuple[str, ...]  # for the user, to be shown once
    static_channels: int | None = None  # the first ones; the others are deltas; None: all
    copies: Copies | None = None  # None: training clips are taken as they are

    @property
    def lengths(self) -> np.ndarray:
        """Valid frames of each clip, int64 (clips,)."""
        return self.mfcc.lengths


def prepare_data(
    data: DataConfig,
    split: SplitConfig,
    features: FeatureConfig,
    waveform_augmentation: WaveformAugmentationConfig | None = None,
) -> PreparedData:
    """Find or generate the recordings, extract their MFCCs (or read them from the cache), split and standardize them.

    Only training needs `waveform_augmentation`; the copies do not count in the statistics of the features.

    Raises:
        UserError: bad files, an impossible split, a root without recordings.
        RunFailedError: FSDD is not on this machine and cannot be downloaded (with `data.fallback: none`).
    """
    found = _find_folder(data, features.sample_rate_hz)
    recordings = load_recordings(found.folder, found.name, features.sample_rate_hz, data.on_bad_file)
    cache = cache_folder(data) / "mfcc"
    mfcc = cached_mfcc(recordings.digest, recordings.waveforms, features, cache)
    division = split_recordings(recordings.recordings, split)
    statistics = FeatureStatistics.from_clips(mfcc, division.train)
    return PreparedData(
        recordings=recordings,
        mfcc=mfcc,
        split=division,
        statistics=statistics,
        features=statistics.standardize(mfcc),
        labels=np.array([recording.digit for recording in recordings.recordings], dtype=np.int64),
        source=found.source,
        notes=(*found.notes, *recordings.notes, *_trimming_note(mfcc)),
        static_channels=features.n_mfcc,
        copies=_copies(recordings, features, waveform_augmentation, cache),
    )


def _copies(
    recordings: RecordingSet, features: FeatureConfig, config: WaveformAugmentationConfig | None, cache: Path
) -> Copies | None:
    if config is None or config.copies == 0:
        return None
    return Copies(augmented_features(recordings, features, config, cache), config.clean_share)


def _trimming_note(mfcc: Mfcc) -> tuple[str, ...]:
    clips, frames = mfcc.values.shape[:2]
    return (f"{mfcc.trimmed} of {clips} clips trimmed to {frames} frames",) if mfcc.trimmed else ()


@dataclass(frozen=True)
class _Found:
    folder: Path
    name: str
    source: str
    notes: tuple[str, ...] = ()


def _find_folder(data: DataConfig, sample_rate_hz: int) -> _Found:
    if data.source == "synthetic":
        return _Found(_synthetic(data, sample_rate_hz), data.name, "synthetic")
    try:
        return _Found(locate_fsdd(data), data.name, "fsdd")
    except RunFailedError as error:
        if data.fallback != "synthetic":
            raise
        banner = f"SYNTHETIC DATA: {error}. The results are not those of FSDD."
        return _Found(_synthetic(data, sample_rate_hz), "synthetic", "synthetic", (banner,))


def _synthetic(data: DataConfig, sample_rate_hz: int) -> Path:
    return make_synthetic_corpus(data.synthetic, cache_folder(data), sample_rate_hz)
