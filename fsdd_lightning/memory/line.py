"""One line of a memory bill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Memory = Literal["flash", "ram"]

FLOAT32_BYTES = 4
INT32_BYTES = 4
INT16_BYTES = 2


@dataclass(frozen=True)
class BillLine:
    """`count` values stored in `bytes` bytes; `name` is the part of the network that they belong to."""

    name: str
    detail: str
    count: int
    bytes: int
    memory: Memory


def int16_line(name: str, detail: str, count: int, memory: Memory) -> BillLine:
    """`count` values of two bytes."""
    return BillLine(name, f"{detail}, int16", count, INT16_BYTES * count, memory)


def int32_line(name: str, detail: str, count: int, memory: Memory) -> BillLine:
    """`count` values of four bytes."""
    return BillLine(name, f"{detail}, int32", count, INT32_BYTES * count, memory)


def typed_line(name: str, detail: str, count: int, dtype: str) -> BillLine:
    """`count` values in flash of a type as numpy writes it, such as `<i2`."""
    number = np.dtype(dtype)
    return BillLine(name, f"{detail}, {number.name}", count, number.itemsize * count, "flash")
