"""A trial before it runs: its size solved, its bill drawn up, over budget where it does not fit."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal

import pytest

from fsdd_lightning.config.schema import Config
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.plan import RunPlan, plan_run
from fsdd_lightning.runs.record import new_record
from fsdd_lightning.sweeps.compose import compose_trials


@functools.cache
def composed(*overrides: str) -> Config:
    ((_, config),) = compose_trials(overrides, multirun=False)
    return config


def plan(*overrides: str) -> RunPlan:
    return plan_run(composed(*overrides))


def plan_of(mode: str, budget: str, hidden_size: int | Literal["fit"], layers: int = 2) -> RunPlan:
    """Put together from options that are composed once."""
    base = composed()
    return plan_run(
        dataclasses.replace(
            base,
            quantization=composed(f"quantization={mode}").quantization,
            memory_budget=composed(f"memory_budget={budget}").memory_budget,
            model=dataclasses.replace(base.model, hidden_size=hidden_size, layers=layers),
        )
    )


@pytest.mark.parametrize(
    ("mode", "budget", "hidden_size"),
    [
        ("float32", "kb36", 24),
        ("int8_ptq", "kb36", 48),
        ("int8_qat", "kb36", 48),
        ("int8_pot_scale", "kb36", 49),
        ("int4_qat", "kb36", 71),
        ("pot_qat", "kb36", 71),
    ],
)
def test_fit_is_the_largest_size_within_the_budget(mode: str, budget: str, hidden_size: int) -> None:
    solved = plan_of(mode, budget, "fit")
    assert (solved.shape.hidden_size, solved.config.model.hidden_size) == (hidden_size, hidden_size)
    assert solved.fits and solved.over_budget_reason is None
    assert solved == plan_of(mode, budget, hidden_size)
    assert not plan_of(mode, budget, hidden_size + 1).fits


@pytest.mark.parametrize("budget", ["kb8", "kb16", "kb36", "kb36_per_layer"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("mode", ["float32", "int8_ptq", "int4_qat"])
def test_one_unit_more_than_fit_would_be_over_budget(mode: str, layers: int, budget: str) -> None:
    solved = plan_of(mode, budget, "fit", layers)
    larger = plan_of(mode, budget, solved.shape.hidden_size + 1, layers)
    assert solved.fits and not larger.fits
    assert f"the largest hidden size that fits is {solved.shape.hidden_size}" in str(larger.over_budget_reason)


def test_a_layer_may_be_larger_than_a_network() -> None:
    whole, layer = (plan("model=fit", f"memory_budget={name}") for name in ("kb36", "kb36_per_layer"))
    assert layer.shape.hidden_size > whole.shape.hidden_size


def test_fit_without_a_budget_is_the_users_error() -> None:
    with pytest.raises(UserError, match=r"hidden_size=fit needs a budget.*memory_budget=unlimited"):
        plan("model=fit")


def test_a_budget_that_nothing_fits_is_the_users_error() -> None:
    with pytest.raises(UserError, match=r"not even one hidden unit fits memory_budget=kb8"):
        plan("model=fit", "memory_budget=kb8", "memory_budget.flash_bytes=100")


def test_an_unknown_weight_code_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UserError, match=r"^quantization\.weight_code: there is no 'int3'; there are .*int8"):
        plan("quantization.weight_code=int3")


@pytest.mark.parametrize("overrides", [("model=fit", "memory_budget=kb36"), ("model=large",)], ids=str)
def test_what_was_solved_is_what_is_recorded_and_planned_again(overrides: tuple[str, ...]) -> None:
    planned = plan(*overrides)
    assert plan_run(planned.config) == planned
    record = new_record(planned, list(overrides))
    assert record.config["model"]["hidden_size"] == planned.shape.hidden_size == record.memory["hidden_size"]


def test_the_inputs_are_the_coefficients_and_the_frames_the_longest_clips() -> None:
    planned = plan("features.coefficients=20", "features.max_seconds=1")
    assert (planned.shape.inputs, planned.shape.classes, planned.bill.frames) == (20, 10, 50)


def test_deltas_double_the_inputs_of_the_bill_and_of_the_solved_size() -> None:
    """Instead of 2x48 with 13 inputs, 2x46 is what fits 36 KB with the front end."""
    planned = plan("features.deltas=true", "model=fit", "memory_budget=kb36", "quantization=int8_ptq")
    assert (planned.shape.inputs, planned.shape.hidden_size, planned.fits) == (26, 46, True)
    assert planned.bill.flash_bytes <= 36_864
    larger = plan("features.deltas=true", f"model.hidden_size={planned.shape.hidden_size + 1}", "memory_budget=kb36")
    assert not larger.fits


def test_the_memory_record_holds_bill_and_budget() -> None:
    planned = plan("quantization=int4_qat", "model.hidden_size=24", "memory_budget=kb8")
    memory = planned.memory_record()
    expected: dict[str, Any] = {
        "parameters": 8_794,
        "float32_bytes": 36_169,
        "flash_bytes": planned.bill.flash_bytes,
        "budget": "kb8",
        "budget_scope": "network",
        "budget_bytes": 8_192,
        "fits": planned.fits,
    }
    assert {key: memory[key] for key in expected} == expected
    flash = sum(line["bytes"] for line in memory["lines"] if line["memory"] == "flash")
    assert flash == memory["flash_bytes"] < 36_169


def test_exactly_as_much_as_allowed_fits_and_a_byte_more_does_not() -> None:
    needed = plan().bill.flash_bytes
    budget = dataclasses.replace(plan("memory_budget=kb8").config.memory_budget, flash_bytes=needed)
    for missing, fits in ((0, True), (1, False)):
        smaller = dataclasses.replace(budget, flash_bytes=needed - missing)
        planned = plan_run(dataclasses.replace(plan().config, memory_budget=smaller))
        assert planned.fits is fits
        assert (planned.over_budget_reason is None) is fits


def test_a_table_of_powers_of_two_is_in_the_bill_where_it_is_exported() -> None:
    """1,024 bytes, which leave room for fewer units."""
    without, with_table = (plan("quantization=pot_qat", f"export.target={target}") for target in ("auto", "arm_dsp"))
    assert with_table.bill.flash_bytes == without.bill.flash_bytes + 1024
    assert plan("quantization=int4_qat", "export.target=arm_dsp").bill.flash_bytes == without.bill.flash_bytes
    fit = ("model=fit", "memory_budget=kb8", "quantization=pot_qat")
    assert plan(*fit, "export.target=arm_dsp").shape.hidden_size < plan(*fit).shape.hidden_size
