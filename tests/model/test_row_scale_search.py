"""The fast search finds the same scales as the slow one."""

from __future__ import annotations

import numpy as np
import pytest

from fsdd_lightning.arithmetic.weight_codes import SMALLEST_SCALE, WEIGHT_CODES
from fsdd_lightning.model.row_scale_search import FastSearch, with_fast_search

SEARCHING = sorted(name for name, code in WEIGHT_CODES.items() if len(code.scale_ratios) > 1)


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.parametrize("columns", [1, 2, 26, 61, 96, 480])
def test_the_same_scales_and_levels(name: str, columns: int) -> None:
    rng = np.random.default_rng(columns)
    uniform = rng.uniform(-0.2, 0.2, (1000, columns))
    heavy_tailed = rng.standard_t(2, (1000, columns)).astype(np.float32)
    few_values = rng.integers(-3, 4, (200, columns)) + 0.5  # many equal errors
    code = WEIGHT_CODES[name]
    for weights in (uniform, heavy_tailed, few_values):
        scales = code.row_scales(weights)
        np.testing.assert_array_equal(FastSearch(code).row_scales(weights), scales)
        np.testing.assert_array_equal(FastSearch(code).quantize(weights, scales), code.quantize(weights, scales))


@pytest.mark.parametrize("name", SEARCHING)
def test_rows_of_almost_zeros(name: str) -> None:
    weights = np.random.default_rng(0).normal(size=(4, 30))
    weights[1], weights[2] = 0.0, weights[2] * 1e-7
    code = WEIGHT_CODES[name]
    scales = FastSearch(code).row_scales(weights)
    np.testing.assert_array_equal(scales, code.row_scales(weights))
    assert scales[1] == SMALLEST_SCALE


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="infinite or not a number"):
        FastSearch(WEIGHT_CODES["pot"]).row_scales(np.array([[1.0, bad]]))


def test_codes_without_a_search_are_unchanged() -> None:
    for name, code in WEIGHT_CODES.items():
        assert isinstance(with_fast_search(code), FastSearch) == (name in SEARCHING)
