"""Every deliberate one-token bug in the C runtime is caught by the traces, but for those listed here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import c_mutation
import c_programs
import pytest


class Target(NamedTuple):
    """Lines of one file, how they are compiled, and what else than this machine runs them."""

    file: str
    flags: tuple[str, ...] = ()
    guard: str = ""  # only the lines that the preprocessor leaves out without it
    compiler: tuple[str, ...] = ()
    emulator: tuple[str, ...] = ()


# What depends on the processor is left out of PORTABLE. Cortex-M: tests/firmware/test_cortex_m_mutants.py.
A64 = {"compiler": ("aarch64-linux-gnu-gcc", "-static"), "emulator": ("qemu-aarch64", "-cpu", "max")}
PORTABLE = Target("fsdd_lstm.c", ("-ffreestanding",))
NO_MULTIPLIER = Target("fsdd_lstm.c", ("-ffreestanding", "-DFSDD_NO_MULTIPLIER"), "FSDD_NO_MULTIPLIER")
PORTABLE_AVX2, AVX2 = Target("fsdd_lstm.c", ("-mavx2",), "FSDD_AVX2"), Target("fsdd_lstm_avx2.h", ("-mavx2",))
PORTABLE_NEON, NEON = Target("fsdd_lstm.c", (), "FSDD_NEON", **A64), Target("fsdd_lstm_neon.h", **A64)
TARGETS = {
    "portable": PORTABLE,
    "no multiplier": NO_MULTIPLIER,
    "portable for AVX2": PORTABLE_AVX2,
    "AVX2": AVX2,
    "portable for NEON": PORTABLE_NEON,
    "NEON": NEON,
}
OF_PROCESSORS = ("AVX2", "NEON", "ARM", "THUMB", "NO_MULTIPLIER")  # in the guards of lines
LOOSE = ("-O1", "-w")

# Mutants that compute the same numbers: file, part of the source line, the change, and why it is no bug.
EQUIVALENT = {
    (PORTABLE, "(k * bits & 7u)", "7 -> 6"): "bits are even",
    (PORTABLE, "[bits == 8u ? k", "8 -> 9"): "k * 8 >> 3 is k",
    (PORTABLE, "[bits == 8u ? k", "8 -> 7"): "k * 8 >> 3 is k",
    (PORTABLE, "= bits == 8u ? byte", "8 -> 9"): "k * 8 & 7 is 0",
    (PORTABLE, "= bits == 8u ? byte", "8 -> 7"): "k * 8 & 7 is 0",
    (PORTABLE, "fsdd_bits(code) + 7u) >> 3", "7 -> 6"): "rows have an even number of bits",
    (PORTABLE, "for (k = 1; k < model->classes", "1 -> 0"): "logit 0 is not larger than itself",
    (PORTABLE, "for (k = 0; k < FSDD_STATE_WORDS", "0 -> 1"): "the next hidden values are written before they are read",
    (PORTABLE, "value < low ? low", "< -> <="): "low itself becomes low",
    (PORTABLE, "value > high ? high", "> -> >="): "high itself becomes high",
    (PORTABLE, "~(unsigned)(formats)) == 0u", "0 -> 1"): "no answer leaves FSDD_INT8 alone",
    (PORTABLE, "((int32_t)1 << bits) - 1", "1 -> 2"): "both tables end flat",
    (PORTABLE, "value < 0 ? 0", "0 -> 1"): "both tables begin flat",
    (PORTABLE, "value < 0 ? 0", "< -> <="): "0 itself becomes 0",
    (PORTABLE, "second = k + 1u < columns", "1 -> 0"): "the field behind the last column is 0",
    (PORTABLE, "second = k + 1u < columns", "0 -> 1"): "the field behind the last column is 0",
    (PORTABLE, "second = k + 1u < columns", "< -> <="): "the field behind the last column is 0",
    (NO_MULTIPLIER, "sums[field] = sums[field + 8u] = 0", "0 -> 1"): "the same in both, of which the difference counts",
    (PORTABLE_AVX2, "units >= FSDD_LANES", ">= -> >"): "the portable way does the same",
    (AVX2, "fsdd_has_avx2(void)", "1 -> 2"): "anything but 0 is true",
    (AVX2, "fsdd_has_avx2(void)", "1 -> 0"): "the portable way does the same",
    (AVX2, "k + 32u < columns", "32 -> 33"): "above the lowest layer columns are even",
    (AVX2, "input->columns < 16u", "16 -> 17"): "the portable way does the same",
    (AVX2, "input->columns < 16u", "< -> <="): "the portable way does the same",
    (AVX2, "is_hidden && input->columns >= 32u", "32 -> 33"): "the other kernel does the same",
    (AVX2, "is_hidden && input->columns >= 32u", "32 -> 31"): "above the lowest layer columns are even",
    (AVX2, "is_hidden && input->columns >= 32u", ">= -> >"): "the other kernel does the same",
    (AVX2, "is_hidden && input->columns >= 32u", "8 -> 9"): "the other kernel does the same",
    (AVX2, "is_hidden && input->columns >= 32u", "8 -> 7"): "the other kernel does the same",
    (AVX2, "fsdd_accumulate_avx2(model, k > 0u", "0 -> 1"): "the other kernel does the same",
    (AVX2, "sllv_epi32(fsdd_saturate_avx2(accumulator, 16)", "16 -> 17"): "it is saturated again, and none shifts out",
    (AVX2, "z[FSDD_AT_ONCE / 2]", "2 -> 1"): "some of a larger array is not used",
    (AVX2, "first < model->hidden; first", "< -> <="): "no unit is left",
    (AVX2, "model->hidden - first < FSDD_AT_ONCE", "< -> <="): "both are the same then",
    (AVX2, "done < last ? done : last", "< -> <="): "both are the same then",
    (AVX2, "avx2(_mm256_add_epi32(kept, added), 16)", "16 -> 17"): "packing saturates, tanh clips earlier",
    (NEON, "columns <= FSDD_CHUNK * (FSDD_MOST_CHUNKS - 4u)", "4 -> 5"): "the portable way does the same",
    (NEON, "columns <= FSDD_CHUNK * (FSDD_MOST_CHUNKS - 4u)", "4 -> 3"): "two rows of chunks are at most two more",
    (NEON, "columns <= FSDD_CHUNK * (FSDD_MOST_CHUNKS - 4u)", "<= -> <"): "the portable way does the same",
    (NEON, "columns >= FSDD_CHUNK &&", ">= -> >"): "the portable way does the same",
    (NEON, "0, features, columns, 1)", "1 -> 2"): "anything but 0 is true",
    (NEON, "end - start < FSDD_CHUNK", "< -> <="): "both are the same then",
    (NEON, "aligned < latest", "< -> <="): "both are the same then",
}


class MutantBuilder:
    """A copy of the runtime in which one file may be changed."""

    def __init__(self, program: c_programs.TraceProgram, target: Target) -> None:
        self.program, self.target = program, target
        self.runtime = program.folder / f"mutated_{target.file}_{target.guard}"
        shutil.copytree(program.runtime, self.runtime, dirs_exist_ok=True)
        self.changed = self.runtime / target.file
        self.source = (program.runtime / target.file).read_text()
        self.lines = lines_of(self.source, target)

    def build(self, text: str, *flags: str) -> Callable[[], Path]:
        """Builds when asked, as most mutants need no sanitizer to be caught."""

        def build() -> Path:
            self.changed.write_text(text)
            all_flags = (*LOOSE, *self.target.flags, *flags)
            return self.program.build("mutant", *all_flags, runtime=self.runtime, strict=False)

        return build

    @property
    def sanitized(self) -> tuple[str, ...]:
        return () if self.target.emulator else c_programs.SANITIZED


def lines_of(source: str, target: Target) -> set[int]:
    """The lines, from 0, that this target's mutants change."""
    if target.guard:
        return c_mutation.guarded_lines(source, target.guard)
    of_others = (c_mutation.guarded_lines(source, guard) for guard in OF_PROCESSORS)
    return set(range(len(source.splitlines()))).difference(*of_others)


@pytest.fixture(params=TARGETS.values(), ids=TARGETS)
def builder(request: pytest.FixtureRequest, program: c_programs.TraceProgram) -> MutantBuilder:
    target: Target = request.param
    if "-mavx2" in target.flags and "__AVX2__" not in c_programs.predefined_macros("-march=native"):
        pytest.skip("this processor has no AVX2")
    for word in (*target.compiler[:1], *target.emulator[:1]):
        if shutil.which(word) is None:
            pytest.skip(f"{word} is not installed")
    if target.compiler:
        program = program.for_processor(target.compiler, target.emulator)
    return MutantBuilder(program, target)


def is_equivalent(target: Target, mutant: c_mutation.Mutant) -> bool:
    return any((target, mutant.change) == (of, change) and text in mutant.text for of, text, change in EQUIVALENT)


def survivors(builder: MutantBuilder) -> Iterator[c_mutation.Mutant]:
    text, mutants = c_mutation.number_mutants(builder.source, builder.lines)
    plain = builder.build(text, "-DMUTANT")().rename(builder.runtime / "plain")
    checked = builder.build(text, "-DMUTANT", *builder.sanitized)().rename(builder.runtime / "checked")
    right = builder.program.is_right
    assert right(plain) and right(checked), "without a bug, all must be well"
    for number, mutant in enumerate(mutants, start=1):
        if right(plain, number) and right(checked, number):
            yield mutant
    for text, mutant in c_mutation.operator_mutants(builder.source, builder.lines):
        if right(builder.build(text)()) and right(builder.build(text, *builder.sanitized)()):
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
        ("#define FSDD_TANH_BITS 15", "15 -> 16"),
        ("logits[k] > logits[best]", "> -> >="),
    ],
)
def test_the_constants_that_matter_are_among_the_mutants(
    program: c_programs.TraceProgram, text: str, change: str
) -> None:
    source = (program.runtime / PORTABLE.file).read_text()
    lines = lines_of(source, PORTABLE)
    tried = c_mutation.number_mutants(source, lines)[1]
    tried += [mutant for _, mutant in c_mutation.operator_mutants(source, lines)]
    assert any(text in mutant.text and mutant.change == change for mutant in tried)
    assert len(tried) > 150
