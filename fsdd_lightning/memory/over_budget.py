"""The reason why a network does not fit its memory budget, as one line."""

from __future__ import annotations

from fsdd_lightning.memory.bill import FLOAT32, MemoryBill
from fsdd_lightning.memory.budget import MemoryBudget
from fsdd_lightning.memory.solver import largest_hidden_size


def over_budget_reason(bill: MemoryBill, budget: MemoryBudget) -> str:
    """One line: what is needed, what is allowed, and the largest hidden size that fits.

    Raises:
        ValueError: the bill fits the budget.
    """
    if budget.flash_bytes is None or budget.fits(bill):
        raise ValueError(f"the bill fits the memory budget {budget.name}: there is nothing to explain")
    shape = bill.shape
    network = f"the {bill.code_name or FLOAT32} network of {shape.layers}x{shape.hidden_size} units"
    return (
        f"{network} needs {budget.needed_bytes(bill):,} bytes of flash{_where(bill, budget)},"
        f" memory_budget={budget.name} allows {budget.flash_bytes:,}; {_remedy(bill, budget)}"
    )


def _where(bill: MemoryBill, budget: MemoryBudget) -> str:
    if budget.scope == "network":
        return ""
    sizes = bill.layer_flash_bytes
    return f" in its {max(sizes, key=sizes.__getitem__)} alone"


def _remedy(bill: MemoryBill, budget: MemoryBudget) -> str:
    shape = bill.shape
    largest = largest_hidden_size(
        inputs=shape.inputs,
        layers=shape.layers,
        classes=shape.classes,
        code_name=bill.code_name,
        budget=budget,
        front_end=bill.front_end,
        target=bill.target,
    )
    if largest is None:
        return "not even a hidden size of 1 fits: choose a larger budget, fewer layers or smaller weights"
    return f"the largest hidden size that fits is {largest}"
