"""What is heard after a prompt: the words that the integer endpointer finds in a stream, with their sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.arithmetic.fixed_point import Int8Array, Int16Array, Int64Array
from fsdd_lightning.arithmetic.front_end import FrontEnd, Standardization
from fsdd_lightning.arithmetic.listener import Listening, WordEvent, WordListener
from fsdd_lightning.data.sound_sources import SoundSource

START_S = 0.3  # of a device that was just opened: zeros, a click
SETTLE_S = 1.0  # in which it hears the room alone
PATIENCE_S = 5.0  # for a word
PAUSE_S = 0.3  # after the endpointer has ended a word; what begins within it is a second one
LONGEST_S = 20.0  # even of one who does not stop talking
BEFORE_S = 1.0  # of sound before the prompt is kept: a word may come at once


class SoundEnded(Exception):  # noqa: N818 - as StopIteration: an end, no failure
    """The source has no more samples."""


@dataclass(frozen=True, eq=False)
class Heard:
    """From a second before a prompt up to the pause after a word, or until patience was at its end."""

    sound: Int16Array  # (samples,)
    sample_rate_hz: int
    words: tuple[tuple[int, int], ...]  # [start, end) in `sound`
    overlong: bool  # one of them was too long for the endpointer
    lost: bool  # samples are missing in between


class Ear:
    """Follows a source without a gap. What it hears does not depend on the pieces in which samples arrive."""

    def __init__(self, source: SoundSource, front_end: FrontEnd, endpointer: Endpointer) -> None:
        self.sample_rate_hz = front_end.sample_rate_hz
        self._source, self._front_end = source, front_end
        self._pieces = _pieces(source, front_end.hop)
        self._words = _WordSpans(front_end, endpointer)
        self._sound: Int16Array = np.empty(0, np.int16)
        self._start = 0  # of that sound in the stream

    def settle(self) -> Int16Array:
        """Drop what a device gives while it starts, then let the endpointer learn the room: its sound, (samples,).

        Raises:
            SoundEnded: before that.
        """
        for _ in range(self._pieces_in(START_S)):
            self._next_piece()
        pieces: list[Int16Array] = []
        least, most = self._pieces_in(SETTLE_S), self._pieces_in(LONGEST_S)
        while len(pieces) < least or (self._words.in_word and len(pieces) < most):
            pieces.append(self._next_piece())
            self._words.push(pieces[-1])
        self._keep(pieces)
        return np.concatenate(pieces)

    def hear(self) -> Heard:
        """The next word and the pause after it, or what there was in its stead.

        Raises:
            SoundEnded: before a word has ended.
        """
        lost, prompt = self._source.lost, self._start + len(self._sound)
        pieces: list[Int16Array] = []
        events: list[WordEvent] = []
        waited = quiet = 0
        while not self._over(bool(events), waited, quiet):
            try:
                piece = self._next_piece()
            except SoundEnded:
                if not events:
                    raise
                break
            pieces.append(piece)
            events += [event for event in self._words.push(piece) if event.kind == "ends"]
            waited += len(piece)
            quiet = 0 if self._words.in_word else quiet + len(piece)
        self._keep(pieces, prompt)
        spans = tuple(self._span(event) for event in events)
        overlong = any(event.label is None for event in events)
        return Heard(self._sound, self.sample_rate_hz, spans, overlong, self._source.lost > lost)

    def _over(self, heard: bool, waited: int, quiet: int) -> bool:
        waited_s, quiet_s = waited / self.sample_rate_hz, quiet / self.sample_rate_hz
        done = quiet_s >= PAUSE_S if heard else quiet_s > 0 and waited_s >= PATIENCE_S
        return done or waited_s >= LONGEST_S

    def _pieces_in(self, seconds: float) -> int:
        return round(seconds * self.sample_rate_hz / self._front_end.hop)

    def _next_piece(self) -> Int16Array:
        try:
            return next(self._pieces)
        except StopIteration:
            raise SoundEnded from None

    def _keep(self, pieces: list[Int16Array], prompt: int | None = None) -> None:
        """Append to the sound; of what was before the prompt, BEFORE_S stay."""
        kept = np.concatenate([self._sound, *pieces])
        end = self._start + len(kept)
        first = max((end if prompt is None else prompt) - round(BEFORE_S * self.sample_rate_hz), self._start)
        self._sound, self._start = kept[first - self._start :], first

    def _span(self, event: WordEvent) -> tuple[int, int]:
        start = event.first * self._front_end.hop - self._start
        return max(start, 0), max(start, 0) + self._front_end.samples(event.frames)


class _WordSpans(WordListener):
    """Where words begin and end, without a network: what has ended has the only label, what is too long has none."""

    def __init__(self, front_end: FrontEnd, endpointer: Endpointer) -> None:
        unscaled = Standardization(np.ones(front_end.channels, np.int32), np.zeros(front_end.channels, np.int32))
        super().__init__(Listening(front_end, unscaled, endpointer, least_margin=0))

    def word_logits(self, features_q4: Int8Array) -> Int64Array:
        """(1,) zero."""
        return np.zeros(1, np.int64)

    @property
    def in_word(self) -> bool:
        """Whether the last frame belongs to what may be a word."""
        return bool(self._endpoints.length > 0)


def _pieces(chunks: Iterable[Int16Array], samples: int) -> Iterator[Int16Array]:
    """Chunks of any size as pieces of so many samples; what is left at the end is dropped."""
    kept = np.empty(0, np.int16)
    for chunk in chunks:
        kept = np.concatenate([kept, chunk])
        whole = len(kept) // samples * samples
        yield from np.split(kept[:whole], whole // samples) if whole else ()
        kept = kept[whole:]
