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
from fsdd_lightning.export.weight_layout import arranged_arrays, by_unit, interleaved, plain_rows


def test_rows_go_unit_by_unit() -> None:
    """Two units: rows 0, 1 are gate i, rows 2, 3 gate f, and so on."""
    rows = np.array([10, 11, 20, 21, 30, 31, 40, 41])
    assert by_unit(rows).tolist() == [[10, 20, 30, 40], [11, 21, 31, 41]]


def test_int8_interleaved_by_hand() -> None:
    """One unit, six columns: a word of each gate in the byte order 0, 2, 1, 3, then two columns of each gate."""
    levels = np.array([[10, 11, 12, 13, 14, 15]] * 4, np.int8) + np.arange(0, 40, 10, dtype=np.int8)[:, None]
    words = [10, 12, 11, 13, 20, 22, 21, 23, 30, 32, 31, 33, 40, 42, 41, 43]
    rest = [14, 15, 24, 25, 34, 35, 44, 45]
    assert interleaved(levels, weight_code("int8")).tolist() == words + rest
    assert plain_rows(levels, weight_code("int8")).tolist() == levels.reshape(-1).tolist()


def test_int4_interleaved_by_hand() -> None:
    """Nine columns 1...7, 1, 2: low nibbles hold columns 0, 2, 1, 3, high ones 4, 6, 5, 7; the ninth is alone."""
    levels = np.array([[1, 2, 3, 4, 5, 6, 7, 1, 2]] * 4, np.int8)
    packed = interleaved(levels, weight_code("int4")).tolist()
    assert packed == [0x51, 0x73, 0x62, 0x14] * 4 + [0x02] * 4


def test_ternary_interleaved_by_hand() -> None:
    """Sixteen columns, -1 in the 5th and 15th: the second pair of bits of byte 0, the fourth of byte 1."""
    levels = np.zeros((4, 16), np.int8)
    levels[1, [4, 14]] = -1
    packed = interleaved(levels, weight_code("ternary")).reshape(4, 4)
    assert packed.tolist() == [[0] * 4, [0b00_00_11_00, 0b11_00_00_00, 0, 0], [0] * 4, [0] * 4]


@given(st.sampled_from(sorted(WEIGHT_CODES)), st.integers(1, 6), st.integers(2, 50))
def test_both_layouts_are_as_long_as_the_rows(code_name: str, units: int, columns: int) -> None:
    code = weight_code(code_name)
    levels = np.random.default_rng(columns).choice(np.array(code.levels, np.int8), (4 * units, columns))
    size = 4 * units * code.row_bytes(columns)
    assert interleaved(levels, code).nbytes == plain_rows(levels, code).nbytes == size


@pytest.mark.parametrize("layout", ["device", "host"])
@pytest.mark.parametrize("name", ["int8", "int4, (3, 5, 3)", "int8_pot_scale, (13, 24, 2)", "row shifts, 31"])
def test_every_array_keeps_its_name_type_and_bytes(name: str, layout: str) -> None:
    deployment = any_deployment(directed_models.all_models()[name])
    stored, arranged = device_arrays(deployment), arranged_arrays(deployment, layout)
    assert list(stored) == list(arranged)
    for array in stored:
        assert (stored[array].nbytes, stored[array].dtype) == (arranged[array].nbytes, arranged[array].dtype)
