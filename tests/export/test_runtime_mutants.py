"""Every deliberate one-token bug in the C runtime is caught by the traces, but for those listed here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import c_mutation
import c_programs
import pytest

# The file and whether it is compiled for AVX2: then only the lines of fsdd_lstm.c for AVX2 are changed. Those for Arm:
# tests/firmware/test_dsp_mutants.py.
PORTABLE, PORTABLE_AVX2, AVX2 = ("fsdd_lstm.c", False), ("fsdd_lstm.c", True), ("fsdd_lstm_avx2.h", True)
LOOSE = ("-O1", "-w")

# Mutants that compute the same numbers: file, part of the source line, the change, and why it is no bug.
EQUIVALENT = {
    (PORTABLE, "(k * bits & 7u)", "7 -> 6"): "bits are even",
    (PORTABLE, "[bits == 8u ? k", "8 -> 9"): "k * 8 >> 3 is k",
    (PORTABLE, "[bits == 8u ? k", "8 -> 7"): "k * 8 >> 3 is k",
    (PORTABLE, "= bits == 8u ? byte", "8 -> 9"): "k * 8 & 7 is 0",
    (PORTABLE, "= bits == 8u ? byte", "8 -> 7"): "k * 8 & 7 is 0",
    (PORTABLE, "fsdd_bits(code) + 7u) >> 3", "7 -> 6"): "rows have an even number of bits",
    (PORTABLE, "shift < 8u; shift += bits", "8 -> 7"): "shift is even",
    (PORTABLE, "for (k = 1; k < model->classes", "1 -> 0"): "logit 0 is not larger than itself",
    (PORTABLE, "for (k = 0; k < FSDD_STATE_WORDS", "0 -> 1"): "the next hidden values are written before they are read",
    (PORTABLE, "value < low ? low", "< -> <="): "low itself becomes low",
    (PORTABLE, "value > high ? high", "> -> >="): "high itself becomes high",
    (PORTABLE, "bits <= (uint32_t)INT32_MAX", "<= -> <"): "INT32_MAX is odd and larger than any int16_t: never shifted",
    (PORTABLE_AVX2, "columns >= 32u && k > 0u", "32 -> 33"): "the other kernel does the same",
    (PORTABLE_AVX2, "columns >= 32u && k > 0u", "32 -> 31"): "above the lowest layer columns are even",
    (PORTABLE_AVX2, "columns >= 32u && k > 0u", "0 -> 1"): "the other kernel does the same",
    (PORTABLE_AVX2, "columns >= 32u && k > 0u", ">= -> >"): "the other kernel does the same",
    (PORTABLE_AVX2, "bytes && columns >= 16u", "16 -> 17"): "the portable way does the same",
    (PORTABLE_AVX2, "bytes && columns >= 16u", ">= -> >"): "the portable way does the same",
    (PORTABLE_AVX2, "fsdd_bits(model->format) == 8u", "8 -> 9"): "the portable way does the same",
    (PORTABLE_AVX2, "fsdd_bits(model->format) == 8u", "8 -> 7"): "the portable way does the same",
    (PORTABLE_AVX2, "unit + FSDD_LANES <= model->hidden", "<= -> <"): "the portable way does the same",
    (AVX2, "k + 32u < columns", "32 -> 33"): "above the lowest layer columns are even",
    (AVX2, "avx2(_mm256_add_epi32(kept, added), 16)", "16 -> 17"): "packing saturates, tanh clips earlier",
}


class MutantBuilder:
    """A copy of the runtime in which one file may be changed."""

    def __init__(self, program: c_programs.TraceProgram, target: tuple[str, bool]) -> None:
        self.program, self.target = program, target
        file, with_avx2 = target
        self.runtime = program.folder / f"mutated_{file}"
        self.flags = ("-mavx2",) if with_avx2 else ()
        shutil.copytree(program.runtime, self.runtime, dirs_exist_ok=True)
        self.changed = self.runtime / file
        self.source = (program.runtime / file).read_text()
        self.lines = lines_of(self.source, target)

    def build(self, text: str, *flags: str) -> Callable[[], Path]:
        """Builds when asked, as most mutants need no sanitizer to be caught."""

        def build() -> Path:
            self.changed.write_text(text)
            all_flags = (*LOOSE, *self.flags, *flags)
            return self.program.build("mutant", *all_flags, runtime=self.runtime, strict=False)

        return build


def lines_of(source: str, target: tuple[str, bool]) -> set[int]:
    """The lines, from 0, that this target's mutants change."""
    every = set(range(len(source.splitlines())))
    for_avx2, for_arm = (c_mutation.guarded_lines(source, guard) for guard in ("FSDD_AVX2", "FSDD_ARM_DSP"))
    return {PORTABLE: every - for_avx2 - for_arm, PORTABLE_AVX2: for_avx2, AVX2: every}[target]


@pytest.fixture(params=[PORTABLE, PORTABLE_AVX2, AVX2], ids=["portable", "portable for AVX2", "AVX2"])
def builder(request: pytest.FixtureRequest, program: c_programs.TraceProgram) -> MutantBuilder:
    if request.param != PORTABLE and "__AVX2__" not in c_programs.predefined_macros("-march=native"):
        pytest.skip("this processor has no AVX2")
    return MutantBuilder(program, request.param)


def is_equivalent(target: tuple[str, bool], mutant: c_mutation.Mutant) -> bool:
    return any((target, mutant.change) == (of, change) and text in mutant.text for of, text, change in EQUIVALENT)


def survivors(builder: MutantBuilder) -> Iterator[c_mutation.Mutant]:
    text, mutants = c_mutation.number_mutants(builder.source, builder.lines)
    plain = builder.build(text, "-DMUTANT")().rename(builder.runtime / "plain")
    checked = builder.build(text, "-DMUTANT", *c_programs.SANITIZED)().rename(builder.runtime / "checked")
    right = builder.program.is_right
    assert right(plain) and right(checked), "without a bug, all must be well"
    for number, mutant in enumerate(mutants, start=1):
        if right(plain, number) and right(checked, number):
            yield mutant
    for text, mutant in c_mutation.operator_mutants(builder.source, builder.lines):
        if right(builder.build(text)()) and right(builder.build(text, *c_programs.SANITIZED)()):
            yield mutant


@pytest.mark.slow
def test_every_mutant_is_caught(builder: MutantBuilder) -> None:
    surviving = list(survivors(builder))
    target = builder.target
    unexpected = [f"{m.line}: {m.text}   [{m.change}]" for m in surviving if not is_equivalent(target, m)]
    assert not unexpected, "\n".join(unexpected)
    for of, text, change in EQUIVALENT:  # a line that matches nothing any more must go
        assert of != target or any(change == m.change and text in m.text for m in surviving), (text, change)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("#define FSDD_FORGET_SHIFT 15", "15 -> 14"),
        ("#define FSDD_INPUT_SHIFT 19", "19 -> 20"),
        ("#define FSDD_HIDDEN_SHIFT 23", "23 -> 22"),
        ("#define FSDD_TANH_DOMAIN_BITS 15", "15 -> 16"),
        ("logits[k] > logits[best]", "> -> >="),
    ],
)
def test_the_constants_that_matter_are_among_the_mutants(
    program: c_programs.TraceProgram, text: str, change: str
) -> None:
    source = (program.runtime / PORTABLE[0]).read_text()
    lines = lines_of(source, PORTABLE)
    tried = c_mutation.number_mutants(source, lines)[1]
    tried += [mutant for _, mutant in c_mutation.operator_mutants(source, lines)]
    assert any(text in mutant.text and mutant.change == change for mutant in tried)
    assert len(tried) > 150
