"""Budgets: the files of conf/memory_budget, and which networks fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from pydantic import TypeAdapter, ValidationError
from shapes import KB36, KB36_PER_LAYER, SMALL, UNLIMITED

from fsdd_lightning.config.schema import MemoryBudgetConfig
from fsdd_lightning.memory.bill import memory_bill
from fsdd_lightning.memory.budget import MemoryBudget
from fsdd_lightning.memory.shape import NetworkShape

GROUP = Path(__file__).parents[2] / "conf" / "memory_budget"


def config_of(plain: object) -> MemoryBudgetConfig:
    return TypeAdapter(MemoryBudgetConfig).validate_json(json.dumps(plain))


def budget_of(name: str) -> MemoryBudget:
    plain = OmegaConf.to_container(OmegaConf.load(GROUP / f"{name}.yaml"))
    config = config_of(plain)
    assert config.front_end
    return MemoryBudget(config.name, config.flash_bytes, config.scope)


def test_the_budgets_of_conf() -> None:
    budgets = [budget_of(path.stem) for path in sorted(GROUP.glob("*.yaml"))]
    assert budgets == [
        MemoryBudget("kb16", 16 * 1024, "network"),
        KB36,
        KB36_PER_LAYER,
        MemoryBudget("kb8", 8 * 1024, "network"),
        UNLIMITED,
    ]


@pytest.mark.parametrize(
    "wrong", [{"flash_bytes": 0}, {"flash_bytes": -1}, {"flash_bytes": "36 KB"}, {"scope": "cell"}, {"ram": 1}]
)
def test_impossible_budgets_are_refused(wrong: dict[str, object]) -> None:
    good = {"name": "kb36", "flash_bytes": 36_864, "scope": "network", "front_end": True}
    config_of(good)
    with pytest.raises(ValidationError):
        config_of({**good, **wrong})


@pytest.mark.parametrize("scope", ["network", "layer"])
@pytest.mark.parametrize("code_name", [None, "int8", "int4"])
def test_an_equal_number_of_bytes_fits_and_one_more_does_not(code_name: str | None, scope: str) -> None:
    bill = memory_bill(SMALL, code_name, frames=36)
    needed = {"network": bill.flash_bytes, "layer": bill.layer_flash_bytes["lstm layer 2"]}[scope]
    budget = MemoryBudget("tight", needed, scope)  # type: ignore[arg-type]
    assert budget.needed_bytes(bill) == needed and budget.fits(bill)
    assert not replace(budget, flash_bytes=needed - 1).fits(bill)
    assert replace(budget, flash_bytes=None).fits(bill)


def test_the_output_layer_counts_as_a_layer() -> None:
    many_classes = NetworkShape(inputs=1, hidden_size=2, layers=1, classes=1000)
    bill = memory_bill(many_classes, "int8", frames=36)
    assert MemoryBudget("layer", None, "layer").needed_bytes(bill) == 1000 * (2 + 4)


def test_ram_is_not_flash() -> None:
    bill = memory_bill(SMALL, "int8", frames=36)
    assert MemoryBudget("network", None, "network").needed_bytes(bill) == bill.flash_bytes == 11_166
