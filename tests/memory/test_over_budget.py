"""The line about a network that does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from shapes import KB36, KB36_PER_LAYER, UNLIMITED

from fsdd_lightning.memory.bill import MemoryBill, memory_bill
from fsdd_lightning.memory.budget import MemoryBudget
from fsdd_lightning.memory.over_budget import over_budget_reason
from fsdd_lightning.memory.shape import NetworkShape


def bill_of(hidden_size: int, code_name: str | None) -> MemoryBill:
    return memory_bill(NetworkShape(13, hidden_size, 2, 10), code_name, frames=36)


def test_the_reason_names_network_bytes_budget_and_the_largest_size() -> None:
    assert over_budget_reason(bill_of(128, None), KB36) == (
        "the float32 network of 2x128 units needs 826,408 bytes of flash,"
        " memory_budget=kb36 allows 36,864; the largest hidden size that fits is 24"
    )


def test_the_reason_names_the_layer_if_the_budget_is_per_layer() -> None:
    assert over_budget_reason(bill_of(128, "int8"), KB36_PER_LAYER) == (
        "the int8 network of 2x128 units needs 135,169 bytes of flash in its lstm layer 2 alone,"
        " memory_budget=kb36_per_layer allows 36,864; the largest hidden size that fits is 65"
    )


@pytest.mark.parametrize("shape", [NetworkShape(90, 200, 1, 10), NetworkShape(13, 200, 3, 500)])
@pytest.mark.parametrize("code_name", [None, "int8", "ternary"])
def test_the_named_size_fits(shape: NetworkShape, code_name: str | None) -> None:
    line = over_budget_reason(memory_bill(shape, code_name, frames=36), KB36)
    advised = int(line.rpartition(" ")[2])
    assert KB36.fits(memory_bill(replace(shape, hidden_size=advised), code_name, frames=36))
    assert not KB36.fits(memory_bill(replace(shape, hidden_size=advised + 1), code_name, frames=36))


def test_the_reason_states_that_nothing_fits() -> None:
    line = over_budget_reason(bill_of(24, "int4"), MemoryBudget("nothing", 100, "network"))
    assert line.startswith("the int4 network of 2x24 units needs 6,246 bytes of flash, memory_budget=nothing")
    remedy = "choose a larger budget, fewer layers or smaller weights"
    assert line.endswith(f" allows 100; not even a hidden size of 1 fits: {remedy}")


@pytest.mark.parametrize("budget", [KB36, UNLIMITED])
def test_a_fitting_network_has_no_reason(budget: MemoryBudget) -> None:
    with pytest.raises(ValueError, match="fits the memory budget"):
        over_budget_reason(bill_of(24, None), budget)
