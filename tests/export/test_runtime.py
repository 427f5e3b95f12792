"""The C runtime against numpy: every state after every frame, in every weight code and layout, zero tolerance."""

from __future__ import annotations

from pathlib import Path

import c_programs
import directed_models
import pytest

SIMPLE = ("-O0",)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> c_programs.TraceProgram:
    """More than a hundred models in one program, and their clips."""
    c_programs.compiler()
    return c_programs.TraceProgram(directed_models.all_models(), tmp_path_factory.mktemp("traces"))


@pytest.fixture(scope="module")
def objects(program: c_programs.TraceProgram) -> list[Path]:
    return program.objects(*SIMPLE)


@pytest.mark.parametrize(
    "flags", [("-O0",), ("-Os",), ("-O3",), ("-O3", "-march=native"), ("-O1", *c_programs.SANITIZED)], ids=" ".join
)
def test_every_state_equals_numpys(
    program: c_programs.TraceProgram, objects: list[Path], flags: tuple[str, ...]
) -> None:
    built = program.build("traces", objects, *flags)
    finished = program.run(built)
    assert finished.returncode == 0, finished.stderr.decode()
    assert finished.stdout == program.expected
