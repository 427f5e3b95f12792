"""The largest hidden size that a memory budget allows."""

from __future__ import annotations

from bisect import bisect_left

from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.bill import memory_bill
from fsdd_lightning.memory.budget import MemoryBudget
from fsdd_lightning.memory.shape import NetworkShape


class NoBudgetError(UserError, ValueError):
    """A hidden size cannot be derived from a budget without limit."""


def largest_hidden_size(
    *,
    inputs: int,
    layers: int,
    classes: int,
    code_name: str | None,
    budget: MemoryBudget,
    front_end: FrontEnd | None = None,
    target: str = "auto",
) -> int | None:
    """The largest hidden size whose bill fits `budget`; None if not even 1 fits.

    No line of a bill shrinks with the hidden size, so bisection is exact. A hidden size of h needs more than h bytes
    for the biases of a layer alone, which bounds the search.

    Raises:
        NoBudgetError: the budget has no limit.
        ValueError: no weight code has this name.
    """
    if budget.flash_bytes is None:
        raise NoBudgetError(
            f"hidden_size=fit needs a budget, but memory_budget={budget.name} has no limit;"
            " choose another one, such as memory_budget=kb36"
        )

    def too_large(hidden_size: int) -> bool:
        shape = NetworkShape(inputs=inputs, hidden_size=hidden_size, layers=layers, classes=classes)
        return not budget.fits(memory_bill(shape, code_name, 1, front_end, target))  # frames change MACs, not bytes

    return bisect_left(range(1, budget.flash_bytes + 1), True, key=too_large) or None
