"""Every deliberate bug in the DSP kernels is caught by the adversarial networks on the emulated M4.

The portable runtime's own mutants are tried on the host, tests/export.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import boards
import pytest
from vectors import VectorProgram, status_of

boards.require(boards.M4)
pytestmark = pytest.mark.slow
KERNELS, RUNTIME = "fsdd_lstm_arm_dsp.h", "fsdd_lstm.c"
DISPATCH_MUTANTS = [
    ("if (code == FSDD_INT8)", "if (code != FSDD_INT8)", 0),
    ("if (code == FSDD_INT4)", "if (code != FSDD_INT4)", 0),
]
MUTANTS = [  # text, its replacement, which occurrence
    ("smmulr ", "smmul ", 0),  # the product is cut, not rounded
    ("one >> 1", "one >> 2", 0),
    ("one >> 1", "(one >> 1) - 1", 0),
    ("one >> 1", "(one >> 1) + 1", 0),
    ("fraction * 65535 + one", "fraction * 65534 + one", 0),
    ("fraction * 65535 + one", "fraction * 65536 + one", 0),
    ("65535 + one", "65535 + one - 1", 0),
    ("(one - 1)", "(one - 2)", 0),
    ("__builtin_arm_ssat(value, bits)", "__builtin_arm_ssat(value, 15)", 0),
    ("__builtin_arm_ssat(value, bits)", "__builtin_arm_ssat(value, 16)", 0),
    ("__builtin_arm_ssat(value, bits)", "(value)", 0),
    ("ror #8", "ror #16", 0),
    ("%[x23]", "%[x01]", 1),
    ("smlad", "smladx", 1),
    ("smlad", "smlsd", 2),
    ("0xf0f0f0f0u", "0xf0f0f0e0u", 0),
    ("0xf0f0f0f0u", "0x70f0f0f0u", 0),
    ("0xf0f0f0f0u", "0xf8f0f0f0u", 0),
    ("lsl #4", "lsl #3", 0),
    ('("f", "12")', '("f", "8")', 0),
    ("i_16 >> 4", "i_16 >> 3", 0),
    ("o_16 >> 4", "o_16 >> 5", 0),
    ("vector_q7 < end_q7", "vector_q7 + 4 < end_q7", 0),
    ("vector_q7 < end_q7", "vector_q7 + 8 < end_q7", 1),
]


def mutated(text: str, old: str, new: str, occurrence: int) -> str:
    """`text` with one occurrence of `old`, which must be there, replaced."""
    pieces = text.split(old)
    assert len(pieces) > occurrence + 1, f"{old} is not there any more: adapt this mutant"
    return old.join(pieces[: occurrence + 1]) + new + old.join(pieces[occurrence + 1 :])


def test_without_a_bug_all_is_well(adversarial: VectorProgram, tmp_path: Path) -> None:
    """What is left alone, copied as the mutants are, runs."""
    assert status_of(copied(adversarial, tmp_path), boards.M4, "-O1", tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize(
    ("file", "old", "new", "occurrence"),
    [(KERNELS, *mutant) for mutant in MUTANTS] + [(RUNTIME, *mutant) for mutant in DISPATCH_MUTANTS],
)
def test_mutant_is_caught(
    file: str, old: str, new: str, occurrence: int, adversarial: VectorProgram, tmp_path: Path
) -> None:
    program = copied(adversarial, tmp_path)
    changed = program.sources.runtime.with_name(file)
    changed.write_text(mutated(changed.read_text(), old, new, occurrence))
    assert status_of(program, boards.M4, "-O1", tmp_path) != boards.EXIT_DONE


def copied(program: VectorProgram, folder: Path) -> VectorProgram:
    """The program with a runtime of its own."""
    runtime = folder / "runtime"
    shutil.copytree(program.sources.runtime.parent, runtime)
    return replace(program, sources=replace(program.sources, runtime=runtime / program.sources.runtime.name))
