"""The way from settings to standardised features in memory, the same for training, evaluation and prediction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsdd_lightning.data.feature_cache import cached_mfcc
from fsdd_lightning.data.locate import cache_folder, locate_fsdd
from fsdd_lightning.data.mfcc import Mfcc
from fsdd_lightning.data.recordings import RecordingSet, load_recordings
from fsdd_lightning.data.splits import Split, split_recordings
from fsdd_lightning.data.standardization import FeatureStatistics
from fsdd_lightning.data.synthetic import make_synthetic_corpus
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.settings import DataSettings, FeatureSettings, SplitSettings

CLASSES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class PreparedData:
    """All clips of an experiment, in the order of `recordings`.

    `statistics` are those of the training clips; `features` are float32 (clips, frames, channels), standardised, zero
    behind a clip's end; `labels` int64 (clips,).
    """

    recordings: RecordingSet
    mfcc: Mfcc
    split: Split
    statistics: FeatureStatistics
    features: np.ndarray
    labels: np.ndarray
    notes: tuple[str, ...]  # what a user should be told once

    @property
    def lengths(self) -> np.ndarray:
        """Valid frames of each clip, int64 (clips,)."""
        return self.mfcc.lengths


def prepare_data(data: DataSettings, split: SplitSettings, features: FeatureSettings) -> PreparedData:
    """Find or make the recordings, extract or recall their MFCCs, divide them, standardise them.

    Raises:
        UserError: bad files, an impossible split, a root that holds nothing.
        RunFailedError: FSDD is not here and can't be downloaded (with `data.fallback: none`).
    """
    recordings, notes = _find_recordings(data, features.sample_rate_hz)
    mfcc = cached_mfcc(recordings.digest, recordings.waveforms, features, cache_folder(data) / "mfcc")
    division = split_recordings(recordings.recordings, split)
    statistics = FeatureStatistics.from_clips(mfcc, division.train)
    if mfcc.trimmed:
        notes += (f"{mfcc.trimmed} of {len(mfcc.lengths)} clips trimmed to {features.max_frames} frames",)
    return PreparedData(
        recordings=recordings,
        mfcc=mfcc,
        split=division,
        statistics=statistics,
        features=statistics.standardize(mfcc),
        labels=np.array([recording.digit for recording in recordings.recordings], dtype=np.int64),
        notes=notes,
    )


def _find_recordings(data: DataSettings, sample_rate_hz: int) -> tuple[RecordingSet, tuple[str, ...]]:
    folder, name, notes = _find_folder(data, sample_rate_hz)
    found = load_recordings(folder, name, sample_rate_hz, data.on_bad_file)
    skipped = tuple(f"skipped {bad.path.name}: {bad.reason}" for bad in found.bad)
    return found, notes + found.notes + skipped


def _find_folder(data: DataSettings, sample_rate_hz: int) -> tuple[Path, str, tuple[str, ...]]:
    if data.source == "synthetic":
        return _synthetic(data, sample_rate_hz), data.name, ()
    try:
        return locate_fsdd(data), data.name, ()
    except RunFailedError as error:
        if data.fallback != "synthetic":
            raise
        banner = f"SYNTHETIC DATA: {error}. These results say nothing about FSDD."
        return _synthetic(data, sample_rate_hz), "synthetic", (banner,)


def _synthetic(data: DataSettings, sample_rate_hz: int) -> Path:
    return make_synthetic_corpus(data.synthetic, cache_folder(data), sample_rate_hz)
