"""Endpointer and listener again, from the specification alone: Python ints, one frame at a time, no shared code.

Every step is causal, as on a device: nothing of a word is kept but the states and the logits of its last speech frame.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import scalar_front_end
import scalar_reference


def clamped(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


class Endpoint(NamedTuple):
    """What a frame did to the open word."""

    opens: bool = False
    begins: bool = False
    ends: bool = False
    overlong: bool = False


class ScalarEndpointer:
    def __init__(self, constants: Any) -> None:
        self.constants = constants
        self.floor: list[int] = []
        self.age = self.length = self.voiced = self.above = 0
        self.loud = self.speech = False

    def step(self, level: list[int]) -> Endpoint:
        if self.age == 0:
            self.floor = list(level)
        summed = sum(max(x - f - self.constants.margin, 0) for x, f in zip(level, self.floor, strict=True))
        self.above = summed // len(level)
        self.speech = self.above > self.constants.quiet
        given_up, endpoint = self.word() if self.length > 0 or self.speech else (False, Endpoint())
        self.follow(level)
        self.age = 0 if given_up else min(self.age + 1, self.constants.settle_frames)
        return endpoint

    def word(self) -> tuple[bool, Endpoint]:
        """A frame of an open word, or the one that opens it; first of all, whether the word was too long."""
        constants, opens, counted_before = self.constants, self.length == 0, self.counts()
        self.length += 1
        if self.speech:
            self.voiced = self.length
        if self.above > constants.loud:
            self.loud = True
        counted = self.counts()
        over = self.length - self.voiced > constants.hangover_frames
        given_up = not over and self.length >= constants.longest_frames
        if over or given_up:
            self.length, self.loud = 0, False
        if given_up:
            return True, Endpoint(overlong=counted_before)
        return False, Endpoint(opens, counted and not counted_before, over and counted)

    def counts(self) -> bool:
        return self.loud and self.voiced >= self.constants.shortest_frames

    def follow(self, level: list[int]) -> None:
        constants = self.constants
        for b, value in enumerate(level):
            distance = value - self.floor[b]
            if self.length > 0:
                self.floor[b] += clamped(distance, -constants.fall, constants.rise_in_word)
            elif self.age < constants.settle_frames:
                self.floor[b] += distance // 8
            else:
                self.floor[b] += clamped(distance, -constants.fall, constants.rise)


class ScalarNetwork:
    """A network and the front end's memory of a word."""

    def __init__(self, model: Any, listening: Any) -> None:
        self.model, self.listening = model, listening
        self.word = scalar_front_end.Word(listening.front_end)
        self.c = [[0] * (len(layer.bias) // 4) for layer in model.layers]
        self.h = [list(cells) for cells in self.c]

    def step(self, level: list[int]) -> None:
        standard = self.listening.standardization
        rows = zip(self.word.channels(level), standard.multiplier.tolist(), standard.bias.tolist(), strict=True)
        below = [8 * scalar_front_end.standardized(*row) for row in rows]
        for k, layer in enumerate(self.model.layers):
            _, self.c[k], self.h[k] = scalar_reference.step(layer, below + self.h[k], self.c[k])
            below = self.h[k]

    def logits(self) -> tuple[int, ...]:
        output = self.model.output
        rows = zip(output.weights.tolist(), output.bias.tolist(), strict=True)
        return tuple(bias + sum(w * h for w, h in zip(row, self.h[-1], strict=True)) for row, bias in rows)


class ScalarListener:
    def __init__(self, model: Any, listening: Any) -> None:
        self.model, self.listening = model, listening
        self.endpointer = ScalarEndpointer(listening.endpointer)
        self.network = ScalarNetwork(model, listening)
        self.kept: list[int] = []
        self.logits: tuple[int, ...] = ()
        self.spoke = False  # the frame before had speech
        self.frame = self.first = 0

    def push(self, samples: list[int]) -> list[tuple[Any, ...]]:
        """Events (kind, frame, first, frames, label, margin, logits)."""
        front_end, events = self.listening.front_end, []
        for sample in samples:
            self.kept.append(sample)
            if len(self.kept) == front_end.window:
                events += self.step(scalar_front_end.frame_levels(front_end, self.kept))
                self.kept = self.kept[front_end.hop :]
        return events

    def step(self, level: list[int]) -> list[tuple[Any, ...]]:
        endpointer, frame = self.endpointer, self.frame
        quietest = self.listening.front_end.quietest_level - 8 * 256
        endpoint = endpointer.step([max(one, quietest) for one in level])
        self.frame += 1
        if endpoint.opens:
            self.first, self.network = frame, ScalarNetwork(self.model, self.listening)
        if self.spoke and not endpointer.speech:
            self.logits = self.network.logits()
        self.spoke = endpointer.speech
        if endpointer.length > 0:
            self.network.step(level)
        if endpoint.begins:
            return [("begins", frame, self.first, endpointer.voiced, None, 0, ())]
        if endpoint.overlong:
            return [("ends", frame, self.first, endpointer.voiced, None, 0, ())]
        if endpoint.ends:
            label, margin = decide(self.logits, self.listening.least_margin)
            return [("ends", frame, self.first, endpointer.voiced, label, margin, self.logits)]
        return []


def decide(logits: tuple[int, ...], least_margin: int) -> tuple[int | None, int]:
    label = logits.index(max(logits))
    others = [value for k, value in enumerate(logits) if k != label]
    margin = min(2**31 - 1, logits[label] - max(others)) if others else 2**31 - 1
    return (label if margin >= least_margin else None), margin
