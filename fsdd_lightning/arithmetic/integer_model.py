"""The integer network as data: `quantize` creates it, `integer_lstm` runs it, `archive` stores it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.fixed_point import Int8Array, Int32Array

GATES = ("i", "f", "g", "o")  # PyTorch's order; gate k owns rows k * H .. (k + 1) * H - 1


def _freeze(array: NDArray[Any], dtype: type, ndim: int, name: str) -> None:
    if array.dtype != dtype or array.ndim != ndim:
        raise ValueError(f"{name} must be {np.dtype(dtype)} with {ndim} axes, not {array.dtype} {array.shape}")
    array.setflags(write=False)


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """One LSTM layer: z = sat16((weights @ v + bias) * multiplier >> shift, rounded half up), v = [input, hidden]."""

    weights: Int8Array  # (4H, I + H) levels
    bias: Int32Array  # (4H,) step s_row * 2^-7
    multiplier: Int32Array  # (4H,) s_row * 2^(4 + shift), also where a device stores its upper half or a shift
    shift: int  # 1..32, one for the layer

    def __post_init__(self) -> None:
        _freeze(self.weights, np.int8, 2, "weights")
        _freeze(self.bias, np.int32, 1, "bias")
        _freeze(self.multiplier, np.int32, 1, "multiplier")
        rows, columns = self.weights.shape
        if rows == 0 or rows % len(GATES) or columns <= rows // len(GATES):
            raise ValueError(f"weights must be (4H, I + H), not {self.weights.shape}")
        if self.bias.shape != (rows,) or self.multiplier.shape != (rows,):
            raise ValueError(f"bias and multiplier must have {rows} entries, one a row")

    @property
    def hidden_size(self) -> int:
        return int(self.weights.shape[0]) // len(GATES)

    @property
    def row_shifts(self) -> NDArray[np.intp]:
        """(4H,) if all multipliers are powers of two: z = sat16(acc >> row_shift, rounded half up).

        A negative entry means a shift left (a row scale above 2^-4). Raises ValueError for any other multiplier.
        """
        mantissa, exponent = np.frexp(self.multiplier.astype(np.float64))  # mantissa 1/2: a power of two
        if (mantissa != 0.5).any():
            raise ValueError("a multiplier is no power of two: these rows do not rescale by a shift")
        return self.shift - (exponent.astype(np.intp) - 1)

    @property
    def input_size(self) -> int:
        return int(self.weights.shape[1]) - self.hidden_size


@dataclass(frozen=True, eq=False)
class IntegerOutput:
    """The output layer: logits = weights @ h + bias, one scale for the whole matrix."""

    weights: Int8Array  # (classes, H) levels
    bias: Int32Array  # (classes,) step scale * 2^-7
    scale: float  # one logit step is scale * 2^-7; for probabilities; no backend reads it

    def __post_init__(self) -> None:
        _freeze(self.weights, np.int8, 2, "output weights")
        _freeze(self.bias, np.int32, 1, "output bias")
        if self.bias.shape != self.weights.shape[:1]:
            raise ValueError(f"the output bias must have {self.weights.shape[0]} entries, one a class")


@dataclass(frozen=True, eq=False)
class IntegerModel:
    """The whole network. Layer 1 reads features (int8, step 2^-4) shifted left by 3, the others the hidden
    state below.
    """

    layers: tuple[IntegerLayer, ...]
    output: IntegerOutput
    weight_code: str

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a model needs at least one layer")
        if len({layer.hidden_size for layer in self.layers}) > 1:
            raise ValueError("all layers must have the same hidden size")
        sizes_above = [layer.input_size for layer in self.layers[1:]] + [self.output.weights.shape[1]]
        if sizes_above != [layer.hidden_size for layer in self.layers]:
            raise ValueError("a layer must have as many inputs as the layer below has hidden units")

    @property
    def input_size(self) -> int:
        return self.layers[0].input_size

    @property
    def classes(self) -> int:
        return int(self.output.weights.shape[0])
