"""The C runtime against numpy: every state after every frame, in every weight code and layout, zero tolerance."""

from __future__ import annotations

from pathlib import Path

import c_programs
import pytest

PORTABLE = "-ffreestanding"  # where no processor is asked what it has
FLAGS = [
    pytest.param(("-O0",), marks=pytest.mark.slow),
    pytest.param(("-Os", PORTABLE), marks=pytest.mark.slow),
    ("-O3",),
    ("-O3", PORTABLE),
    ("-O3", "-march=native"),
    ("-O1", "-mavx2"),
    ("-O1", *c_programs.SANITIZED),
    ("-O1", PORTABLE, *c_programs.SANITIZED),
    ("-O1", "-march=native", *c_programs.SANITIZED),
]


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_every_state_equals_numpys(program: c_programs.TraceProgram, flags: tuple[str, ...]) -> None:
    finished = program.run(program.build("traces", *flags))
    assert finished.returncode == 0, finished.stderr.decode()
    assert finished.stdout == program.expected


NO_FLOAT = ("-mgeneral-regs-only", "-c", "-O2")


def test_the_runtime_has_no_float(program: c_programs.TraceProgram, tmp_path: Path) -> None:
    c_programs.compiled(*NO_FLOAT, program.runtime / "fsdd_lstm.c", "-o", tmp_path / "runtime.o")


def test_the_check_for_float_can_fail(program: c_programs.TraceProgram, tmp_path: Path) -> None:
    source = tmp_path / "float.c"
    text = (program.runtime / "fsdd_lstm.c").read_text() + "int fsdd_half(int a) { return (int)(a * 0.5f); }\n"
    source.write_text(text)
    finished = c_programs.compile_c(*NO_FLOAT, "-I", program.runtime, source, "-o", tmp_path / "float.o", strict=False)
    assert finished.returncode != 0
    assert "error" in finished.stderr


def test_nothing_is_called_but_the_runtime_itself(program: c_programs.TraceProgram, tmp_path: Path) -> None:
    """No libm, no malloc, no string functions: nothing is undefined in the object."""
    target = tmp_path / "runtime.o"
    c_programs.compiled("-c", "-Os", "-ffreestanding", program.runtime / "fsdd_lstm.c", "-o", target)
    assert c_programs.undefined_symbols(target) <= {"memset", "memcpy"}  # gcc may make a loop one of these


def test_a_runtime_without_the_models_code_is_refused(program: c_programs.TraceProgram, tmp_path: Path) -> None:
    finished = c_programs.compile_c(
        "-c", program.runtime / "fsdd_model.c", "-DFSDD_FORMATS=(FSDD_POT | FSDD_PLAIN_ROWS)", "-o", tmp_path / "a.o"
    )
    assert finished.returncode != 0
    assert "FSDD_FORMATS leaves out" in finished.stderr
