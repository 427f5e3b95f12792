"""The steps of `TorchEngine` in C, for float32 on the CPU: no time goes to the start of small operations.

`training/compiled_steps.py` compiles them where there is a compiler, and sets `CHOICE`.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fsdd_lightning.model.recurrence import Engine, Memory, at_the_end
from fsdd_lightning.model.straight_through_lstm import TorchEngine, activation_tables

SOURCE = "straight_through.c"  # beside this file


class CompiledEngine:
    """`library`: what SOURCE was compiled to."""

    def __init__(self, library: ctypes.CDLL) -> None:
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._forward, self._back = library.fsdd_forward, library.fsdd_back
        self._forward.argtypes = (*[pointer] * 7, *[size] * 4)
        self._back.argtypes = (*[pointer] * 4, size, size, *[pointer] * 3, *[size] * 4)
        self._forward.restype = self._back.restype = None

    def forward(self, matrix: Tensor, memory: Memory) -> None:
        """See `Engine`."""
        steps, size, clips = memory.tanh_cell.shape
        tables = activation_tables(matrix.dtype, matrix.device)
        tensors = (matrix, memory.vector, memory.steps, memory.tanh_cell, tables.gates, tables.tanh)
        z = matrix.new_empty(4 * size, clips)
        self._forward(*_addresses(*tensors, z), steps, matrix.shape[1], size, clips)

    def back(
        self, transposed: Tensor, memory: Memory, by_hidden: Tensor, carried: Tensor, by_matrix: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Engine`."""
        steps, size, clips = by_hidden.shape
        by_vector, by_cell = at_the_end(memory, transposed, carried)
        by_z, strides = transposed.new_empty(steps, 4 * size, clips), by_hidden.stride()[:2]
        before = _addresses(transposed, memory.steps, memory.tanh_cell)
        after = _addresses(by_vector, by_cell, by_z)
        self._back(*before, by_hidden.data_ptr(), *strides, *after, steps, len(transposed), size, clips)
        by_matrix.addmm_(_side_by_side(by_z), _side_by_side(memory.vector[:-1]).t())
        return by_vector, torch.stack((by_vector[0, -size:], by_cell))


def _side_by_side(matrices: Tensor) -> Tensor:
    """(n, R, W) -> (R, n W)."""
    return matrices.transpose(0, 1).reshape(matrices.shape[1], -1)


def _addresses(*tensors: Tensor) -> list[int]:
    """Raises ValueError for a tensor that C would misread."""
    if any(tensor.dtype != torch.float32 or not tensor.is_contiguous() for tensor in tensors):
        raise ValueError("the compiled steps take contiguous float32 alone")
    return [tensor.data_ptr() for tensor in tensors]


@dataclass
class EngineChoice:
    """Which engine this process trains with; `compiled` is None until it was compiled, and where it can't be."""

    compiled: CompiledEngine | None = None
    portable: Engine = field(default_factory=TorchEngine)

    def of(self, inputs: Tensor) -> Engine:
        """The one for such inputs."""
        fits = inputs.dtype == torch.float32 and inputs.device.type == "cpu"
        return self.compiled if fits and self.compiled is not None else self.portable


CHOICE = EngineChoice()
