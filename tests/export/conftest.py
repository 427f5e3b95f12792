"""One set of models and clips, exported and compiled once for all tests of the runtime."""

from __future__ import annotations

import c_programs
import directed_models
import pytest


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> c_programs.TraceProgram:
    """More than a hundred models in one program, and their clips."""
    c_programs.compiler()
    program = c_programs.TraceProgram(directed_models.all_models(), tmp_path_factory.mktemp("traces"))
    program.compile_models()
    return program
