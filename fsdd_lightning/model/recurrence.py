"""Training one LSTM layer in the integer arithmetic: a batch laid out for speed, and its way forth and back.

Time is the first axis and clips the last, so that a gate is one block of memory. Clips are sorted, the longest first,
and steps divided into spans: what has ended before a span is left out of it. An `Engine` computes a span. Plain
autograd would record about twenty operations per step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

_WIDTHS = 8  # clips: the width of a span is a multiple, for vectors
_WORTH_IT = 0.6  # a span ends where a narrower one would be at most that wide: each costs as much as a step or two


@dataclass(frozen=True)
class Span:
    """Steps start..end - 1, in which the first `clips` are computed."""

    start: int
    end: int
    clips: int


def running_clips(lengths: Tensor) -> list[int]:
    """How many clips still run in every step, up to the end of the longest one."""
    ended: list[int] = lengths.cpu().bincount().cumsum(0).tolist()  # by step t, those of at most t frames
    return [len(lengths) - count for count in ended[:-1]]


def spans_of(running: Sequence[int]) -> list[Span]:
    """In step t the first running[t] clips still run; never more than in the step before."""
    found = [(0, running[0])]
    for step, count in enumerate(running):
        width = min(-(-count // _WIDTHS) * _WIDTHS, running[0])
        if width <= _WORTH_IT * found[-1][1]:
            found.append((step, width))
    ends = [start for start, _ in found[1:]] + [len(running)]
    return [Span(start, end, width) for (start, width), end in zip(found, ends, strict=True)]


@dataclass(frozen=True, eq=False)
class Memory:
    """Values of one span, of n steps and W clips, that the forward steps store for the backward steps.

    Block 4 of a step is the previous cell, so that one product gives both terms of the next cell: (i, f) * (g, c).
    """

    vector: Tensor  # (n + 1, I + H + 1, W): input, previous hidden state, a constant for the bias; in n, the last state
    steps: Tensor  # (n + 1, 5, H, W): activations o, i, f, g, and the previous cell
    tanh_cell: Tensor  # (n, H, W)


class Engine(Protocol):
    """Computes the steps of one span."""

    def forward(self, matrix: Tensor, memory: Memory) -> None:
        """Fill all of the memory but its inputs and the state before it. matrix: (4H, I + H + 1)."""

    def back(
        self, transposed: Tensor, memory: Memory, by_hidden: Tensor, carried: Tensor, by_matrix: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients by the vectors, (n + 1, R, W), and `carried` for the span before; adds to by_matrix.

        transposed: (R, 4H), where R is I + H, or H where no gradient by inputs is needed. by_hidden (n, H, W); carried
        (2, H, at most W): by the state and the cell at the end; by_matrix (4H, I + H + 1).
        """


def run_forward(engine: Engine, matrix: Tensor, inputs: Tensor, spans: Sequence[Span], constant: float) -> list[Memory]:
    """The memory of all spans, for inputs (T, I, B), from a zero state; the bias is the weight of a `constant`."""
    size = len(matrix) // 4
    memories: list[Memory] = []
    for span in spans:
        memory = _memory(inputs[span.start : span.end, :, : span.clips], size, constant)
        state, cell = memory.vector[0, inputs.shape[1] : -1], memory.steps[0, 4]
        if memories:
            state.copy_(memories[-1].vector[-1, inputs.shape[1] : -1, : span.clips])
            cell.copy_(memories[-1].steps[-1, 4, :, : span.clips])
        else:
            state.zero_(), cell.zero_()
        engine.forward(matrix, memory)
        memories.append(memory)
    return memories


def _memory(inputs: Tensor, size: int, constant: float) -> Memory:
    frames, channels, clips = inputs.shape
    new = inputs.new_empty
    memory = Memory(
        new(frames + 1, channels + size + 1, clips), new(frames + 1, 5, size, clips), new(frames, size, clips)
    )
    memory.vector[:-1, :channels] = inputs
    memory.vector[:, -1] = constant
    return memory


def hidden_states(memories: Sequence[Memory], spans: Sequence[Span], inputs: Tensor) -> Tensor:
    """(T, H, B), of inputs (T, I, B); zero where a clip was left out."""
    size = memories[0].tanh_cell.shape[1]
    hidden = inputs.new_zeros(len(inputs), size, inputs.shape[2])
    for span, memory in zip(spans, memories, strict=True):
        hidden[span.start : span.end, :, : span.clips] = memory.vector[1:, inputs.shape[1] : -1]
    return hidden


def run_back(
    engine: Engine,
    matrix: Tensor,
    memories: Sequence[Memory],
    spans: Sequence[Span],
    by_hidden: Tensor,
    needs_inputs: bool,
) -> tuple[Tensor | None, Tensor]:
    """Gradients with respect to the inputs, (T, I, B), if they are needed, and to the matrix, of the same shape.

    matrix (4H, I + H + 1): weights and bias, gates in the order o, i, f, g. by_hidden (T, H, B) is zero after the end
    of a clip.
    """
    channels, by_hidden = matrix.shape[1] - len(matrix) // 4 - 1, by_hidden.contiguous()
    transposed, by_matrix = matrix[:, 0 if needs_inputs else channels : -1].t().contiguous(), torch.zeros_like(matrix)
    by_inputs = by_hidden.new_zeros(len(by_hidden), channels, by_hidden.shape[2]) if needs_inputs else None
    carried = by_hidden.new_zeros(2, by_hidden.shape[1], 0)
    for span, memory in zip(reversed(spans), reversed(memories), strict=True):
        upstream = by_hidden[span.start : span.end, :, : span.clips]
        by_vector, carried = engine.back(transposed, memory, upstream, carried, by_matrix)
        if by_inputs is not None:
            by_inputs[span.start : span.end, :, : span.clips] = by_vector[:-1, :channels]
    return by_inputs, by_matrix


def at_the_end(memory: Memory, transposed: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
    """By vectors (n + 1, R, W), of which the last state's is known; by the cell (H, W): what engines go back from."""
    steps, size, clips = memory.tanh_cell.shape
    by_vector = transposed.new_empty(steps + 1, len(transposed), clips)
    by_cell = transposed.new_zeros(size, clips)
    by_vector[-1, -size:] = 0.0
    by_vector[-1, -size:, : carried.shape[2]] = carried[0]
    by_cell[:, : carried.shape[2]] = carried[1]
    return by_vector, by_cell
