"""The integer LSTM in torch: the functions of `arithmetic.integer_lstm`, in its order, many clips at a time.

Every type holds its integers exactly. Accumulators are float64: `arithmetic.ranges` proves every partial sum below
2^31, far below 2^53, so no order of summation rounds anything. The rescaling is int64: the product of two int32 and
its rounding term stay below 2^63. After it int32 suffices: a product of two int16 and its rounding term stay below
2^31. Activations are gathered from tables of all 65,536 inputs, filled by `arithmetic`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsdd_lightning.arithmetic.activation_tables import full_table, sigmoid_q15, tanh_q15
from fsdd_lightning.arithmetic.fixed_point import FEATURE_SHIFT, FORGET_SHIFT, HIDDEN_SHIFT, INPUT_SHIFT
from fsdd_lightning.arithmetic.integer_model import IntegerLayer, IntegerModel, IntegerOutput

TABLE_OFFSET = 2**15  # the value at z is at index z + TABLE_OFFSET


@dataclass(frozen=True, eq=False)
class LstmTrace:
    """Every cell and hidden state of one layer; frames after a clip's end are meaningless."""

    cell_q11: Tensor  # (B, T, H) int32
    hidden_q7: Tensor  # (B, T, H) int32


@dataclass(frozen=True, eq=False)
class TorchLayer:
    """An `IntegerLayer` as tensors, ready for matrix products from the right."""

    input_weights: Tensor  # (I, 4H) float64 levels
    hidden_weights: Tensor  # (H, 4H) float64 levels
    bias: Tensor  # (4H,) float64 integers
    multiplier: Tensor  # (4H,) int64
    shift: int


def torch_layer(layer: IntegerLayer) -> TorchLayer:
    weights = _float64(layer.weights).t()
    inputs, hidden = weights[: layer.input_size].contiguous(), weights[layer.input_size :].contiguous()
    multiplier = torch.from_numpy(layer.multiplier.astype(np.int64))
    return TorchLayer(inputs, hidden, _float64(layer.bias), multiplier, layer.shift)


@cache
def sigmoid_values() -> Tensor:
    """(65536,) int32, step 2^-15."""
    return torch.from_numpy(full_table(sigmoid_q15).astype(np.int32))


@cache
def tanh_values() -> Tensor:
    """(65536,) int32, step 2^-15."""
    return torch.from_numpy(full_table(tanh_q15).astype(np.int32))


def lstm_gates(layer: TorchLayer, input_part: Tensor, hidden_q7: Tensor) -> tuple[Tensor, ...]:
    """Table positions z + TABLE_OFFSET of gates i, f, g, o, all (B, H) int32.

    input_part float64 (B, 4H): the inputs' share of the accumulator, with the bias; hidden_q7 float64 (B, H).
    """
    accumulator = torch.addmm(input_part, hidden_q7, layer.hidden_weights).to(torch.int64)
    z_q11 = rounding_shift_right(accumulator.mul_(layer.multiplier), layer.shift)
    return z_q11.clamp_(-(2**15), 2**15 - 1).add_(TABLE_OFFSET).to(torch.int32).chunk(4, dim=1)


def lstm_step(layer: TorchLayer, input_part: Tensor, cell_q11: Tensor, hidden_q7: Tensor) -> tuple[Tensor, Tensor]:
    """One frame: the next cell, int32 (B, H), and hidden state, float64 (B, H); see `lstm_gates`."""
    i, f, g, o = lstm_gates(layer, input_part, hidden_q7)
    i_q15, f_q15, o_q15 = (_gather(sigmoid_values(), gate) for gate in (i, f, o))
    kept = rounding_shift_right(f_q15 * cell_q11, FORGET_SHIFT)
    added = rounding_shift_right(i_q15 * _gather(tanh_values(), g), INPUT_SHIFT)
    cell_q11 = (kept + added).clamp_(-(2**15), 2**15 - 1)
    tanh_cell_q15 = _gather(tanh_values(), cell_q11 + TABLE_OFFSET)
    hidden = rounding_shift_right(o_q15 * tanh_cell_q15, HIDDEN_SHIFT).clamp_(-(2**7), 2**7 - 1)
    return cell_q11, hidden.to(torch.float64)


def lstm_sequence(layer: TorchLayer, inputs_q7: Tensor) -> LstmTrace:
    """One layer over float64 inputs (B, T, I), from a zero state."""
    clips, frames, _ = inputs_q7.shape
    cell = torch.zeros(clips, layer.hidden_weights.shape[0], dtype=torch.int32)
    hidden = torch.zeros(cell.shape, dtype=torch.float64)
    input_parts = torch.matmul(inputs_q7.transpose(0, 1), layer.input_weights) + layer.bias  # (T, B, 4H)
    cells = cell.new_empty(clips, frames, cell.shape[1])
    hiddens = torch.empty_like(cells)
    for t in range(frames):
        cell, hidden = lstm_step(layer, input_parts[t], cell, hidden)
        cells[:, t], hiddens[:, t] = cell, hidden
    return LstmTrace(cells, hiddens)


def output_logits(output: IntegerOutput, hidden_q7: Tensor) -> Tensor:
    """(B, classes) int32 from the top layer's hidden state, any number type (B, H)."""
    accumulator = hidden_q7.to(torch.float64) @ _float64(output.weights).t() + _float64(output.bias)
    return accumulator.to(torch.int32)


def network_trace(model: IntegerModel, features_q4: Tensor) -> tuple[LstmTrace, ...]:
    """Every c and h of every layer for int8 features (B, T, F)."""
    below_q7 = features_q4.to(torch.float64) * 2**FEATURE_SHIFT
    traces = []
    for layer in model.layers:
        traces.append(lstm_sequence(torch_layer(layer), below_q7))
        below_q7 = traces[-1].hidden_q7.to(torch.float64)
    return tuple(traces)


def rounding_shift_right(value: Tensor, shift: int) -> Tensor:
    """value / 2^shift rounded half up, in place; shift is at least 1."""
    return value.add_(1 << (shift - 1)).bitwise_right_shift_(shift)


def _gather(table: Tensor, positions: Tensor) -> Tensor:
    return table.index_select(0, positions.reshape(-1)).view(positions.shape)


def _float64(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array.astype(np.float64))
