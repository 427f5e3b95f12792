"""One cell of a sweep before it runs: its size, its bill, and whether it fits its budget. No data, no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.config.schema import Settings
from fsdd_lightning.data.digits import CLASSES
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.bill import MemoryBill, memory_bill, torch_int8_bill
from fsdd_lightning.memory.budget import MemoryBudget
from fsdd_lightning.memory.refusal import refusal
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.memory.solver import largest_hidden_size


@dataclass(frozen=True)
class Cell:
    """`settings` with the hidden size solved; `float_bill` is what the same shape costs in float32."""

    settings: Settings
    shape: NetworkShape
    bill: MemoryBill
    float_bill: MemoryBill
    budget: MemoryBudget

    @property
    def fits(self) -> bool:
        """Whether the network stays within its memory budget."""
        return self.budget.fits(self.bill)

    @property
    def refusal(self) -> str | None:
        """One line on why this cell is not run; None where it fits."""
        return None if self.fits else refusal(self.bill, self.budget)

    def memory_record(self) -> dict[str, Any]:
        """The `memory` part of the run record."""
        return {
            **self.bill.as_record(),
            "hidden_size": self.shape.hidden_size,
            "layers": self.shape.layers,
            "float32_bytes": self.float_bill.flash_bytes,
            "budget": self.budget.name,
            "budget_scope": self.budget.scope,
            "budget_bytes": self.budget.flash_bytes,
            "fits": self.fits,
        }


def plan_cell(settings: Settings) -> Cell:
    """Solve the hidden size and draw up the bill.

    Raises:
        UserError: an unknown weight code; `hidden_size=fit` without a budget, or with one that nothing fits.
    """
    code = settings.quantization.weight_code
    if code is not None and code not in WEIGHT_CODES:
        known = ", ".join(sorted(WEIGHT_CODES))
        raise UserError(f"quantization.weight_code: there is no {code!r}; there are {known}")
    budget = MemoryBudget(**dataclasses.asdict(settings.memory_budget))
    hidden_size = _hidden_size(settings, budget)
    shape = NetworkShape(settings.features.channels, hidden_size, settings.model.layers, len(CLASSES))
    frames = settings.features.max_frames
    solved = dataclasses.replace(settings, model=dataclasses.replace(settings.model, hidden_size=hidden_size))
    baseline = settings.quantization.baseline is not None
    bill = torch_int8_bill(shape, frames) if baseline else memory_bill(shape, code, frames)
    return Cell(solved, shape, bill, memory_bill(shape, None, frames), budget)


def _hidden_size(settings: Settings, budget: MemoryBudget) -> int:
    if settings.model.hidden_size != "fit":
        return settings.model.hidden_size
    largest = largest_hidden_size(
        inputs=settings.features.channels,
        layers=settings.model.layers,
        classes=len(CLASSES),
        code_name=settings.quantization.weight_code,
        budget=budget,
    )
    if largest is None:
        raise UserError(
            f"model.hidden_size=fit: not even one hidden unit fits memory_budget={budget.name}; "
            "choose a larger budget, fewer layers or smaller weights"
        )
    return largest
