"""The memory a device needs, line by line, for any shape and weight code.

Flash of an integer network: the arrays of its archive, byte for byte, and the two small structs of the C file that
point to them, on a device with pointers of 32 bits. Code is not in the bill.

RAM of an integer network: the state that a caller passes to the C runtime, all int16, each part an even number of them.
A layer keeps its vector [input, hidden] and its cells. The four gates of a unit are computed together and its cell is
updated in place. But every unit reads the whole old hidden state, so the new one is kept in a scratch buffer of one
hidden size, shared by all layers. Logits belong to the caller and temporaries to the stack.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fsdd_lightning.arithmetic.activation_tables import TABLE_INTERVALS
from fsdd_lightning.arithmetic.device_arrays import row_types
from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.arithmetic.weight_codes import WeightCode, weight_code
from fsdd_lightning.memory.front_end import (
    LISTENER_STRUCT_BYTES,
    front_end_flash,
    front_end_ram,
    padding,
    shares_scratch,
)
from fsdd_lightning.memory.line import FLOAT32_BYTES, BillLine, Memory, int16_line, int32_line, typed_line
from fsdd_lightning.memory.shape import NetworkShape

FLOAT32 = "float32"  # the name of a network without weight code
MODEL_STRUCT_BYTES = 32  # `fsdd_model` of export/runtime/fsdd_lstm.h: 6 pointers, 3 uint16, 2 uint8
POT_TABLE_BYTES = 1024  # `fsdd_pot_pairs` of export/runtime/fsdd_lstm_arm_dsp.h: a word for each byte of two weights
POT_TABLE_TARGETS = ("arm_dsp", "arm_mve")  # of an export; the other ones do without
LAYER_STRUCT_BYTES = 12  # `fsdd_layer`: 3 pointers
OUTPUT_LAYER = "output layer"


@dataclass(frozen=True)
class MemoryBill:
    """All lines; the totals are their sums."""

    shape: NetworkShape
    code_name: str | None  # of the weights; None: float32
    frames: int
    lines: tuple[BillLine, ...]
    front_end: FrontEnd | None = None  # that is counted; None: features are made elsewhere
    target: str = "auto"  # the processors that it is exported for

    def total(self, memory: Memory) -> int:
        """Bytes of "flash" or "ram"."""
        return sum(line.bytes for line in self.lines if line.memory == memory)

    @property
    def flash_bytes(self) -> int:
        """Constants, in bytes."""
        return self.total("flash")

    @property
    def ram_bytes(self) -> int:
        """State and scratch buffer, in bytes."""
        return self.total("ram")

    @property
    def layer_flash_bytes(self) -> dict[str, int]:
        """The bytes of every layer alone, from the input up: the LSTM layers, then the output layer.

        Weights, biases, multipliers and shift belong to a layer; activation tables, front end, listener and structs
        serve the whole network and belong to none.
        """
        names = [*(lstm_layer_name(layer) for layer in range(self.shape.layers)), OUTPUT_LAYER]
        flash = [line for line in self.lines if line.memory == "flash"]
        return {name: sum(line.bytes for line in flash if line.name == name) for name in names}

    @property
    def macs_per_clip(self) -> int:
        """Multiply-accumulates of weights for a clip of the longest length."""
        return self.shape.macs_per_clip(self.frames)

    def as_record(self) -> dict[str, Any]:
        """The `memory` part of a run record, without the budget."""
        return {
            "parameters": self.shape.parameters,
            "flash_bytes": self.flash_bytes,
            "largest_layer_flash_bytes": max(self.layer_flash_bytes.values()),
            "ram_bytes": self.ram_bytes,
            "macs_per_clip": self.macs_per_clip,
            "lines": [asdict(line) for line in self.lines],
        }


def memory_bill(
    shape: NetworkShape, code_name: str | None, frames: int, front_end: FrontEnd | None = None, target: str = "auto"
) -> MemoryBill:
    """The bill for weights of this code (None: float32) and clips of at most `frames` frames.

    With a front end, all that a device needs from samples to words; without, the network alone. `target` is that of the
    export: some processors look power-of-two weights up in a table.

    Raises:
        ValueError: no weight code has this name; the message lists those that exist.
    """
    if code_name is None:
        return float32_bill(shape, frames, front_end)
    return integer_bill(shape, weight_code(code_name), frames, front_end, target)


def lstm_layer_name(layer: int) -> str:
    """Name of LSTM layer `layer`, counted from 0, in bills and messages, where layers count from 1."""
    return f"lstm layer {layer + 1}"


def float32_bill(shape: NetworkShape, frames: int, front_end: FrontEnd | None = None) -> MemoryBill:
    """Four bytes per PyTorch parameter; RAM for hidden and cell states, input and gates."""
    lines = []
    for layer in range(shape.layers):
        detail = f"4x{shape.hidden_size} x ({shape.layer_inputs(layer)} + {shape.hidden_size}) + 2 biases"
        lines.append(_float_line(lstm_layer_name(layer), detail, shape.layer_parameters(layer), "flash"))
    detail = f"{shape.classes} x {shape.hidden_size} + bias"
    lines.append(_float_line(OUTPUT_LAYER, detail, shape.output_parameters, "flash"))
    lines.append(_float_line("state", "hidden and cell", 2 * shape.layers * shape.hidden_size, "ram"))
    lines.append(_float_line("scratch", "input, gates", shape.inputs + 4 * shape.hidden_size, "ram"))
    return MemoryBill(shape, None, frames, (*lines, *_front_end_lines(front_end)), front_end)


def _front_end_lines(front_end: FrontEnd | None) -> list[BillLine]:
    return [] if front_end is None else [*front_end_flash(front_end), *front_end_ram(front_end)]


def torch_int8_bill(shape: NetworkShape, frames: int, front_end: FrontEnd | None = None) -> MemoryBill:
    """A lower bound for PyTorch's own int8 (baselines/): int8 weights, float32 biases, scales and zero points.

    Counted before anything is converted, so that a budget can be checked; the record of a run has the bytes of the
    converted network. RAM is that of the float network: its state stays float32.
    """
    lines = []
    for layer in range(shape.layers):
        rows = 4 * shape.hidden_size
        weights = rows * (shape.layer_inputs(layer) + shape.hidden_size)
        lines += _torch_int8_lines(lstm_layer_name(layer), weights, 2 * rows, matrices=2)
    lines += _torch_int8_lines(OUTPUT_LAYER, shape.classes * shape.hidden_size, shape.classes, matrices=1)
    ram = [line for line in float32_bill(shape, frames).lines if line.memory == "ram"]
    return MemoryBill(shape, None, frames, (*lines, *ram, *_front_end_lines(front_end)), front_end)


def _torch_int8_lines(name: str, weights: int, biases: int, matrices: int) -> list[BillLine]:
    return [
        BillLine(name, "weights, int8 (torch.ao)", weights, weights, "flash"),
        _float_line(name, "biases, float32", biases, "flash"),
        BillLine(name, "scale (8 bytes) and zero point (8)", 2 * matrices, 16 * matrices, "flash"),
    ]


def _float_line(name: str, detail: str, count: int, memory: Memory) -> BillLine:
    return BillLine(name, detail, count, FLOAT32_BYTES * count, memory)


def integer_bill(
    shape: NetworkShape, code: WeightCode, frames: int, front_end: FrontEnd | None = None, target: str = "auto"
) -> MemoryBill:
    """The integer network's arrays in storage order (`arithmetic/device_arrays.py`), its structs, then its state."""
    lines = [line for layer in range(shape.layers) for line in _lstm_layer_flash(shape, layer, code)]
    lines += _output_flash(shape, code)
    lines += _shared_flash(shape, front_end)
    if uses_pot_table(code.name, target):
        lines.append(BillLine("weights", "pairs of powers of two, int16", 512, POT_TABLE_BYTES, "flash"))
    lines += [line for layer in range(shape.layers) for line in _lstm_layer_ram(shape, layer)]
    if not shares_scratch(front_end, shape.hidden_size):
        lines.append(_even_line("scratch", "new hidden", shape.hidden_size))
    if front_end is not None:
        lines += front_end_ram(front_end)
        lines += padding(sum(line.bytes for line in lines if line.memory == "ram"))
    return MemoryBill(shape, code.name, frames, tuple(lines), front_end, target)


def uses_pot_table(code_name: str, target: str) -> bool:
    """Whether an export for this target has `fsdd_pot_pairs`."""
    return code_name == "pot" and target in POT_TABLE_TARGETS


def _lstm_layer_flash(shape: NetworkShape, layer: int, code: WeightCode) -> list[BillLine]:
    name, rows, types = lstm_layer_name(layer), 4 * shape.hidden_size, row_types(code)
    return [
        _weights_flash(name, rows, shape.layer_inputs(layer) + shape.hidden_size, code),
        typed_line(name, "biases", rows, types.bias),
        typed_line(name, "row shifts" if code.stores_shifts else "row multipliers", rows, types.multiplier),
        BillLine(name, "shift, uint8", 1, 1, "flash"),
    ]


def _output_flash(shape: NetworkShape, code: WeightCode) -> list[BillLine]:
    """Logits are not rescaled: no multipliers."""
    return [
        _weights_flash(OUTPUT_LAYER, shape.classes, shape.hidden_size, code),
        int32_line(OUTPUT_LAYER, "biases", shape.classes, "flash"),
    ]


def _weights_flash(name: str, rows: int, columns: int, code: WeightCode) -> BillLine:
    """Every row is padded to whole bytes, so that 37 columns of 4 bits take 19 bytes."""
    row_bytes = code.row_bytes(columns)
    detail = f"weights, {code.name}: {rows} rows of {columns}, {row_bytes} bytes a row"
    return BillLine(name, detail, rows * columns, rows * row_bytes, "flash")


def _shared_flash(shape: NetworkShape, front_end: FrontEnd | None) -> list[BillLine]:
    entries, features = TABLE_INTERVALS + 1, FLOAT32_BYTES * shape.inputs
    standardization = [
        BillLine("features", "mean, float32", shape.inputs, features, "flash"),
        BillLine("features", "std, float32", shape.inputs, features, "flash"),
    ]
    return [
        int16_line("activation tables", "sigmoid", entries, "flash"),
        int16_line("activation tables", "tanh", entries, "flash"),
        *(standardization if front_end is None else front_end_flash(front_end)),
        _structs_flash(shape, front_end),
    ]


def _structs_flash(shape: NetworkShape, front_end: FrontEnd | None) -> BillLine:
    """Addresses and sizes of the arrays: a `fsdd_model`, a `fsdd_layer` per layer, a `fsdd_listener_model`."""
    struct_bytes = MODEL_STRUCT_BYTES + LAYER_STRUCT_BYTES * shape.layers
    if front_end is None:
        return BillLine("structs", "addresses and sizes", 1 + shape.layers, struct_bytes, "flash")
    return BillLine("structs", "addresses and sizes", 2 + shape.layers, struct_bytes + LISTENER_STRUCT_BYTES, "flash")


def _lstm_layer_ram(shape: NetworkShape, layer: int) -> list[BillLine]:
    name, width = lstm_layer_name(layer), shape.layer_inputs(layer) + shape.hidden_size
    return [_even_line(name, "input and hidden", width), _even_line(name, "cells", shape.hidden_size)]


def _even_line(name: str, detail: str, count: int) -> BillLine:
    """State in an even number of int16: what follows stays aligned to 32 bits."""
    return int16_line(name, detail, count + count % 2, "ram")
