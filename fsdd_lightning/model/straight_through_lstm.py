"""One quantized LSTM layer for training: the integer steps in float, with straight-through gradients.

All values are in steps of the integer arithmetic (z, c: 2^-11, h and inputs: 2^-7; only activations are real
numbers), so rounding is a plain `floor(x + 1/2)` and gradients are per step as well. In float64 the states equal
the integers; in float32 a value next to a half is occasionally rounded to the other side.

Straight-through means: rounding passes gradients on unchanged; a saturated value passes none. The activations
are tables, whose slopes are taken from their quantized values y: y (1 - y) for sigmoid and (1 + y)(1 - y) for
tanh, where the 1 of 1 - y is the table's end, 1 - 2^-15: a table that has reached an end is flat. This
covers a saturated z, too. A cell passes no gradient at either end of its range, h none where it was cut to 127.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fsdd_lightning.arithmetic.activation_tables import full_table, sigmoid_q15, tanh_q15
from fsdd_lightning.arithmetic.fixed_point import ACTIVATION_BITS, CELL_BITS, HIDDEN_BITS
from fsdd_lightning.arithmetic.integer_model import IntegerLayer
from fsdd_lightning.model.recurrence import Engine, Memory, Span, at_the_end, hidden_states, run_back, run_forward

LOW, HIGH = -(2.0**15), 2.0**15 - 1  # of z and c
LARGEST_HIDDEN = 2.0**7 - 1
TABLE_END = 1.0 - 2.0**-ACTIVATION_BITS  # the largest activation
CELL_STEPS = 2.0**CELL_BITS  # per 1
HIDDEN_STEPS = 2.0**HIDDEN_BITS
WEIGHT_STEPS = CELL_STEPS / HIDDEN_STEPS  # steps of z per step of an input, for a weight of 1
SLOPE_STEPS = 9  # steps whose slopes are computed at once: few enough to stay in the processor's cache until used
BIAS_STEPS = HIDDEN_STEPS  # the input whose weight is the bias: a 1


def step_matrix(layer: IntegerLayer, like: Tensor) -> Tensor:
    """(4H, I + H + 1), in the type and on the device of `like`: gates in the order o, i, f, g.

    Steps of z per step of the input. The last column, times BIAS_STEPS, is the bias, and the 1/2 that makes floor
    round.
    """
    rescale = np.ldexp(layer.multiplier.astype(np.float64), -layer.shift)
    bias = (layer.bias * rescale + 0.5) / BIAS_STEPS
    matrix = np.concatenate([layer.weights * rescale[:, None], bias[:, None]], axis=1)
    return torch.from_numpy(np.roll(matrix, layer.hidden_size, axis=0)).to(like)  # PyTorch's order is i, f, g, o


class StraightThroughLayer(torch.autograd.Function):
    """Hidden states (T, H, B), step 2^-7, of inputs (T, I, B), step 2^-7, from a zero state.

    Clips are sorted, the longest first; `spans` say which of them run. After a clip's end its hidden states are
    meaningless, and no gradient may come from there. Gradients go to the inputs and, past the quantization, to the four
    float parameters, which are not used otherwise. So a clipped weight learns, too: the scale of its row follows the
    row, and nothing stays out of range.
    """

    @staticmethod
    def forward(
        ctx: Any, engine: Engine, inputs_q7: Tensor, matrix: Tensor, spans: list[Span], *parameters: Tensor
    ) -> Tensor:
        """matrix: see `step_matrix`; parameters: weight_ih, weight_hh, bias_ih, bias_hh."""
        memories = run_forward(engine, matrix, inputs_q7, spans, BIAS_STEPS)
        ctx.engine, ctx.matrix, ctx.spans, ctx.memories = engine, matrix, spans, memories
        return hidden_states(memories, spans, inputs_q7)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        needs_inputs = ctx.needs_input_grad[1]
        by_inputs, by_matrix = run_back(ctx.engine, ctx.matrix, ctx.memories, ctx.spans, gradients[0], needs_inputs)
        size = len(by_matrix) // 4
        by_matrix = by_matrix.mul_(WEIGHT_STEPS).roll(-size, 0)  # to PyTorch's order of gates
        by_ih, by_hh, by_bias = by_matrix[:, : -size - 1], by_matrix[:, -size - 1 : -1], by_matrix[:, -1]
        return None, by_inputs, None, None, by_ih, by_hh, by_bias, by_bias


class TorchEngine:
    """The steps as operations of torch, on any device and in float64, too.

    The local derivatives are computed for several steps at once, and weight gradients while their operands are still in
    the processor's cache.
    """

    def forward(self, matrix: Tensor, memory: Memory) -> None:
        """See `Engine`."""
        _run_forward(matrix, memory)

    def back(
        self, transposed: Tensor, memory: Memory, by_hidden: Tensor, carried: Tensor, by_matrix: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Engine`."""
        size = by_hidden.shape[1]
        by_vector, known = at_the_end(memory, transposed, carried)
        by_step = known.new_empty(5, *known.shape)  # o, i, f, g, previous cell
        by_o, by_others, by_cell, columns = by_step[0], by_step[1:], by_step[4].copy_(known), by_step[:4].flatten(0, 1)
        h, c = torch.empty_like(known), torch.empty_like(known)
        by_state, by_vectors, upstream = by_vector[:, -size:].unbind(), by_vector.unbind(), by_hidden.unbind()
        vectors = memory.vector.transpose(1, 2).unbind()
        for t, z_o_by_h, c_by_h, by_c in _slopes_from_last(memory):
            torch.add(upstream[t], by_state[t + 1], out=h)
            torch.mul(h, z_o_by_h, out=by_o)
            torch.addcmul(by_cell, h, c_by_h, out=c)
            torch.mul(c, by_c, out=by_others)
            torch.mm(transposed, columns, out=by_vectors[t])
            by_matrix.addmm_(columns, vectors[t])
        return by_vector, torch.stack((by_state[0], by_cell))


def _run_forward(matrix: Tensor, memory: Memory) -> None:
    tables = activation_tables(matrix.dtype, matrix.device)
    size, clips = memory.tanh_cell.shape[1:]
    z = memory.steps.new_empty(4 * size, clips)
    positions, z_index = tables.zeros_of_gates.repeat_interleave(size)[:, None].expand_as(z).contiguous(), z.int()
    position, c_index = torch.empty_like(z[:size]), torch.empty_like(z_index[:size])
    terms = torch.empty_like(memory.steps[0, :2])
    half, added, kept = torch.full_like(terms, 0.5), terms[0], terms[1]
    z_places, c_places = z_index.view(-1), c_index.view(-1)
    steps = memory.steps[:-1]
    rows = zip(
        memory.vector.unbind(),
        steps[:, :4].flatten(1).unbind(),
        steps[:, 0].unbind(),
        steps[:, 1:3].unbind(),
        steps[:, 3:].unbind(),
        memory.steps[1:, 4].unbind(),
        memory.tanh_cell.unbind(),
        memory.tanh_cell.flatten(1).unbind(),
        memory.vector[1:, -size - 1 : -1].unbind(),
        strict=False,
    )
    for vector, oifg, o, i_and_f, g_and_c, c, tanh_c, tanh_c_flat, h in rows:
        torch.mm(matrix, vector, out=z)
        z_index.copy_(z.floor_().clamp_(LOW, HIGH).add_(positions))
        torch.index_select(tables.gates, 0, z_places, out=oifg)
        torch.addcmul(half, i_and_f, g_and_c, out=terms).floor_()
        torch.add(kept, added, out=c).clamp_(LOW, HIGH)
        c_index.copy_(torch.add(c, tables.zero, out=position))
        torch.index_select(tables.tanh, 0, c_places, out=tanh_c_flat)
        torch.addcmul(half[0], o, tanh_c, value=HIDDEN_STEPS, out=h).floor_().clamp_(max=LARGEST_HIDDEN)


def _slopes_from_last(memory: Memory) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Every step's number and slopes, from the last step to the first."""
    for end in range(len(memory.tanh_cell), 0, -SLOPE_STEPS):
        start = max(end - SLOPE_STEPS, 0)
        parts = (reversed(part.unbind()) for part in _slopes(memory, start, end))
        yield from zip(reversed(range(start, end)), *parts, strict=True)


def _slopes(memory: Memory, start: int, end: int) -> tuple[Tensor, Tensor, Tensor]:
    """Local derivatives, in steps: of z_o by h and of c by h, (n, H, W); of z_i, z_f, z_g and the previous cell by c,
    (n, 4, H, W).
    """
    steps, tanh_cell = memory.steps[start:end], memory.tanh_cell[start:end]
    o, i, g = steps[:, 0], steps[:, 1], steps[:, 3]
    i_and_f, g_and_c = steps[:, 1:3], steps[:, 3:]  # g and c both in steps of c
    outward = _passing_hidden(o, tanh_cell).mul_(o)
    z_o = _affine(o, TABLE_END, -1.0, 1 / WEIGHT_STEPS).mul_(tanh_cell).mul_(outward)
    c = _affine(tanh_cell, 1.0, 1.0, 1 / WEIGHT_STEPS).mul_(_affine(tanh_cell, TABLE_END, -1.0)).mul_(outward)
    by_c = steps.new_empty(len(steps), 4, *tanh_cell.shape[1:])
    torch.mul(_affine(i_and_f, TABLE_END, -1.0, 1 / CELL_STEPS).mul_(i_and_f), g_and_c, out=by_c[:, :2])
    torch.mul(_affine(g, 1.0, 1 / CELL_STEPS).mul_(_affine(g, TABLE_END, -1 / CELL_STEPS)), i, out=by_c[:, 2])
    by_c[:, 3] = steps[:, 2]
    after = memory.steps[start + 1 : end + 1, 4]
    lowest, highest = after.aminmax()
    if bool(lowest <= LOW or highest >= HIGH):  # rare, and comparing is slow
        by_c *= ((after > LOW) & (after < HIGH)).to(after.dtype)[:, None]
    return z_o, c, by_c


def _affine(x: Tensor, offset: float, slope: float, factor: float = 1.0) -> Tensor:
    """factor * (offset + slope * x), in one pass over memory."""
    return torch.add(x.new_full((), factor * offset), x, alpha=factor * slope)


def _passing_hidden(o: Tensor, tanh_cell: Tensor) -> Tensor:
    """1 where o * tanh(c) rounds to at most 127 steps, else 0: several times faster than a comparison."""
    limit = o.new_full((), (LARGEST_HIDDEN + 0.5) / HIDDEN_STEPS)
    return torch.addcmul(limit, o, tanh_cell, value=-1.0).sign_().clamp_(min=0.0)


@dataclass(frozen=True, eq=False)
class Tables:
    """Activations of every int16; positions of 0 are tensors, as a number would be converted on every call."""

    gates: Tensor  # (2 * 65536,): sigmoid, and tanh in steps of c
    zeros_of_gates: Tensor  # (4,): of o, i, f, g
    tanh: Tensor  # (65536,)
    zero: Tensor  # ()


@cache
def activation_tables(dtype: torch.dtype, device: torch.device) -> Tables:
    sigmoid, tanh = (
        torch.from_numpy(full_table(function) / 2.0**ACTIVATION_BITS).to(device, dtype)
        for function in (sigmoid_q15, tanh_q15)
    )
    zeros = torch.tensor([-LOW, -LOW, -LOW, len(sigmoid) - LOW], device=device, dtype=dtype)
    return Tables(torch.cat([sigmoid, tanh * CELL_STEPS]), zeros, tanh, zeros[0])
