"""Every deliberate one-token bug in the C runtime is caught by the traces, but for those listed here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import c_mutation
import c_programs
import pytest

PORTABLE, AVX2 = "fsdd_lstm.c", "fsdd_lstm_avx2.h"
LOOSE = ("-O1", "-w")

# Mutants that compute the same numbers: file, part of the source line, the change, and why it is no bug.
EQUIVALENT = {
    (PORTABLE, "(k * bits & 7u)", "7 -> 6"): "bits are even",
    (PORTABLE, "fsdd_bits(code) + 7u) >> 3", "7 -> 6"): "rows have an even number of bits",
    (PORTABLE, "shift < 8u; shift += bits", "8 -> 7"): "shift is even",
    (
        PORTABLE,
        "if (code == FSDD_INT8)",
        "== -> !=",
    ): "compiled for Arm only: tests/firmware/test_dsp_mutants.py",
    (
        PORTABLE,
        "if (code == FSDD_INT4)",
        "== -> !=",
    ): "compiled for Arm only: tests/firmware/test_dsp_mutants.py",
    (PORTABLE, "for (k = 1; k < model->classes", "1 -> 0"): "logit 0 is not larger than itself",
    (
        PORTABLE,
        "for (k = 0; k < FSDD_STATE_WORDS",
        "0 -> 1",
    ): "the next hidden values are written before they are read",
    (PORTABLE, "value < low ? low", "< -> <="): "low itself becomes low",
    (PORTABLE, "value > high ? high", "> -> >="): "high itself becomes high",
    (
        PORTABLE,
        "bits <= (uint32_t)INT32_MAX",
        "<= -> <",
    ): "INT32_MAX is odd and larger than any int16_t: never shifted",
}


class MutantBuilder:
    """A copy of the runtime in which one file may be changed."""

    def __init__(self, program: c_programs.TraceProgram, file: str) -> None:
        self.program = program
        self.runtime = program.folder / f"mutated_{file}"
        self.flags = ("-mavx2",) if file == AVX2 else ()
        shutil.copytree(program.runtime, self.runtime, dirs_exist_ok=True)
        self.changed = self.runtime / file
        self.source = (program.runtime / file).read_text()

    def build(self, text: str, *flags: str) -> Callable[[], Path]:
        """Builds when asked, as most mutants need no sanitizer to be caught."""

        def build() -> Path:
            self.changed.write_text(text)
            all_flags = (*LOOSE, *self.flags, *flags)
            return self.program.build("mutant", *all_flags, runtime=self.runtime, strict=False)

        return build


@pytest.fixture(params=[PORTABLE, AVX2])
def builder(request: pytest.FixtureRequest, program: c_programs.TraceProgram) -> MutantBuilder:
    if request.param == AVX2 and "__AVX2__" not in c_programs.predefined_macros("-march=native"):
        pytest.skip("this processor has no AVX2")
    return MutantBuilder(program, request.param)


def is_equivalent(file: str, mutant: c_mutation.Mutant) -> bool:
    return any(
        (file, mutant.change) == (of, change) and text in mutant.text for of, text, change in EQUIVALENT
    )


def survivors(builder: MutantBuilder) -> Iterator[c_mutation.Mutant]:
    text, mutants = c_mutation.number_mutants(builder.source)
    plain = builder.build(text, "-DMUTANT")().rename(builder.runtime / "plain")
    checked = builder.build(text, "-DMUTANT", *c_programs.SANITIZED)().rename(builder.runtime / "checked")
    right = builder.program.is_right
    assert right(plain, "0") and right(checked, "0"), "without a bug, all must be well"
    for number, mutant in enumerate(mutants, start=1):
        if right(plain, str(number)) and right(checked, str(number)):
            yield mutant
    for text, mutant in c_mutation.operator_mutants(builder.source):
        if right(builder.build(text)()) and right(builder.build(text, *c_programs.SANITIZED)()):
            yield mutant


def test_every_mutant_is_caught(builder: MutantBuilder) -> None:
    surviving = list(survivors(builder))
    file = builder.changed.name
    unexpected = [f"{m.line}: {m.text}   [{m.change}]" for m in surviving if not is_equivalent(file, m)]
    assert not unexpected, "\n".join(unexpected)
    for of, text, change in EQUIVALENT:  # a line that matches nothing any more must go
        assert of != file or any(change == m.change and text in m.text for m in surviving), (text, change)


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
    source = (program.runtime / PORTABLE).read_text()
    tried = c_mutation.number_mutants(source)[1] + [m for _, m in c_mutation.operator_mutants(source)]
    assert any(text in mutant.text and mutant.change == change for mutant in tried)
    assert len(tried) > 150
