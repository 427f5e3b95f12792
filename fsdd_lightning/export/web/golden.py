"""What a page computes when it opens, and what must come out: clips alone, and joined with pauses as a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.arithmetic.front_end import features
from fsdd_lightning.arithmetic.listener import WordEvent, WordListener

MOST_SAMPLES = 8_000  # of all clips, so that the page stays small
PAUSE_FRAMES = 40

Event = tuple[str, int, int, int, int, int]  # kind, frame, first frame, frames, label (-1: none of these), margin


@dataclass(frozen=True, eq=False)
class WebGolden:
    """Clips with their logits, and the events of the stream that they make."""

    clips: tuple[Int16Array, ...]  # each (samples,)
    logits: NDArray[np.int64]  # (clips, classes)
    pause: int  # samples of silence before each clip, and twice as many at the end
    events: tuple[Event, ...]

    @classmethod
    def of(cls, clips: Sequence[Int16Array], listener: WordListener) -> WebGolden:
        """clips (samples,) each; `listener`: of the network, which has heard nothing yet."""
        front_end, standardization = listener.listening.front_end, listener.listening.standardization
        chosen = shortest_clips(clips)
        logits = [listener.word_logits(features(front_end, standardization, clip)) for clip in chosen]
        pause = np.zeros(PAUSE_FRAMES * front_end.hop, np.int16)
        joined = np.concatenate([*(part for clip in chosen for part in (pause, clip)), pause, pause])
        events = tuple(map(_numbers, listener.push(joined)))
        return cls(tuple(chosen), np.stack(logits).astype(np.int64), len(pause), events)


def shortest_clips(clips: Sequence[Int16Array]) -> list[Int16Array]:
    """As many as have room in a page, but one at least, in their order."""
    order = sorted(range(len(clips)), key=lambda at: len(clips[at]))
    total = np.cumsum([len(clips[at]) for at in order])
    kept = order[: max(int((total <= MOST_SAMPLES).sum()), 1)]
    return [clips[at] for at in sorted(kept)]


def _numbers(event: WordEvent) -> Event:
    label = -1 if event.label is None else event.label
    return event.kind, event.frame, event.first, event.frames, label, event.margin
