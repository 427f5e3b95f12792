"""Every deliberate one-constant bug in the arithmetic is caught by the directed checks, except for those listed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache

import code_checks
import conversion_checks
import directed_checks
import endpointer_checks
import front_end_checks
import listener_checks
import mutation
import numpy as np
import pytest

SLOW = {
    directed_checks.check_against_scalar_reference,
    code_checks.check_least_squares_scales,
    front_end_checks.check_every_step_of_a_frame,
    front_end_checks.check_standardized,
    endpointer_checks.check_endpointer_against_scalar,
}


def slow_last(checks: tuple[Callable[[object], None], ...]) -> list[Callable[[object], None]]:
    return sorted(checks, key=lambda check: check in SLOW)


NETWORK_CHECKS = slow_last(directed_checks.CHECKS + code_checks.CHECKS + conversion_checks.CHECKS)
CHECKS = dict.fromkeys(mutation.NETWORK, NETWORK_CHECKS) | {
    "front_end": slow_last(front_end_checks.CHECKS),
    "endpointer": slow_last(endpointer_checks.CHECKS),
    "listener": slow_last(listener_checks.CHECKS),
}

# Mutants that compute the same numbers: (part of the source line, the change) and why it is not a bug.
EQUIVALENT = {
    ("per_byte = 8 // self.bits", "8 -> 9"): "9 // 8, 9 // 4 and 9 // 2 are 8 // 8, 8 // 4 and 8 // 2",
    ("np.arange(0, 8, self.bits", "8 -> 7"): "no field of 8, 4 or 2 bits starts at bit 7",
    ("np.full(1 << self.bits", "1 -> 2"): "a longer look-up table, its second half never read",
    ("padded.reshape(rows, -1", "1 -> 2"): "numpy takes any negative length as: infer it",
    ("fields.reshape(packed.shape[0], -1)", "1 -> 2"): "numpy takes any negative length as: infer it",
    ("weight.reshape(1, -1)", "1 -> 2"): "numpy takes any negative length as: infer it",
    ("np.where(ratios < 0, -magnitude", "Lt -> LtE"): "only -0.0 instead of 0.0, the same level",
    ("float(scale[0])", "0 -> -1"): "the only entry is also the last",
    ("axis=-2)[..., 0, :]", "0 -> -1"): "the only entry is also the last",
    ("FRAMES_PER_BLOCK = 256", "256 -> 257"): "frames are independent of each other, whatever block they are in",
    ("FRAMES_PER_BLOCK = 256", "256 -> 255"): "frames are independent of each other, whatever block they are in",
    ("LEAST_BLOCKS_FOR_THREADS = 8", "8 -> 9"): "blocks are independent of each other, in threads or not",
    ("LEAST_BLOCKS_FOR_THREADS = 8", "8 -> 7"): "blocks are independent of each other, in threads or not",
    ("< LEAST_BLOCKS_FOR_THREADS", "Lt -> LtE"): "blocks are independent of each other, in threads or not",
    ("4 * bands > window", "4 -> 3"): "of powers of two: 3 * bands exceeds the window where 4 * bands does",
    ("floor_octaves <= 512 // bands", "512 -> 513"): "513 // bands is 512 // bands for 8, 16, 32 and 64",
    ("if hertz < 1000.0", "Lt -> LtE"): "both branches give 15 at 1000 Hz: log(1) is 0",
    ("if mel < 15.0", "Lt -> LtE"): "both branches give 1000 Hz at 15: exp(0) is 1",
    ("np.maximum(index, 0)", "0 -> -1"): "an index is below 0 where the energy is 0, whose level is 0 anyway",
}


@cache
def mutants_of(module: str) -> tuple[mutation.Mutant, ...]:
    return tuple(mutation.mutants(module))


def is_equivalent(mutant: mutation.Mutant) -> bool:
    return any(text in mutant.text and change == mutant.change for text, change in EQUIVALENT)


def is_caught(mutant: mutation.Mutant) -> bool:
    try:
        with np.errstate(all="ignore"):
            package = mutation.load_copy({mutant.module: mutant.source})
            for check in CHECKS[mutant.module]:
                check(package)
    except Exception:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("module", mutation.MODULES)
def test_every_mutant_is_caught(module: str) -> None:
    tried = [mutant for mutant in mutants_of(module) if not is_equivalent(mutant)]
    survivors = [f"{m.line}: {m.text}   [{m.change}]" for m in tried if not is_caught(m)]
    assert len(tried) >= 5
    assert not survivors, "\n".join(survivors)


@pytest.mark.parametrize("module", mutation.MODULES)
def test_a_copy_without_a_bug_is_not_caught(module: str) -> None:
    """The positive control: checks fail because of bugs, not because of copying."""
    source = ast.unparse(ast.parse((mutation.PACKAGE / f"{module}.py").read_text()))
    assert not is_caught(mutation.Mutant(module, 0, "", "", source))


@pytest.mark.slow
def test_listed_equivalents_still_exist() -> None:
    """A line of EQUIVALENT that matches nothing must be removed."""
    every = [mutant for module in mutation.MODULES for mutant in mutants_of(module)]
    for text, change in EQUIVALENT:
        assert any(text in mutant.text and change == mutant.change for mutant in every), text
