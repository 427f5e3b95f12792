"""Every deliberate bug in the kernels for Cortex-M0, M3 and M4 is caught by the adversarial networks.

The portable runtime's own mutants are tried on the host, tests/export.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import boards
import pytest
from vectors import VectorProgram, adversarial_models, status_of, vector_program

boards.require(boards.M4)
pytestmark = pytest.mark.slow
DSP, THUMB, RUNTIME = "fsdd_lstm_arm_dsp.h", "fsdd_lstm_thumb.h", "fsdd_lstm.c"
DSP_MUTANTS = [  # text, its replacement, which occurrence
    ("smmlar ", "smmla ", 0),  # the product is cut, not rounded
    ("one >> 1", "one >> 2", 0),
    ("one >> 1", "(one >> 1) - 1", 0),
    ("one >> 1", "(one >> 1) + 1", 0),
    ("fraction * 65535 + one", "fraction * 65534 + one", 0),
    ("fraction * 65535 + one", "fraction * 65536 + one", 0),
    ("65535 + one", "65535 + one - 1", 0),
    ("(one - 1)", "(one - 2)", 0),
    # int8
    ("sxtb16 %[one], %[one]", "uxtb16 %[one], %[one]", 0),
    ("sxtb16 %[other], %[other]", "uxtb16 %[other], %[other]", 0),
    ("sxtb16 %[one], %[one]", "uxtb16 %[one], %[one]", 1),
    ("smlad %[i]", "smladx %[i]", 0),
    ("smlad %[g]", "smlsd %[g]", 0),
    ("columns & ~(size_t)7u", "columns & ~(size_t)15u", 0),
    ("columns & ~(size_t)1u", "columns & ~(size_t)3u", 0),
    ("(columns & 1u) != 0u", "(columns & 3u) != 0u", 0),
    ("* 256u", "* 255u", 0),
    ("* 256u", "* 128u", 1),
    ("smlatb %[g]", "smlabb %[g]", 0),
    ("smlabb %[f]", "smlatb %[f]", 0),
    ("(8u - left)", "(7u - left)", 0),
    ("(8u - left)", "8u", 1),
    ("f << left", "f", 0),
    ("o << left", "o << (left + 1u)", 0),
    # int4 and ternary
    ("0xF000F000u", "0xF000E000u", 0),
    ("0xF000F000u", "0x7000F000u", 0),
    ("0xF000F000u", "0xF800F000u", 0),
    ("0xC000C000u", "0xC0008000u", 0),
    ('("i", word, ", lsl #12", x)', '("i", word, ", lsl #11", x)', 0),
    ('("g", word, ", lsl #4", x)', '("g", word, ", lsl #8", x)', 0),
    ('("o", "word", ", lsl #8", "x01")', '("o", "word", ", lsl #6", "x01")', 0),
    ('("f", "word", ", lsl #4", "x23")', '("f", "word", ", lsl #4", "x01")', 0),
    ("(16u - bits - left)", "(15u - bits - left)", 0),
    ("(16u - bits - left)", "(16u - bits - 2u * left)", 0),
    ("columns & ~(size_t)3u", "columns & ~(size_t)7u", 0),  # takes a word more, and then all in words
    ("vector_q7 < end) /* behind", "vector_q7 + 1 < end) /* behind", 0),
    ("fsdd_fields_to_sum(g, 4, left)", "fsdd_fields_to_sum(o, 4, left)", 0),
    ("fsdd_fields_to_sum(o, 2, left)", "fsdd_fields_to_sum(o, 4, left)", 0),
    # powers of two with a table
    ("<< (((field) & 7) - 1)", "<< ((field) & 7)", 0),
    ("((field) < 8 ? 1 : -1)", "((field) < 9 ? 1 : -1)", 0),
    ("((field) < 8 ? 1 : -1)", "((field) < 8 ? 1 : 1)", 0),
    ("FSDD_POT_LEVEL(high) << 16", "FSDD_POT_LEVEL(low) << 16", 0),
    ("low + 3)", "low + 2)", 0),
    ("FSDD_POT_PAIRS_64(12)", "FSDD_POT_PAIRS_64(8)", 0),
    ("lsl #2]", "lsl #1]", 0),
    ("(uint32_t)g << left", "(uint32_t)o << left", 0),
]
EQUIVALENT = {
    ("columns & ~(size_t)3u", "columns & ~(size_t)7u", 0),  # the loop of single words does the same
    ("columns & ~(size_t)7u", "columns & ~(size_t)15u", 0),  # the same
    ("((field) < 8 ? 1 : -1)", "((field) < 9 ? 1 : -1)", 0),  # -0 is never stored
}
THUMB_MUTANTS = [
    ("columns & ~(size_t)3u", "columns & ~(size_t)1u", 0),
    ("mla %[", "mls %[", 0),
    ("ldrsh %[value]", "ldrh %[value]", 0),
    ("FSDD_ADD_COLUMN(4, 8, 9, 10, 11)", "FSDD_ADD_COLUMN(4, 8, 9, 10, 15)", 0),
    ("FSDD_ADD_COLUMN(2, 4, 5, 6, 7)", "FSDD_ADD_COLUMN(0, 4, 5, 6, 7)", 0),
    ("adds %[weights], #16", "adds %[weights], #12", 0),
    ("adds %[vector], #8", "adds %[vector], #4", 0),
    ("adds %[weights], #4", "adds %[weights], #2", 0),
    ("sum[2] = g", "sum[2] = o", 0),
    ("{%[a], %[b], %[c], %[d]}", "{%[a], %[b], %[c]}", 0),
]
THUMB1_MUTANTS = [
    ("sxth %[value], %[value]", "uxth %[value], %[value]", 0),
    ("muls %[product], %[value]", "ands %[product], %[value]", 0),
    ("adds %[vector], #2", "adds %[vector], #4", 0),
]
HIGH_WORD_MUTANTS = [  # of M0, which has no product of 64 bits
    ("+ 0x8000u;", "+ 0x7FFFu;", 0),
    ("a_low * b_low >> 16)", "a_low * b_low >> 17)", 0),
    ("(middle >> 16)", "(middle >> 15)", 0),
    ("(uint32_t)middle & 0xFFFFu", "(uint32_t)middle & 0xFFFEu", 0),
]
DISPATCH_MUTANTS = [
    ("fsdd_load_four_halves(bias, 12, accumulator)", "fsdd_load_four_halves(bias, 11, accumulator)", 0),
    ("fsdd_load_four_halves(bias, 14, accumulator)", "fsdd_load_four_halves(bias, 12, accumulator)", 0),
    ("32u - model->layer_shifts[k];", "31u - model->layer_shifts[k];", 1),
]
ALL = [
    *((boards.M4, DSP, *mutant) for mutant in DSP_MUTANTS if mutant not in EQUIVALENT),
    *((boards.M4, RUNTIME, *mutant) for mutant in DISPATCH_MUTANTS),
    *((boards.M3, THUMB, *mutant) for mutant in THUMB_MUTANTS),
    *((boards.M0, THUMB, *mutant) for mutant in THUMB1_MUTANTS),
    *((boards.M0, RUNTIME, *mutant) for mutant in HIGH_WORD_MUTANTS),
]


def mutated(text: str, old: str, new: str, occurrence: int) -> str:
    """`text` with one occurrence of `old`, which must be there, replaced."""
    pieces = text.split(old)
    assert len(pieces) > occurrence + 1, f"{old} is not there any more: adapt this mutant"
    return old.join(pieces[: occurrence + 1]) + new + old.join(pieces[occurrence + 1 :])


@pytest.fixture(scope="module")
def looked_up(tmp_path_factory: pytest.TempPathFactory) -> VectorProgram:
    """The same networks where powers of two are looked up in a table."""
    return vector_program(
        adversarial_models(), tmp_path_factory.mktemp("looked_up"), clips=4, frames=12, target="arm_dsp"
    )


@pytest.mark.parametrize("board", [boards.M0, boards.M3, boards.M4], ids=boards.board_id)
def test_without_a_bug_all_is_well(board: boards.Board, looked_up: VectorProgram, tmp_path: Path) -> None:
    """What is left alone, copied as the mutants are, runs."""
    assert status_of(copied(looked_up, tmp_path), board, "-O1", tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize(("board", "file", "old", "new", "occurrence"), ALL, ids=str)
def test_mutant_is_caught(
    board: boards.Board,
    file: str,
    old: str,
    new: str,
    occurrence: int,
    adversarial: VectorProgram,
    looked_up: VectorProgram,
    tmp_path: Path,
) -> None:
    program = copied(looked_up if board is boards.M4 else adversarial, tmp_path)
    changed = program.sources.runtime.with_name(file)
    changed.write_text(mutated(changed.read_text(), old, new, occurrence))
    assert status_of(program, board, "-O1", tmp_path) != boards.EXIT_DONE


def copied(program: VectorProgram, folder: Path) -> VectorProgram:
    """The program with a runtime of its own."""
    runtime = folder / "runtime"
    shutil.copytree(program.sources.runtime.parent, runtime)
    return replace(program, sources=replace(program.sources, runtime=runtime / program.sources.runtime.name))
