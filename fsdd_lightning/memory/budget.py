"""How much flash a network may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fsdd_lightning.memory.bill import MemoryBill

Scope = Literal["network", "layer"]


@dataclass(frozen=True)
class MemoryBudget:
    """At most `flash_bytes` (None: no limit) for the whole network, or for any one layer at a time."""

    name: str
    flash_bytes: int | None
    scope: Scope

    def needed_bytes(self, bill: MemoryBill) -> int:
        """The flash of `bill` that this budget limits, in bytes: all of it, or that of its largest layer."""
        return bill.flash_bytes if self.scope == "network" else max(bill.layer_flash_bytes.values())

    def fits(self, bill: MemoryBill) -> bool:
        """Whether the bill stays within the budget; an equal number of bytes fits."""
        return self.flash_bytes is None or self.needed_bytes(bill) <= self.flash_bytes
