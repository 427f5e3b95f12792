"""Clips as the backends of a network get them: samples for a device, features for all others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.arithmetic.endpointer import Word
from fsdd_lightning.config.schema import FeatureConfig, ListenerConfig
from fsdd_lightning.data.extraction import feature_extractor
from fsdd_lightning.data.integer_features import heard_span, listener_words, to_int16
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.statistics import FeatureStatistics


@dataclass(frozen=True, eq=False)
class Clips:
    """features float32 (N, T, C) standardized, lengths int64 (N,) in 1..T, and the samples that they were made of.

    `samples` are N arrays (samples,) int16, as many as make the frames; None where features need float.
    """

    features: np.ndarray
    lengths: np.ndarray
    samples: Sequence[np.ndarray] | None = None


def clips_at(data: PreparedData, positions: np.ndarray) -> Clips:
    """The clips at these positions of the recordings."""
    waveforms = (data.heard[position] for position in positions)
    samples = device_samples(data.config, waveforms)
    return Clips(data.features[positions], data.lengths[positions], samples)


def device_samples(config: FeatureConfig, waveforms: Iterable[np.ndarray]) -> list[np.ndarray] | None:
    """What a device hears of (samples,) float32: int16, no longer than the network listens; None: it hears features."""
    if config.kind == "mfcc":
        return None
    longest = config.samples(config.max_frames)
    return [to_int16(waveform[:longest]) for waveform in waveforms]


class ClipMaker:
    """Makes clips of waveforms, (samples,) float32, with the features and statistics of a run."""

    def __init__(
        self, config: FeatureConfig, statistics: FeatureStatistics, listener: ListenerConfig | None = None
    ) -> None:
        """`listener` finds the word in clips that are longer than the network hears."""
        self._config, self._statistics = config, statistics
        self._endpointer = None if listener is None else listener.endpointer
        self._extract = feature_extractor(config)

    def __call__(self, waveforms: Sequence[np.ndarray]) -> Clips:
        """ValueError for a clip that makes no frame."""
        waveforms = [self._heard(waveform) for waveform in waveforms]
        features = self._extract(waveforms)
        samples = device_samples(self._config, waveforms)
        return Clips(self._statistics.standardize(features), features.lengths, samples)

    def one(self, waveform: np.ndarray) -> Clips:
        """A single clip, without padding; the same bits as in a batch."""
        return self.word(self._heard(waveform))

    def word(self, waveform: np.ndarray) -> Clips:
        """The same of what `heard` has found in a clip."""
        frames = self._statistics.standardize_clip(self._extract.clip(waveform))
        samples = device_samples(self._config, [waveform])
        return Clips(frames[None], np.array([len(frames)]), samples)

    def words(self, waveform: np.ndarray) -> list[Word] | None:
        """Those that the listener finds in a clip; None where there is no listener."""
        if self._endpointer is None or self._config.kind == "mfcc":
            return None
        return listener_words(waveform, self._config, self._endpointer)

    def heard(self, waveform: np.ndarray, words: Sequence[Word] | None = None) -> tuple[int, int]:
        """Which samples of a clip are its word, [start, end); of a clip that is short enough: all.

        `words`: those of the clip, where they are known already.
        """
        return heard_span(waveform, self._config, self._endpointer, words)

    def _heard(self, waveform: np.ndarray) -> np.ndarray:
        return waveform[slice(*self.heard(waveform))]
