"""What a device has to store, line by line, for any shape."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fsdd_lightning.memory.shape import NetworkShape

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class BillLine:
    """One thing that is stored: `count` values in `bytes` bytes of `memory` ("flash" or "ram")."""

    name: str
    detail: str
    count: int
    bytes: int
    memory: str


@dataclass(frozen=True)
class MemoryBill:
    """All lines; the totals are their sums."""

    shape: NetworkShape
    frames: int
    lines: tuple[BillLine, ...]

    def total(self, memory: str) -> int:
        """Bytes of "flash" or "ram"."""
        return sum(line.bytes for line in self.lines if line.memory == memory)

    @property
    def flash_bytes(self) -> int:
        """Everything that never changes."""
        return self.total("flash")

    @property
    def ram_bytes(self) -> int:
        """State and scratch."""
        return self.total("ram")

    @property
    def macs_per_clip(self) -> int:
        """Multiply-accumulates of weights for a clip of the longest length."""
        return self.shape.macs_per_clip(self.frames)

    def as_record(self) -> dict[str, Any]:
        """The `memory` part of a run record, without the budget."""
        return {
            "parameters": self.shape.parameters,
            "flash_bytes": self.flash_bytes,
            "ram_bytes": self.ram_bytes,
            "macs_per_clip": self.macs_per_clip,
            "lines": [asdict(line) for line in self.lines],
        }


def float32_bill(shape: NetworkShape, frames: int) -> MemoryBill:
    """Four bytes for each of PyTorch's parameters; RAM for hidden and cell states, the input and the gates."""
    lines = []
    for layer in range(shape.layers):
        detail = f"4x{shape.hidden_size} x ({shape.layer_inputs(layer)} + {shape.hidden_size}) + 2 biases"
        lines.append(_float_line(f"lstm layer {layer + 1}", detail, shape.layer_parameters(layer), "flash"))
    detail = f"{shape.classes} x {shape.hidden_size} + bias"
    lines.append(_float_line("output layer", detail, shape.output_parameters, "flash"))
    lines.append(_float_line("state", "hidden and cell", 2 * shape.layers * shape.hidden_size, "ram"))
    lines.append(_float_line("scratch", "input, gates", shape.inputs + 4 * shape.hidden_size, "ram"))
    return MemoryBill(shape, frames, tuple(lines))


def _float_line(name: str, detail: str, count: int, memory: str) -> BillLine:
    return BillLine(name, detail, count, FLOAT32_BYTES * count, memory)
