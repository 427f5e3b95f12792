"""One quantized LSTM layer for training: the integer steps in float, with straight-through gradients.

All values are in steps of the integer arithmetic (z, c: 2^-11, h and inputs: 2^-7; only activations are real
numbers), so rounding is a plain `floor(x + 1/2)` and gradients are per step as well. In float64 the states equal
the integers; in float32 a value next to a half is occasionally rounded to the other side.

Time is the first axis and clips the last, so that a gate is one block of memory. Plain autograd would record about
twenty operations per step. Here the loops write into preallocated memory, the local derivatives are computed for
several steps at once, and weight gradients while their operands are still in the processor's cache.

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

LOW, HIGH = -(2.0**15), 2.0**15 - 1  # of z and c
LARGEST_HIDDEN = 2.0**7 - 1
TABLE_END = 1.0 - 2.0**-ACTIVATION_BITS  # the largest activation
CELL_STEPS = 2.0**CELL_BITS  # per 1
HIDDEN_STEPS = 2.0**HIDDEN_BITS
SLOPE_STEPS = 9  # steps whose slopes are computed at once: few enough to stay in the processor's cache until used
WEIGHT_STEPS = CELL_STEPS / HIDDEN_STEPS  # steps of z per step of an input, for a weight of 1


@dataclass(frozen=True, eq=False)
class StepWeights:
    """A layer's quantized weights, as steps of z per step of the input; gates in the order o, i, f, g."""

    matrix: Tensor  # (4H, I + H)
    bias: Tensor  # (4H, 1) steps of z, and the 1/2 that makes floor round


def step_weights(layer: IntegerLayer, like: Tensor) -> StepWeights:
    """In the type and on the device of `like`."""
    rescale = np.ldexp(layer.multiplier.astype(np.float64), -layer.shift)
    rows = np.roll(np.arange(len(rescale)), layer.hidden_size)  # PyTorch's order is i, f, g, o
    matrix = torch.from_numpy((layer.weights * rescale[:, None])[rows])
    return StepWeights(matrix.to(like), torch.from_numpy((layer.bias * rescale + 0.5)[rows, None]).to(like))


@dataclass(frozen=True, eq=False)
class Memory:
    """Values that the forward steps store for the backward steps.

    Block 4 of a step is the previous cell, so that one product gives both terms of the next cell: (i, f) *
    (g, c).
    """

    vector: Tensor  # (T + 1, I + H, B): input and previous hidden state; in step T, the last state
    steps: Tensor  # (T + 1, 5, H, B): activations o, i, f (real) and g (steps of c), and the previous cell
    tanh_cell: Tensor  # (T, H, B) real


class StraightThroughLayer(torch.autograd.Function):
    """Hidden states (T, H, B), step 2^-7, of inputs (T, I, B), step 2^-7, from a zero state.

    Clips are sorted, the longest first: in step t only the first `running[t]` still run. After a clip's end its hidden
    states are meaningless, and no gradient may come from there. Gradients go to the inputs and, past the quantization,
    to the four float parameters, which are not used otherwise. So a clipped weight learns, too: the scale of its row
    follows the row, and nothing stays out of range.
    """

    @staticmethod
    def forward(ctx: Any, inputs_q7: Tensor, weights: StepWeights, running: list[int], *parameters: Tensor) -> Tensor:
        """parameters: weight_ih, weight_hh, bias_ih, bias_hh."""
        memory = steps_forward(weights, inputs_q7, running)
        ctx.weights, ctx.running = weights.matrix, running
        ctx.save_for_backward(memory.vector, memory.steps, memory.tanh_cell)
        return memory.vector[1:, inputs_q7.shape[1] :].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        memory = Memory(*ctx.saved_tensors)
        inputs = memory.vector.shape[1] - memory.tanh_cell.shape[1]
        skipped = 0 if ctx.needs_input_grad[0] else inputs
        gradients_back = _steps_back(ctx.weights[:, skipped:], memory, gradients[0], ctx.running)
        by_vector, weight, bias = gradients_back
        by_inputs = by_vector[:, :inputs] if ctx.needs_input_grad[0] else None
        return by_inputs, None, None, weight[:, :inputs], weight[:, inputs:], bias, bias


def steps_forward(weights: StepWeights, inputs_q7: Tensor, running: list[int]) -> Memory:
    """inputs_q7 (T, I, B)."""
    frames, inputs, clips = inputs_q7.shape
    width, size = weights.matrix.shape[1], weights.matrix.shape[1] - inputs
    new = inputs_q7.new_empty
    memory = Memory(new(frames + 1, width, clips), new(frames + 1, 5, size, clips), new(frames, size, clips))
    memory.vector[:-1, :inputs] = inputs_q7
    memory.vector[0, inputs:] = memory.steps[0, 4] = 0.0
    _run_forward(weights, memory, running)
    return memory


def _run_forward(weights: StepWeights, memory: Memory, running: list[int]) -> None:
    """Matrix products leave out clips that have ended; the cheap operations continue with their last z."""
    sigmoid, tanh, tanh_in_cell_steps, offset = _tables(weights.bias.dtype, weights.bias.device)
    size, clips = memory.tanh_cell.shape[1:]
    inputs = memory.vector.shape[1] - size
    z = memory.steps.new_empty(4 * size, clips)
    z_index = torch.empty_like(z, dtype=torch.int32)
    oif_index, g_index = z_index[: 3 * size].view(-1), z_index[3 * size :].view(-1)
    position, c_index = torch.empty_like(z[:size]), torch.empty_like(z_index[:size]).view(-1)
    terms = torch.empty_like(memory.steps[0, :2])
    half, kept, added = torch.full_like(terms, 0.5), terms[1], terms[0]
    steps = memory.steps[:-1]
    rows = zip(
        running,
        memory.vector.unbind(),
        steps[:, :3].flatten(1).unbind(),
        steps[:, 3].flatten(1).unbind(),
        steps[:, 0].unbind(),
        steps[:, 1:3].unbind(),
        steps[:, 3:].unbind(),
        memory.steps[1:, 4].unbind(),
        memory.tanh_cell.unbind(),
        memory.tanh_cell.flatten(1).unbind(),
        memory.vector[1:, inputs:].unbind(),
        strict=False,
    )
    for clips_now, vector, oif, g, o, i_and_f, g_and_c, c, tanh_c, tanh_c_flat, h in rows:
        torch.addmm(weights.bias, weights.matrix, vector[:, :clips_now], out=z[:, :clips_now])
        z_index.copy_(z.floor_().clamp_(LOW, HIGH).add_(offset))
        torch.index_select(sigmoid, 0, oif_index, out=oif)
        torch.index_select(tanh_in_cell_steps, 0, g_index, out=g)
        torch.addcmul(half, i_and_f, g_and_c, out=terms).floor_()
        torch.add(kept, added, out=c).clamp_(LOW, HIGH)
        c_index.view(size, clips).copy_(torch.add(c, offset, out=position))
        torch.index_select(tanh, 0, c_index, out=tanh_c_flat)
        torch.addcmul(half[0], o, tanh_c, value=HIDDEN_STEPS, out=h).floor_().clamp_(max=LARGEST_HIDDEN)


def _steps_back(
    weights: Tensor, memory: Memory, by_hidden: Tensor, running: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to every vector (T, I + H, B), the weights and the bias."""
    frames, size, clips = memory.tanh_cell.shape
    by_vector = by_hidden.new_zeros(frames + 1, weights.shape[1], clips)
    by_weight = by_hidden.new_zeros(4 * size, memory.vector.shape[1])
    by_z, z_sum = by_hidden.new_zeros(2, 4, size, clips)
    (by_o, by_i, by_f, by_g), columns = by_z, by_z.flatten(0, 1)
    h, c, carried = by_hidden.new_zeros(3, size, clips)
    transposed = weights.t().contiguous()
    for t, z_o_by_h, c_by_h, z_i_by_c, z_f_by_c, z_g_by_c, forget in _slopes_from_last(memory):
        torch.add(by_hidden[t], by_vector[t + 1, -size:], out=h)
        torch.mul(h, z_o_by_h, out=by_o)
        torch.addcmul(carried, h, c_by_h, out=c)
        torch.mul(c, z_i_by_c, out=by_i)
        torch.mul(c, z_f_by_c, out=by_f)
        torch.mul(c, z_g_by_c, out=by_g)
        torch.mul(c, forget, out=carried)
        running_columns = columns[:, : running[t]]
        torch.mm(transposed, running_columns, out=by_vector[t, :, : running[t]])
        by_weight.addmm_(running_columns, memory.vector[t, :, : running[t]].t(), alpha=WEIGHT_STEPS)
        z_sum.add_(by_z)
    by_bias = z_sum.flatten(0, 1).sum(1).mul_(CELL_STEPS)
    return by_vector[:-1], by_weight.roll(-size, 0), by_bias.roll(-size, 0)  # to PyTorch's order of gates


def _slopes_from_last(memory: Memory) -> Iterator[tuple[Any, ...]]:
    """Every step's number and slopes, from the last step to the first."""
    lowest, highest = memory.steps[1:, 4].aminmax()
    cells_saturate = bool(lowest <= LOW or highest >= HIGH)
    frames = len(memory.tanh_cell)
    for start in reversed(range(0, frames, SLOPE_STEPS)):
        end = min(start + SLOPE_STEPS, frames)
        z_o, c, z_i_and_f, z_g = _slopes(memory.steps[start:end], memory.tanh_cell[start:end])
        forget = memory.steps[start:end, 2]
        if cells_saturate:  # rare, and comparing is slow
            after = memory.steps[start + 1 : end + 1, 4]
            passing = ((after > LOW) & (after < HIGH)).to(after.dtype)
            z_i_and_f, z_g, forget = z_i_and_f * passing[:, None], z_g * passing, forget * passing
        slopes = (z_o, c, z_i_and_f[:, 0], z_i_and_f[:, 1], z_g, forget)
        yield from zip(reversed(range(start, end)), *(reversed(slope.unbind()) for slope in slopes), strict=True)


def _slopes(steps: Tensor, tanh_cell: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Local derivatives of some steps, in steps: of z_o by h; of c by h; of (z_i, z_f) by c; of z_g by c."""
    o, i, g = steps[:, 0], steps[:, 1], steps[:, 3]
    i_and_f, g_and_c = steps[:, 1:3], steps[:, 3:]  # g and c both in steps of c
    outward = _passing_hidden(o, tanh_cell).mul_(o)
    z_o = _affine(o, TABLE_END, -1.0, 1 / WEIGHT_STEPS).mul_(tanh_cell).mul_(outward)
    c = _affine(tanh_cell, 1.0, 1.0, 1 / WEIGHT_STEPS).mul_(_affine(tanh_cell, TABLE_END, -1.0)).mul_(outward)
    z_i_and_f = _affine(i_and_f, TABLE_END, -1.0, 1 / CELL_STEPS).mul_(i_and_f).mul_(g_and_c)
    z_g = _affine(g, 1.0, 1 / CELL_STEPS).mul_(_affine(g, TABLE_END, -1 / CELL_STEPS)).mul_(i)
    return z_o, c, z_i_and_f, z_g


def _affine(x: Tensor, offset: float, slope: float, factor: float = 1.0) -> Tensor:
    """factor * (offset + slope * x), in one pass over memory."""
    return torch.add(x.new_full((), factor * offset), x, alpha=factor * slope)


def _passing_hidden(o: Tensor, tanh_cell: Tensor) -> Tensor:
    """1 where o * tanh(c) rounds to at most 127 steps, else 0: several times faster than a comparison."""
    limit = o.new_full((), (LARGEST_HIDDEN + 0.5) / HIDDEN_STEPS)
    return torch.addcmul(limit, o, tanh_cell, value=-1.0).sign_().clamp_(min=0.0)


@cache
def _tables(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """sigmoid, tanh, tanh in steps of c for every int16, all (65536,); and the position of 0 in them.

    The position is a tensor because a Python number would be converted on every call, which costs as much as the sum.
    """
    sigmoid, tanh = (
        torch.from_numpy(full_table(function) / 2.0**ACTIVATION_BITS).to(device, dtype)
        for function in (sigmoid_q15, tanh_q15)
    )
    return sigmoid, tanh, tanh * CELL_STEPS, sigmoid.new_full((), 2.0**15)
