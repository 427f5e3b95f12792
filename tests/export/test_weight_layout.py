"""Arranged weights: the archive's bytes, each in another place."""

from __future__ import annotations

import directed_models
import numpy as np
import pytest
from example_deployment import any_deployment
from hypothesis import given
from hypothesis import strategies as st

from fsdd_lightning.arithmetic.device_arrays import device_arrays
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES, weight_code
from fsdd_lightning.export.weight_layout import ARRANGEMENTS, LAYOUTS, arranged_arrays, arranged_weights, by_unit


def test_rows_go_unit_by_unit() -> None:
    """Two units: rows 0, 1 are gate i, rows 2, 3 gate f, and so on."""
    rows = np.array([10, 11, 20, 21, 30, 31, 40, 41])
    assert by_unit(rows).tolist() == [[10, 20, 30, 40], [11, 21, 31, 41]]


def bytes_of(layout: str, code: str, levels: list[list[int]]) -> list[int]:
    return list(ARRANGEMENTS[layout](np.array(levels, np.int8), weight_code(code)))


LEVELS = [[10, 11, 12], [20, -21, 22], [-30, 31, 32], [-40, -41, -42]]  # of one unit, gate by gate


def test_int8_by_hand() -> None:
    """Columns: column by column, 128 too large. Pairs: 256 * i + f and 256 * g + o; of two columns first both of the
    first kind, and of the third column both kinds."""
    assert bytes_of("rows", "int8", LEVELS) == [level & 255 for row in LEVELS for level in row]
    assert bytes_of("columns", "int8", LEVELS) == [
        level + 128 for column in zip(*LEVELS, strict=True) for level in column
    ]
    words = [256 * 10 + 20, 256 * 11 - 21, 256 * -30 - 40, 256 * 31 - 41, 256 * 12 + 22, 256 * 32 - 42]
    assert bytes_of("pairs", "int8", LEVELS) == list(np.array(words, "<i2").tobytes())


def test_int4_by_hand() -> None:
    """Two bytes a column, gate i in the lowest bits; the third column is followed by zeros."""
    levels = [[1, 2, 3], [-1, 4, 5], [6, 7, -7], [0, -3, 2]]
    assert bytes_of("pairs", "int4", levels) == [0xF1, 0x06, 0x42, 0xD7, 0x53, 0x29, 0, 0]
    assert bytes_of("columns", "int4", levels) == [0x79, 0x8E, 0xCA, 0x5F, 0xDB, 0xA1, 0, 0]


def test_ternary_by_hand() -> None:
    """One byte a column; pairs: in the order 0, 2, 1, 3."""
    levels = [[1, 0, -1, 1, 1], [0, 0, 1, 1, 0], [-1, 0, 0, 1, 0], [0, 1, 0, 1, 0]]
    assert bytes_of("pairs", "ternary", levels) == [0b00110001, 0b00000111, 0b01000000, 0b01010101, 1, 0, 0, 0]
    assert bytes_of("columns", "ternary", levels) == [0b10011011, 0b11101010, 0b10101101, 0xFF, 0b10101011, 0, 0, 0]


def test_powers_of_two_by_hand() -> None:
    """A byte holds two columns of a gate, four bytes all gates."""
    levels = [[1, -1, 64], [2, 0, 0], [0, 4, -64], [-2, 8, 1]]
    packed = [0x91, 0x02, 0x30, 0x4A, 0x07, 0x00, 0x0F, 0x01]
    assert bytes_of("pairs", "pot", levels) == bytes_of("columns", "pot", levels) == packed


@given(st.sampled_from(sorted(WEIGHT_CODES)), st.integers(1, 6), st.integers(2, 50))
def test_all_layouts_are_as_long_as_the_rows(code_name: str, units: int, columns: int) -> None:
    code = weight_code(code_name)
    levels = np.random.default_rng(columns).choice(np.array(code.levels, np.int8), (4 * units, columns))
    sizes = {layout: ARRANGEMENTS[layout](levels, code).nbytes for layout in LAYOUTS}
    assert set(sizes.values()) == {4 * units * code.row_bytes(columns)}


@pytest.mark.parametrize("name", ["int8", "int4, (3, 5, 3)", "int8_pot_scale, (13, 24, 2)", "row shifts, 31"])
def test_every_array_keeps_its_name_type_and_bytes(name: str) -> None:
    deployment = any_deployment(directed_models.all_models()[name])
    stored, arranged = device_arrays(deployment), arranged_arrays(deployment)
    weights = {key for key in stored if key.startswith("layer") and key.endswith("_weights")}
    assert list(arranged) == [key for key in stored if key not in weights]
    for key, array in arranged.items():
        assert (stored[key].nbytes, stored[key].dtype) == (array.nbytes, array.dtype)
    for layout in LAYOUTS:
        assert {key: array.nbytes for key, array in arranged_weights(deployment, layout).items()} == {
            key: stored[key].nbytes for key in sorted(weights)
        }
