"""The solved hidden size against trying all sizes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import CODES, KB36, KB36_PER_LAYER, UNLIMITED

from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.bill import memory_bill
from fsdd_lightning.memory.budget import MemoryBudget, Scope
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.memory.solver import largest_hidden_size

BUDGETS = [KB36, KB36_PER_LAYER] + [
    MemoryBudget(str(flash_bytes), flash_bytes, scope)
    for flash_bytes in (1, 100, 1_328, 8 * 1024, 16 * 1024)
    for scope in ("network", "layer")
]


def solve(code_name: str | None, budget: MemoryBudget, layers: int = 2) -> int | None:
    return largest_hidden_size(inputs=13, layers=layers, classes=10, code_name=code_name, budget=budget)


def fits(code_name: str | None, budget: MemoryBudget, shape: NetworkShape) -> bool:
    return budget.fits(memory_bill(shape, code_name, frames=36))


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("code_name", CODES)
def test_the_solution_equals_trying_all_sizes(code_name: str | None, layers: int) -> None:
    bills = [memory_bill(NetworkShape(13, h, layers, 10), code_name, frames=36) for h in range(1, 400)]
    for budget in BUDGETS:
        fitting = [bill.shape.hidden_size for bill in bills if budget.fits(bill)]
        assert solve(code_name, budget, layers) == (max(fitting) if fitting else None)
        assert not fitting or max(fitting) < 399  # otherwise the range of sizes is too small


@pytest.mark.parametrize(
    ("code_name", "budget", "layers", "hidden_size"),
    [
        (None, KB36, 2, 24),  # 12h^2 + 78h + 10 <= 9,216
        (None, KB36, 1, 40),  # 4h^2 + 70h + 10 <= 9,216
        (None, KB36_PER_LAYER, 2, 33),  # 8h^2 + 8h <= 9,216, the second layer
        (None, KB36_PER_LAYER, 1, 41),  # 4h^2 + 60h <= 9,216
        ("int8", KB36, 2, 49),
    ],
)
def test_known_sizes(code_name: str | None, budget: MemoryBudget, layers: int, hidden_size: int) -> None:
    assert solve(code_name, budget, layers) == hidden_size


def test_smaller_weights_allow_larger_networks() -> None:
    float32, int8, int4, ternary = (solve(name, KB36) or 0 for name in (None, "int8", "int4", "ternary"))
    assert 1.8 * float32 < int8 < int4 < ternary
    assert solve("pot", KB36) == int4


@settings(deadline=None)
@given(
    st.sampled_from(CODES),
    st.integers(1, 10**12),
    st.sampled_from(["network", "layer"]),
    st.tuples(st.integers(1, 40), st.integers(1, 4), st.integers(1, 12)),
)
def test_fits_and_the_next_does_not(
    code_name: str | None, flash_bytes: int, scope: Scope, sizes: tuple[int, int, int]
) -> None:
    inputs, layers, classes = sizes
    budget = MemoryBudget("any", flash_bytes, scope)
    largest = largest_hidden_size(inputs=inputs, layers=layers, classes=classes, code_name=code_name, budget=budget)
    assert largest is None or fits(code_name, budget, NetworkShape(inputs, largest, layers, classes))
    assert not fits(code_name, budget, NetworkShape(inputs, (largest or 0) + 1, layers, classes))


@pytest.mark.parametrize("code_name", CODES)
@pytest.mark.parametrize("scope", ["network", "layer"])
def test_one_unit_fits_to_the_byte_or_none_does(code_name: str | None, scope: Scope) -> None:
    unit = memory_bill(NetworkShape(13, 1, 2, 10), code_name, frames=36)
    needed = MemoryBudget("any", None, scope).needed_bytes(unit)
    assert solve(code_name, MemoryBudget("tight", needed, scope)) == 1
    assert solve(code_name, MemoryBudget("too tight", needed - 1, scope)) is None


@pytest.mark.parametrize("error", [UserError, ValueError])  # commands expect one, the config the other
def test_an_unlimited_budget_has_no_solution(error: type[Exception]) -> None:
    with pytest.raises(error, match="hidden_size=fit needs a budget, but memory_budget=unlimited has no limit"):
        solve("int8", UNLIMITED)
