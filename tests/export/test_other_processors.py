"""The C runtime on processors that this machine is not, under QEMU: every state as numpy's, zero tolerance."""

from __future__ import annotations

import shutil
import subprocess
from typing import NamedTuple

import c_programs
import pytest


class Processor(NamedTuple):
    """How programs for a processor are compiled, and what runs them."""

    compiler: tuple[str, ...]
    flags: tuple[str, ...]
    emulator: tuple[str, ...]


A64, X86 = ("aarch64-linux-gnu-gcc", "-static"), ("gcc", "-static")
NO_AVX2, ANY_X86 = ("qemu-x86_64", "-cpu", "Westmere"), ("qemu-x86_64", "-cpu", "max")
PROCESSORS = {
    "Arm, 64 bits": Processor(A64, ("-O2",), ("qemu-aarch64", "-cpu", "cortex-a53")),
    "Arm, 64 bits, with dot products": Processor(
        A64, ("-O3", "-march=armv8.2-a+dotprod"), ("qemu-aarch64", "-cpu", "max")
    ),
    "x86 without AVX2": Processor(X86, ("-O2",), NO_AVX2),
    "x86 whose AVX2 is found at run time": Processor(X86, ("-O2",), ANY_X86),
    "x86, all for AVX2": Processor(X86, ("-O2", "-mavx2"), ANY_X86),
}


def traces(processor: Processor, program: c_programs.TraceProgram) -> subprocess.CompletedProcess[bytes]:
    for word in (processor.compiler[0], processor.emulator[0]):
        if shutil.which(word) is None:
            pytest.skip(f"{word} is not installed")
    other = program.for_processor(processor.compiler, processor.emulator)
    return other.run(other.build("other_traces", *processor.flags))


@pytest.mark.parametrize("name", PROCESSORS)
def test_every_state_equals_numpys(name: str, program: c_programs.TraceProgram) -> None:
    finished = traces(PROCESSORS[name], program)
    assert finished.returncode == 0, finished.stderr.decode()
    assert finished.stdout == program.expected


def test_a_program_for_avx2_ends_on_the_processor_without_it(program: c_programs.TraceProgram) -> None:
    """The emulated processor has no AVX2 indeed."""
    for_avx2, without = PROCESSORS["x86, all for AVX2"], PROCESSORS["x86 without AVX2"]
    finished = traces(for_avx2._replace(emulator=without.emulator), program)
    assert finished.returncode != 0
    assert finished.stdout != program.expected
