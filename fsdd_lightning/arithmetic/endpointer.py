"""Where words begin and end in a stream, from the levels of the front end alone: integers, causal, frame by frame.

Every band has a floor that follows the room's noise slowly. What rises above the floors by more than a margin is summed
over the bands: that excess is small in steady noise, however loud, and large where somebody speaks. C has the same
functions. Leading axes, written ..., are any number of streams side by side, also none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.fixed_point import Int16Array, Int32Array, Int64Array

BoolArray = NDArray[np.bool_]
SETTLE_SHIFT = 3  # floors that settle follow the level by 1/8 of the distance
LARGEST_LEVEL = 2**15 - 1  # of int16, as the device stores floors; levels of the front end lie far within


class EndpointerError(ValueError):
    """These constants are not those of an endpointer."""


@dataclass(frozen=True)
class Endpointer:
    """The constants. Levels are in steps of 2^-8 octave of power, times in frames."""

    margin: int  # a band's level counts as far as it exceeds its floor by more than this
    quiet: int  # speech: the mean excess of all bands is larger
    loud: int  # a word exceeds this somewhere
    rise: int  # of a floor per frame, at most, in a pause
    rise_in_word: int  # the same within a word
    fall: int  # of a floor per frame, at most
    settle_frames: int  # after a reset: floors follow the level faster; the first of these frames sets them
    hangover_frames: int  # without speech in a row within a word, as before the t of eight; one more ends it
    shortest_frames: int  # shorter is a click
    longest_frames: int  # longer is no word: the floors settle anew

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= LARGEST_LEVEL:
                raise EndpointerError(f"{field.name} must lie in 0..{LARGEST_LEVEL}, not {value}")
        if not self.quiet <= self.loud:
            raise EndpointerError(f"loud {self.loud} must be at least quiet {self.quiet}")
        if not 1 <= self.shortest_frames < self.longest_frames:
            raise EndpointerError(
                f"shortest_frames {self.shortest_frames} must be at least 1 and less than longest_frames "
                f"{self.longest_frames}"
            )
        if self.settle_frames == 0:
            raise EndpointerError("settle_frames must be at least 1: without it the floors would follow every frame")
        if not self.hangover_frames < self.longest_frames:
            raise EndpointerError(f"hangover_frames {self.hangover_frames} must be less than longest_frames")

    def array(self) -> Int16Array:
        """(10,) in the order of the fields: what the device stores."""
        return np.array([getattr(self, field.name) for field in fields(self)], "<i2")

    @classmethod
    def of_array(cls, values: NDArray[Any]) -> Endpointer:
        """The inverse of `array`."""
        return cls(*(int(value) for value in values))


@dataclass(frozen=True, eq=False)
class EndpointerState:
    """What is remembered from frame to frame."""

    floor: Int16Array  # (..., bands)
    age: Int64Array  # (...) frames since the reset, counted to settle_frames
    length: Int64Array  # (...) frames of the open word so far, 0 in a pause
    voiced: Int64Array  # (...) its frames up to the last one with speech; in a pause, those of the word before
    loud: BoolArray  # (...) whether it was loud somewhere


@dataclass(frozen=True, eq=False)
class Endpoint:
    """What a frame did to the open word; all (...) bool. A frame belongs to a word where its length is not 0."""

    opens: BoolArray  # this frame may be the first one of a word
    begins: BoolArray  # from this frame on it counts as a word
    ends: BoolArray  # it counted, and ended `hangover_frames` + 1 before the next frame
    overlong: BoolArray  # it counted, and was given up: no word is that long


def reset_endpointer(endpointer: Endpointer, bands: int, shape: tuple[int, ...] = ()) -> EndpointerState:
    """Before the first frame; the floors are those of that frame."""
    zero = np.zeros(shape, np.int64)
    return EndpointerState(np.zeros((*shape, bands), np.int16), zero, zero, zero, np.zeros(shape, np.bool_))


def excess(endpointer: Endpointer, floor: Int16Array, level: Int32Array) -> Int64Array:
    """(..., bands) to (...): how far all bands exceed their floors by more than the margin, on average."""
    above = level.astype(np.int64) - floor - endpointer.margin
    bits = level.shape[-1].bit_length() - 1
    mean: Int64Array = np.maximum(above, 0).sum(axis=-1) >> bits
    return mean


def endpointer_step(
    endpointer: Endpointer, state: EndpointerState, level: Int32Array
) -> tuple[EndpointerState, Endpoint]:
    """One frame: level (..., bands), as the front end gives it."""
    first = state.age == 0
    floor = np.where(first[..., None], level, state.floor)
    above = excess(endpointer, floor, level)
    speech = above > endpointer.quiet
    opens = (state.length == 0) & speech
    length = np.where((state.length > 0) | speech, state.length + 1, 0)
    voiced = np.where(speech, length, state.voiced)
    loud = state.loud | (above > endpointer.loud)  # which is speech, too: in a pause neither is true
    counted = loud & (voiced >= endpointer.shortest_frames)
    counted_before = state.loud & (state.voiced >= endpointer.shortest_frames)
    over = length - voiced > endpointer.hangover_frames
    overlong = (length >= endpointer.longest_frames) & ~over
    closed = over | overlong
    after = EndpointerState(
        floor=_followed(endpointer, floor, level, state.age, (length > 0) & ~closed),
        age=np.where(overlong, 0, np.minimum(state.age + 1, endpointer.settle_frames)),
        length=np.where(closed, 0, length),
        voiced=voiced,
        loud=loud & ~closed,
    )
    endpoint = Endpoint(
        opens=opens,
        begins=counted & ~counted_before & ~overlong,
        ends=over & counted,
        overlong=overlong & counted_before,
    )
    return after, endpoint


def _followed(
    endpointer: Endpointer, floor: Int16Array, level: Int32Array, age: Int64Array, in_word: BoolArray
) -> Int16Array:
    """The floors after a frame."""
    distance = level.astype(np.int64) - floor
    rise = np.where(in_word, endpointer.rise_in_word, endpointer.rise)[..., None]
    slow = np.clip(distance, -endpointer.fall, rise)
    settling = ((age < endpointer.settle_frames) & ~in_word)[..., None]
    return (floor + np.where(settling, distance >> SETTLE_SHIFT, slow)).astype(np.int16)


@dataclass(frozen=True)
class Word:
    """A word in a stream, in frames from 0: [first, end) is what the network hears of it."""

    first: int
    end: int
    closed: int  # the frame that ended it


def find_words(endpointer: Endpointer, level: Int32Array, lengths: NDArray[Any]) -> list[list[Word]]:
    """The words of several streams at once: level (streams, frames, bands), lengths (streams,) in frames.

    Words that are still open at a stream's end are not among them, nor are overlong ones.
    """
    streams, frames, bands = level.shape
    state = reset_endpointer(endpointer, bands, (streams,))
    opened = np.zeros(streams, np.int64)
    words: list[list[Word]] = [[] for _ in range(streams)]
    for t in range(frames):
        state, endpoint = endpointer_step(endpointer, state, level[:, t])
        opened = np.where(endpoint.opens, t, opened)
        for k in np.flatnonzero(endpoint.ends & (t < lengths)).tolist():
            words[k].append(Word(int(opened[k]), int(opened[k] + state.voiced[k]), t))
    return words
