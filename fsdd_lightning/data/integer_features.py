"""Features of whole clips by the integer front end, many clips at a time: those that a device computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsdd_lightning.arithmetic.endpointer import Endpointer, Word, find_words
from fsdd_lightning.arithmetic.front_end import audible, cepstrum, levels, levels_at, relative
from fsdd_lightning.config.schema import FeatureConfig, IntegerFeatureConfig
from fsdd_lightning.data.features import Features, padded, valid_frames

FULL_SCALE = 2**15


class IntegerExtractor:
    """The values are coefficients before standardization, int32; deltas follow from them, see `statistics.py`."""

    def __init__(self, config: IntegerFeatureConfig) -> None:
        self.config = config
        self.front_end = config.front_end

    def clip(self, waveform: np.ndarray) -> np.ndarray:
        """(samples,) float32 -> (frames, coefficients) int32, at most max_frames."""
        samples = self._trimmed(to_int16(waveform))
        return cepstrum(self.front_end, relative(self.front_end, levels(self.front_end, samples)))

    def __call__(self, waveforms: Sequence[np.ndarray]) -> Features:
        """Each waveform: (samples,) float32, at least a window long."""
        frames = np.array([self._frames(len(waveform)) for waveform in waveforms], np.int64)
        lengths = np.minimum(frames, self.config.max_frames)
        clips = [self._trimmed(to_int16(waveform)) for waveform in waveforms]
        counts = np.array([len(clip) for clip in clips], np.int64)
        level = self.clip_levels(np.concatenate(clips), counts, lengths)
        return Features(self.coefficients(level, lengths), lengths, int((frames > lengths).sum()))

    def words(
        self, clips: Sequence[np.ndarray], spoken: np.ndarray, endpointer: Endpointer, slack: np.ndarray
    ) -> Features:
        """The word that an endpointer finds in each clip (samples,) int16, its ends moved by `slack` (clips, 2) frames.

        spoken (clips, 2): where the word is, in samples; those frames are taken where the endpointer finds nothing.
        """
        counts = np.array([len(clip) for clip in clips], np.int64)
        frames = np.array([self._frames(int(count)) for count in counts], np.int64)
        level = self.clip_levels(np.concatenate(clips), counts, frames)
        found = find_words(endpointer, audible(self.front_end, level), frames)
        spans = [_span(words, *self._spoken_frames(span)) for words, span in zip(found, spoken, strict=True)]
        ends = np.clip(np.array(spans) + slack, 0, frames[:, None])
        lengths = np.maximum(ends[:, 1] - ends[:, 0], 1)
        starts = np.minimum(ends[:, 0], frames - 1)
        cut = [whole[start : start + length] for whole, start, length in zip(level, starts, lengths, strict=True)]
        kept = np.minimum(lengths, self.config.max_frames)
        return Features(self.coefficients(padded(cut), kept), kept, int((lengths > kept).sum()))

    def _spoken_frames(self, span: np.ndarray) -> tuple[int, int]:
        """The whole windows within a span of samples; at least one frame."""
        first = -(-int(span[0]) // self.front_end.hop)
        return first, first + max(self.front_end.frames(int(span[1]) - first * self.front_end.hop), 1)

    def clip_levels(self, samples: np.ndarray, counts: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """(clips, longest, bands) int32 of the first `frames` frames of clips in a row, int16; 0 beyond them."""
        level = np.zeros((len(counts), int(frames.max()), self.front_end.bands), np.int32)
        valid = valid_frames(frames, level.shape[1])
        starts = (np.cumsum(counts) - counts)[:, None] + np.arange(level.shape[1]) * self.front_end.hop
        level[valid] = levels_at(self.front_end, samples, starts[valid])
        return level

    def coefficients(self, level: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(clips, longest, bands) of whole words to (clips, max_frames, coefficients); 0 beyond a word's length."""
        values = np.zeros((len(level), self.config.max_frames, self.front_end.coefficients), np.int32)
        computed = cepstrum(self.front_end, relative(self.front_end, level))[:, : self.config.max_frames]
        valid = valid_frames(lengths, computed.shape[1])
        values[:, : computed.shape[1]][valid] = computed[valid]
        return values

    def _trimmed(self, samples: np.ndarray) -> np.ndarray:
        self._frames(len(samples))
        return samples[: self.front_end.samples(self.config.max_frames)]

    def _frames(self, samples: int) -> int:
        if samples < self.front_end.window:
            raise ValueError(f"a clip of {samples} samples is shorter than a window of {self.front_end.window}")
        return self.front_end.frames(samples)


def heard_span(
    waveform: np.ndarray, config: FeatureConfig, endpointer: Endpointer | None, words: Sequence[Word] | None = None
) -> tuple[int, int]:
    """What a network hears of (samples,) float32, [start, end) in samples.

    Of a clip of more than max_frames, which may begin with silence: the longest word that the endpointer finds, the
    first one of equals. Else, or where there is no word, the whole clip. Features that need float know no endpointer.
    `words`: those of `listener_words`, where they are known already.
    """
    whole = (0, len(waveform))
    if endpointer is None or config.kind == "mfcc" or len(waveform) <= config.samples(config.max_frames):
        return whole
    words = listener_words(waveform, config, endpointer) if words is None else words
    if not words:
        return whole
    front_end = config.front_end
    longest = max(words, key=lambda word: word.end - word.first)
    start = min(longest.first * front_end.hop, len(waveform) - front_end.window)  # at least a frame
    return start, min(start + front_end.samples(longest.end - longest.first), len(waveform))


def listener_words(waveform: np.ndarray, config: IntegerFeatureConfig, endpointer: Endpointer) -> list[Word]:
    """The words that a listener finds in (samples,) float32 and silence after it, from its reset on."""
    front_end = config.front_end
    # A clip's last word ends in zeros: one frame more than ends it, as the first one may begin within the clip.
    ending = np.zeros(front_end.samples(endpointer.hangover_frames + 2), np.int16)
    level = levels(front_end, np.concatenate([to_int16(waveform), ending]))
    (words,) = find_words(endpointer, audible(front_end, level)[None], np.array([len(level)]))
    return words


def heard_waveform(waveform: np.ndarray, config: FeatureConfig, endpointer: Endpointer | None) -> np.ndarray:
    """The samples of `heard_span`."""
    return waveform[slice(*heard_span(waveform, config, endpointer))]


def _span(words: Sequence[Word], first: int, end: int) -> tuple[int, int]:
    """First frame and end of the word that shares most frames with those spoken; theirs where there is none."""

    def shared(word: Word) -> int:
        return min(word.end, end) - max(word.first, first)

    best = max(words, key=shared, default=None)
    return (first, end) if best is None or shared(best) <= 0 else (best.first, best.end)


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """(samples,) float in [-1, 1] to the steps of a 16-bit converter, half up, saturated: exact for 16-bit sound."""
    scaled = waveform * waveform.dtype.type(FULL_SCALE)  # a power of two: exact
    steps = np.floor(scaled)
    steps += scaled - steps >= 0.5  # not floor(x + 1/2), whose sum may be rounded
    return np.asarray(np.clip(steps, -FULL_SCALE, FULL_SCALE - 1, out=steps), np.int16)
