"""Small checks of the weight codes, in the style of directed_checks.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from directed_checks import equal, refuses


def code_of(p: Any, name: str) -> Any:
    return p.weight_codes.weight_code(name)


def check_levels(p: Any) -> None:
    equal(code_of(p, "int8").levels, range(-127, 128))
    equal(code_of(p, "int8_pot_scale").levels, range(-127, 128))
    equal(code_of(p, "int4").levels, range(-7, 8))
    equal(code_of(p, "pot").levels, [-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64])
    equal(code_of(p, "ternary").levels, [-1, 0, 1])
    assert [code_of(p, name).bits for name in ("int8", "int8_pot_scale", "int4", "pot", "ternary")] == [8, 8, 4, 4, 2]
    assert [code_of(p, name).largest for name in ("int8", "int4", "pot", "ternary")] == [127, 7, 64, 1]
    refuses(ValueError, "int4", code_of, p, "int5")


def check_nearest_levels(p: Any) -> None:
    ratios = np.array([-0.5, 0.5, 1.5, -1.5, 2.5, -2.5, 0.49, 300.0, -300.0])
    equal(code_of(p, "int8").nearest_levels(ratios), [0, 1, 2, -1, 3, -2, 0, 127, -127])
    equal(code_of(p, "int4").nearest_levels(ratios), [0, 1, 2, -1, 3, -2, 0, 7, -7])
    equal(code_of(p, "ternary").nearest_levels(ratios), [0, 1, 1, -1, 1, -1, 0, 1, -1])


def check_nearest_powers_of_two(p: Any) -> None:
    """Ties lie at 1/2 and 3/2 * 2^k and go to the larger magnitude, on both sides of zero."""
    nearest = code_of(p, "pot").nearest_levels
    for tie, below, above in [(0.5, 0, 1), (1.5, 1, 2), (3, 2, 4), (6, 4, 8), (12, 8, 16), (24, 16, 32), (48, 32, 64)]:
        ratios = np.array([math.nextafter(tie, 0), tie, math.nextafter(tie, 99)])
        equal(nearest(ratios), [below, above, above])
        equal(nearest(-ratios), [-below, -above, -above])
    equal(nearest(np.array([0.0, 0.75, 0.8, 1.0, 64.0, 96.0, 127.0, 128.0, 1e9])), [0, 1, 1, 1, 64, 64, 64, 64, 64])


def check_row_scales(p: Any) -> None:
    rows = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [0.0, 1e-9, 0.0]])
    floor = 2.0**-16
    equal(code_of(p, "int8").row_scales(rows), [2 / 127, floor, floor])
    equal(code_of(p, "int8_pot_scale").row_scales(rows), [2.0**-5, floor, floor])
    exact = np.array([[127 * 2.0**-6], [np.nextafter(127 * 2.0**-6, 9.0)]])  # 2^-6 clips nothing just yet
    equal(code_of(p, "int8_pot_scale").row_scales(exact), [2.0**-6, 2.0**-5])


def check_least_squares_scales(p: Any) -> None:
    """The chosen candidate has the least error of the documented grid, computed here in the slow way."""
    weights = np.random.default_rng(3).normal(0, 0.3, (5, 17))
    for name, first, last in (("int4", 16, 32), ("pot", 22, 43), ("ternary", 6, 32)):
        code = code_of(p, name)
        scales = code.row_scales(weights)
        for row, scale in zip(weights, scales, strict=True):
            grid = [k / 32 * np.abs(row).max() / code.largest for k in range(first, last + 1)]
            errors = [sum(min((w - s * level) ** 2 for level in code.levels) for w in row) for s in grid]
            assert math.isclose(scale, grid[int(np.argmin(errors))], rel_tol=1e-12)
        equal(code.row_scales(np.asfortranarray(weights)), scales)
    # A weight alone is exact at one scale of these grids.
    starts = [code_of(p, name).row_scales(np.array([[64.0]]))[0] for name in ("pot", "ternary")]
    equal(starts, [1.0, 64.0])
    equal(code_of(p, "int4").scale_ratios, [k / 32 for k in range(16, 33)])
    equal(code_of(p, "pot").scale_ratios, [k / 32 for k in range(22, 44)])
    equal(code_of(p, "ternary").scale_ratios, [k / 32 for k in range(6, 33)])


def check_quantize_and_back(p: Any) -> None:
    weights = np.array([[1.0, -0.25, 0.26], [3.0, 0.0, -3.0]], np.float32)
    scales = np.array([0.5, 2.0])
    equal(code_of(p, "int8").quantize(weights, scales), [[2, 0, 1], [2, 0, -1]])
    equal(code_of(p, "int8").dequantize(np.array([[2, 0, 1], [2, 0, -1]], np.int8), scales), [[1, 0, 0.5], [4, 0, -2]])
    for wrong in (np.zeros(3), np.zeros((0, 3)), np.array([[np.inf]]), np.array([[np.nan]])):
        refuses(ValueError, "weight", code_of(p, "int8").row_scales, wrong)


PACKED = {
    "int8": ([[1, -1, 127], [-127, 0, 64]], [[0x01, 0xFF, 0x7F], [0x81, 0x00, 0x40]]),
    "int8_pot_scale": ([[1, -1, 127]], [[0x01, 0xFF, 0x7F]]),
    "int4": ([[1, -1, 7], [-7, 0, 3]], [[0xF1, 0x07], [0x09, 0x03]]),
    "pot": (
        [[1, -1, 64], [-64, 0, 2], [4, 8, 16], [32, -32, -2]],
        [[0x91, 0x07], [0x0F, 0x02], [0x43, 0x05], [0xE6, 0x0A]],
    ),
    "ternary": ([[1, -1, 0, -1, 1], [0, 0, 0, 1, -1]], [[0b11001101, 0b01], [0b01000000, 0b11]]),
}  # fmt: skip
NO_PATTERN = {"int8": 0x80, "int8_pot_scale": 0x80, "int4": 0x08, "pot": 0x08, "ternary": 0b10}


def check_packing(p: Any) -> None:
    for name, (levels, expected) in PACKED.items():
        code = code_of(p, name)
        packed = code.pack(np.array(levels, np.int8))
        equal(packed, expected)
        assert packed.dtype == np.uint8
        equal(code.unpack(packed, len(levels[0])), levels)
        refuses(ValueError, f"no {name} level", code.unpack, np.array([[NO_PATTERN[name]]], np.uint8), 1)
        refuses(ValueError, "bytes a row", code.unpack, packed, 99)
        refuses(ValueError, f"{name} levels", code.pack, np.array([[-128]], np.int8))
    for name, padded in (("int4", 0x10), ("pot", 0x10), ("ternary", 0x40)):
        refuses(ValueError, "level", code_of(p, name).unpack, np.array([[padded]], np.uint8), 1)
    refuses(ValueError, "pot levels", code_of(p, "pot").pack, np.array([[3]], np.int8))
    sizes = [[code_of(p, name).row_bytes(n) for n in (1, 2, 3, 4, 5, 37)] for name in ("int8", "int4", "ternary")]
    equal(sizes, [[1, 2, 3, 4, 5, 37], [1, 1, 2, 2, 3, 19], [1, 1, 1, 1, 2, 10]])


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_"))
