"""From a config to standardized features in memory: one function for training, evaluation and prediction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.config.schema import (
    DataConfig,
    FeatureConfig,
    ListenerConfig,
    SplitConfig,
    TextToSpeechConfig,
    WaveformAugmentationConfig,
)
from fsdd_lightning.data.corpora import load_corpora
from fsdd_lightning.data.feature_cache import cached_features
from fsdd_lightning.data.features import Features
from fsdd_lightning.data.integer_features import heard_waveform
from fsdd_lightning.data.locate import cache_folder, locate_corpora
from fsdd_lightning.data.recordings import RecordingSet, require_enough
from fsdd_lightning.data.splits import Split, split_recordings
from fsdd_lightning.data.statistics import FeatureStatistics, training_statistics
from fsdd_lightning.data.synthetic import make_synthetic_corpus
from fsdd_lightning.data.text_to_speech import ENGINES, Speech, missing_engines, spoken_as, synthetic_speech
from fsdd_lightning.data.waveform_augmentation import augmented_features
from fsdd_lightning.data.words import words_of
from fsdd_lightning.errors import RunFailedError


@dataclass(frozen=True, eq=False)
class Copies:
    """Augmented copies of all clips, in the order of the recordings.

    An epoch draws every training clip or one of its copies.
    """

    features: tuple[Features, ...]  # at least one; as extracted, not standardized
    clean_share: float  # probability that the clip itself is drawn


@dataclass(frozen=True, eq=False)
class SyntheticSpeakers:
    """Augmented copies of what speech engines say, for training alone."""

    features: tuple[Features, ...]  # at least one; as extracted, not standardized
    labels: np.ndarray  # (clips,) int64
    share: float  # of each batch
    speech: Speech


@dataclass(frozen=True)
class PreparedData:
    """All clips of an experiment, in the order of `recordings`.

    `statistics` are those of the training clips; `features` are float32 (clips, frames, channels), standardized, zero
    after a clip's end; `labels` int64 (clips,).
    """

    recordings: RecordingSet
    heard: tuple[np.ndarray, ...]  # of each waveform, what the network hears: see heard_waveform
    config: FeatureConfig
    extracted: Features
    split: Split
    statistics: FeatureStatistics
    features: np.ndarray
    labels: np.ndarray
    source: str  # "fsdd" or "synthetic"; a fallback is "synthetic" although the config asks for FSDD
    notes: tuple[str, ...]  # for the user, to be shown once
    listener: ListenerConfig | None = None  # which finds the word in clips longer than the network hears
    copies: Copies | None = None  # None: training clips are taken as they are
    synthetic: SyntheticSpeakers | None = None

    @property
    def lengths(self) -> np.ndarray:
        """Valid frames of each clip, int64 (clips,)."""
        return self.extracted.lengths


@dataclass(frozen=True)
class Place:
    """Where the recordings are."""

    folders: dict[str, Path]  # by name of the corpus
    source: str
    notes: tuple[str, ...] = ()


def find_place(data: DataConfig, sample_rate_hz: int) -> Place:
    """Find the recordings, or generate them. Raises what `prepare_data` raises of a root, or of a download."""
    if data.source == "synthetic":
        return Place({data.name: _synthetic(data, sample_rate_hz)}, "synthetic")
    try:
        return Place(locate_corpora(data), "fsdd")
    except RunFailedError as error:
        if data.fallback != "synthetic":
            raise
        banner = f"SYNTHETIC DATA: {error}. The results are not those of FSDD."
        return Place({"synthetic": _synthetic(data, sample_rate_hz)}, "synthetic", (banner,))


def prepare_data(
    data: DataConfig,
    split: SplitConfig,
    features: FeatureConfig,
    waveform_augmentation: WaveformAugmentationConfig | None = None,
    listener: ListenerConfig | None = None,
    text_to_speech: TextToSpeechConfig | None = None,
    *,
    place: Place | None = None,
) -> PreparedData:
    """Find or generate the recordings, extract their features (or read them from the cache), split, standardize.

    `listener` finds the word in clips that are longer than the network hears, and cuts endpointed copies. Only training
    needs `waveform_augmentation` and `text_to_speech`; their clips do not count in the statistics of the features.
    `place`: what `find_place` found, where that was done before.

    Raises:
        UserError: bad files, an impossible split, a root without recordings.
        RunFailedError: FSDD is not on this machine and cannot be downloaded (with `data.fallback: none`).
    """
    found = find_place(data, features.sample_rate_hz) if place is None else place
    words = words_of(data)
    recordings = load_corpora(found.folders, features.sample_rate_hz, data.on_bad_file, features.least_samples, words)
    require_enough(recordings)
    cache = cache_folder(data) / "features"
    endpointer = None if listener is None else listener.endpointer
    heard = tuple(heard_waveform(waveform, features, endpointer) for waveform in recordings.waveforms)
    pairs = zip(heard, recordings.waveforms, strict=True)
    cut = [position for position, (part, whole) in enumerate(pairs) if len(part) < len(whole)]
    extracted = cached_features(_heard_digest(recordings, heard, cut), heard, features, cache)
    division = split_recordings(recordings.recordings, split)
    statistics = training_statistics(features, extracted, division.train)
    synthetic = _synthetic_speakers(text_to_speech, recordings, features, waveform_augmentation, endpointer, cache)
    return PreparedData(
        recordings=recordings,
        heard=heard,
        config=features,
        extracted=extracted,
        split=division,
        statistics=statistics,
        features=statistics.standardize(extracted),
        labels=recordings.targets(),
        source=found.source,
        notes=(*found.notes, *recordings.notes, *_length_notes(len(cut), extracted), *_missing_speech(text_to_speech)),
        listener=listener,
        copies=_copies(recordings, features, waveform_augmentation, endpointer, cache),
        synthetic=synthetic,
    )


def redivided(data: PreparedData, split: SplitConfig) -> PreparedData:
    """What `prepare_data` makes of the same clips with another split, without reading them again.

    Raises:
        UserError: an impossible split.
    """
    division = split_recordings(data.recordings.recordings, split)
    statistics = training_statistics(data.config, data.extracted, division.train)
    return replace(data, split=division, statistics=statistics, features=statistics.standardize(data.extracted))


def _copies(
    recordings: RecordingSet,
    features: FeatureConfig,
    config: WaveformAugmentationConfig | None,
    endpointer: Endpointer | None,
    cache: Path,
) -> Copies | None:
    if config is None or config.copies == 0:
        return None
    return Copies(augmented_features(recordings, features, config, cache, endpointer), config.clean_share)


def _synthetic_speakers(
    config: TextToSpeechConfig | None,
    recordings: RecordingSet,
    features: FeatureConfig,
    augmentation: WaveformAugmentationConfig | None,
    endpointer: Endpointer | None,
    cache: Path,
) -> SyntheticSpeakers | None:
    if config is None or config.share == 0.0 or augmentation is None:
        return None
    speech = synthetic_speech(spoken_as(config, recordings.labels), features.sample_rate_hz, cache)
    if speech is None:
        return None
    several = replace(augmentation, copies=config.copies)
    copies = augmented_features(speech, features, several, cache, endpointer)
    return SyntheticSpeakers(copies, speech.labels, config.share, speech)


def _missing_speech(config: TextToSpeechConfig | None) -> tuple[str, ...]:
    """What a user should know who trains with fewer synthetic speakers than the config asks for."""
    missing = missing_engines() if config is not None and config.share > 0.0 else ()
    if not missing:
        return ()
    which = "no synthetic speakers" if len(missing) == len(ENGINES) else "fewer synthetic speakers"
    return (
        f"{which}: {' and '.join(missing)} not installed; without any, experiment=flash lost 3 to 4 points on people "
        "whom it had never heard (multirun/reference/README.md)",
    )


def _heard_digest(recordings: RecordingSet, heard: Sequence[np.ndarray], cut: Sequence[int]) -> str:
    """SHA-256 (hex) of what is heard; that of the recordings where none was cut."""
    if not cut:
        return recordings.digest
    digest = hashlib.sha256(recordings.digest.encode())
    for position in cut:
        digest.update(f"{position} {len(heard[position])} ".encode())
        digest.update(heard[position].tobytes())
    return digest.hexdigest()


def _length_notes(cut: int, extracted: Features) -> tuple[str, ...]:
    clips, frames = extracted.values.shape[:2]
    longer = f"{cut} of {clips} clips longer than {frames} frames: their word was cut out"
    trimmed = f"{extracted.trimmed} of {clips} clips trimmed to {frames} frames"
    return (*([longer] if cut else []), *([trimmed] if extracted.trimmed else []))


def _synthetic(data: DataConfig, sample_rate_hz: int) -> Path:
    return make_synthetic_corpus(data.synthetic, cache_folder(data), sample_rate_hz)
