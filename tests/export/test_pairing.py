"""Weights go into pairs only where no sum can leave the room that the kernels for pairs have; else into columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_deployment import any_deployment

from fsdd_lightning.arithmetic.integer_model import IntegerLayer, IntegerModel, IntegerOutput
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.export import export_c
from fsdd_lightning.export.weight_layout import can_be_paired, target_layouts

ROOM = {"int8": 2**23, "int8_pot_scale": 2**23, "int4": 2**19, "ternary": 2**17}  # of accumulators
LOWEST_SHIFT = {"int8": 24, "int4": 20, "ternary": 18}


def model(code: str, bias: int, shift: int = 32, inputs: int = 3) -> IntegerModel:
    """One unit; every weight of gate g is the largest level, so that its accumulators are the largest, too."""
    largest = weight_code(code).largest
    levels = np.zeros((4, inputs + 1), np.int8)
    levels[2] = largest
    biases = np.array([0, 0, bias, 0], np.int32)
    layer = IntegerLayer(levels, biases, np.full(4, 2**30, np.int32), shift)
    output = IntegerOutput(np.zeros((2, 1), np.int8), np.zeros(2, np.int32), 1.0)
    return IntegerModel((layer,), output, code)


def sum_of(code: str, inputs: int = 3) -> int:
    return weight_code(code).largest * (1024 * inputs + 128)


@pytest.mark.parametrize("code", ["int8", "int8_pot_scale"])
def test_a_bias_decides_to_the_last_step(code: str) -> None:
    most = ROOM[code] - 1 - sum_of(code)
    assert can_be_paired(model(code, most)) and can_be_paired(model(code, -most))
    assert not can_be_paired(model(code, most + 1)) and not can_be_paired(model(code, -most - 1))


@pytest.mark.parametrize("code", ["int4", "ternary"])
def test_too_many_columns_do_not_fit(code: str) -> None:
    most = next(inputs for inputs in range(1, 200) if sum_of(code, inputs + 1) >= ROOM[code])
    assert can_be_paired(model(code, 0, inputs=most)) and not can_be_paired(model(code, 0, inputs=most + 1))


@pytest.mark.parametrize("code", LOWEST_SHIFT)
def test_what_is_shifted_left_too_far_does_not_fit(code: str) -> None:
    assert can_be_paired(model(code, 0, LOWEST_SHIFT[code])) and not can_be_paired(
        model(code, 0, LOWEST_SHIFT[code] - 1)
    )


def test_shifts_of_rows_and_powers_of_two_always_fit() -> None:
    assert can_be_paired(model("int8_pot_scale", 0, 9))
    assert can_be_paired(model("pot", 2**15 - 1, 9, inputs=150))


def test_columns_are_written_in_their_place(tmp_path: Path) -> None:
    wide = model("int8", ROOM["int8"])
    assert target_layouts("auto", wide) == ("columns", "rows")
    assert target_layouts("arm_dsp", wide) == ("columns",)
    for target, formats in (
        ("auto", "FSDD_INT8 | FSDD_FASTEST_UNPAIRED(FSDD_INT8)"),
        ("arm_dsp", "FSDD_INT8 | FSDD_COLUMNS"),
    ):
        exported = export_c(any_deployment(wide), tmp_path / target, name="wide", golden=None, notes={}, target=target)
        assert exported.formats == formats
        assert not (exported.folder / "fsdd_weights_pairs.h").exists()
