"""All 65,536 inputs of both activations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from fsdd_lightning.arithmetic import activation_tables as tables


@pytest.mark.parametrize(
    ("function", "lowest", "middle"), [(tables.sigmoid_q15, 0, 16384), (tables.tanh_q15, -32768, 0)]
)
def test_values_are_monotone_from_end_to_end(function: Callable[..., np.ndarray], lowest: int, middle: int) -> None:
    """Every value and the stated errors are checked in directed_checks.py."""
    values = tables.full_table(function)
    assert values.dtype == np.int16 and (np.diff(values.astype(np.int64)) >= 0).all()
    assert (values.min(), values[32768], values.max()) == (lowest, middle, 32767)


def test_symmetry_up_to_one_step() -> None:
    sigmoid, tanh = (tables.full_table(f).astype(np.int64)[1:] for f in (tables.sigmoid_q15, tables.tanh_q15))
    assert np.abs(sigmoid + sigmoid[::-1] - 32768).max() == 1
    assert np.abs(tanh + tanh[::-1]).max() == 1


def test_tanh_is_flat_outside_its_domain() -> None:
    tanh = tables.full_table(tables.tanh_q15)
    assert (tanh[: 32768 - 16384] == tanh[32768 - 16384]).all()
    assert (tanh[32768 + 16383 :] == tanh[32768 + 16383]).all()


def test_no_entry_is_near_a_tie() -> None:
    """So a math library with an error in the last bit (about 1e-11 steps) builds the same tables."""
    sigmoid = [32768 / (1 + math.exp(16 - k / 8)) for k in range(257) if k != 128]
    tanh = [32768 * math.tanh(k / 16 - 8) for k in range(257) if k != 128]
    distances = [abs(x - math.floor(x) - 0.5) for x in sigmoid + tanh]
    assert min(distances) > 1e-4


def test_tables_are_read_only() -> None:
    for table in (tables.sigmoid_table(), tables.tanh_table()):
        assert table.shape == (257,) and table.dtype == np.int16
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 1
