"""What a page computes when it opens, and what must come out: clips alone, and joined with pauses as a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.arithmetic.listener import Listening, WordEvent

MOST_SAMPLES = 8_000  # of all clips, so that the page stays small
PAUSE_FRAMES = 40

Event = tuple[str, int, int, int, int, int]  # kind, frame, first frame, frames, label (-1: none of these), margin


class Stream(Protocol):
    """A listener of the network."""

    def push(self, samples: Int16Array) -> list[WordEvent]:
        """samples (samples,) int16."""


@dataclass(frozen=True, eq=False)
class WebGolden:
    """Clips with their logits, and the events of the stream that they make."""

    clips: tuple[Int16Array, ...]  # each (samples,)
    logits: NDArray[np.int64]  # (clips, classes)
    pause: int  # samples of silence before each clip, and twice as many at the end
    events: tuple[Event, ...]

    @classmethod
    def of(
        cls,
        clips: Sequence[Int16Array],
        listening: Listening,
        logits: Callable[[Sequence[Int16Array]], NDArray[Any]],
        stream: Stream,
    ) -> WebGolden:
        """`logits`: clips to (clips, classes) integers; `stream`: one that has heard nothing yet."""
        chosen = shortest_clips(clips)
        pause = np.zeros(PAUSE_FRAMES * listening.front_end.hop, np.int16)
        joined = np.concatenate([*(part for clip in chosen for part in (pause, clip)), pause, pause])
        events = tuple(map(_numbers, stream.push(joined)))
        return cls(tuple(chosen), np.asarray(logits(chosen), np.int64), len(pause), events)


def shortest_clips(clips: Sequence[Int16Array]) -> list[Int16Array]:
    """As many as have room in a page, but one at least, in their order."""
    order = sorted(range(len(clips)), key=lambda at: len(clips[at]))
    total = np.cumsum([len(clips[at]) for at in order])
    kept = order[: max(int((total <= MOST_SAMPLES).sum()), 1)]
    return [clips[at] for at in sorted(kept)]


def _numbers(event: WordEvent) -> Event:
    label = -1 if event.label is None else event.label
    return event.kind, event.frame, event.first, event.frames, label, event.margin
