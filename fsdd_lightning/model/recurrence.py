"""What training one LSTM layer takes in any arithmetic: a batch laid out for speed, and gradients through time.

Time is the first axis and clips the last, so that a gate is one block of memory. Clips are sorted, the longest first,
and steps divided into spans: what has ended before a span is left out of it. Plain autograd would record about ten
operations per step. Here loops write into preallocated memory, the local derivatives are computed for several steps at
once, and weight gradients while their operands are still in the processor's cache.

The arithmetic decides two things: its forward steps, and its local derivatives (`Slopes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SLOPE_STEPS = 9  # steps whose slopes are computed at once: few enough to stay in the processor's cache until used
_WIDTHS = 8  # clips: the width of a span is a multiple, for vectors
_WORTH_IT = 0.7  # a span ends where a narrower one would be at most that wide: each costs as much as a step or two


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


@dataclass(frozen=True, eq=False)
class Slopes:
    """Local derivatives of n steps, (n, H, W) each."""

    z_o_by_h: Tensor
    c_by_h: Tensor
    by_c: Tensor  # (n, 4, H, W): of z_i, z_f, z_g and the previous cell


Steps = Callable[[Memory], None]  # fills all but what is known at the start of a span


def run_forward(inputs: Tensor, size: int, spans: Sequence[Span], constant: float, steps: Steps) -> list[Memory]:
    """The memory of all spans for inputs (T, I, B), from a zero state of `size` units; `constant`: that of the bias."""
    memories: list[Memory] = []
    for span in spans:
        memory = _memory(inputs[span.start : span.end, :, : span.clips], size, constant)
        state, cell = memory.vector[0, inputs.shape[1] : -1], memory.steps[0, 4]
        if memories:
            state.copy_(memories[-1].vector[-1, inputs.shape[1] : -1, : span.clips])
            cell.copy_(memories[-1].steps[-1, 4, :, : span.clips])
        else:
            state.zero_(), cell.zero_()
        steps(memory)
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
    matrix: Tensor,
    memories: Sequence[Memory],
    spans: Sequence[Span],
    by_hidden: Tensor,
    slopes: Callable[[Memory, int, int], Slopes],
    needs_inputs: bool,
) -> tuple[Tensor | None, Tensor]:
    """Gradients with respect to the inputs, (T, I, B), if they are needed, and to the matrix, of the same shape.

    matrix (4H, I + H + 1): weights and bias, gates in the order o, i, f, g. by_hidden (T, H, B) is zero after the end
    of a clip. `slopes`: of a memory's steps first..end - 1.
    """
    size = memories[0].tanh_cell.shape[1]
    channels = matrix.shape[1] - size - 1
    back = _Back(matrix[:, 0 if needs_inputs else channels : -1].t().contiguous(), torch.zeros_like(matrix))
    by_inputs = by_hidden.new_zeros(len(by_hidden), channels, by_hidden.shape[2]) if needs_inputs else None
    carried = by_hidden.new_zeros(2, size, 0)
    for span, memory in zip(reversed(spans), reversed(memories), strict=True):
        upstream = by_hidden[span.start : span.end, :, : span.clips]
        by_vector, carried = back.span(memory, upstream, carried, slopes)
        if by_inputs is not None:
            by_inputs[span.start : span.end, :, : span.clips] = by_vector[:-1, :channels]
    return by_inputs, back.by_matrix


@dataclass(frozen=True, eq=False)
class _Back:
    """The backward steps. transposed: (I + H or H, 4H); by_matrix: what the gradients of the weights are added to."""

    transposed: Tensor
    by_matrix: Tensor

    def span(
        self, memory: Memory, by_hidden: Tensor, carried: Tensor, slopes: Callable[[Memory, int, int], Slopes]
    ) -> tuple[Tensor, Tensor]:
        """by_hidden (n, H, W); carried (2, H, at most W): by the state and the cell at the end.

        Returns the gradients by vectors, (n + 1, I + H or H, W), and `carried` for the span before.
        """
        steps, size, clips = memory.tanh_cell.shape
        by_vector = by_hidden.new_empty(steps + 1, len(self.transposed), clips)
        by_vector[-1, -size:] = 0.0
        by_vector[-1, -size:, : carried.shape[2]] = carried[0]
        by_step = by_hidden.new_zeros(5, size, clips)  # o, i, f, g, previous cell
        by_step[4, :, : carried.shape[2]] = carried[1]
        by_state = by_vector[:, -size:].unbind()
        by_o, by_others, by_cell, columns = by_step[0], by_step[1:], by_step[4], by_step[:4].flatten(0, 1)
        h, c = by_hidden.new_empty(2, size, clips)
        vectors, by_vectors, upstream = memory.vector.transpose(1, 2).unbind(), by_vector.unbind(), by_hidden.unbind()
        for t, z_o_by_h, c_by_h, by_c in _slopes_from_last(memory, slopes):
            torch.add(upstream[t], by_state[t + 1], out=h)
            torch.mul(h, z_o_by_h, out=by_o)
            torch.addcmul(by_cell, h, c_by_h, out=c)
            torch.mul(c, by_c, out=by_others)
            torch.mm(self.transposed, columns, out=by_vectors[t])
            self.by_matrix.addmm_(columns, vectors[t])
        return by_vector, torch.stack((by_state[0], by_cell))


def _slopes_from_last(
    memory: Memory, slopes: Callable[[Memory, int, int], Slopes]
) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Every step's number and slopes, from the last step to the first."""
    for end in range(len(memory.tanh_cell), 0, -SLOPE_STEPS):
        start = max(end - SLOPE_STEPS, 0)
        some = slopes(memory, start, end)
        parts = (reversed(part.unbind()) for part in (some.z_o_by_h, some.c_by_h, some.by_c))
        yield from zip(reversed(range(start, end)), *parts, strict=True)


def affine(x: Tensor, offset: float, slope: float, factor: float = 1.0) -> Tensor:
    """factor * (offset + slope * x), in one pass over memory."""
    return torch.add(x.new_full((), factor * offset), x, alpha=factor * slope)
