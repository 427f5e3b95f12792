"""The C compiler of this machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from fsdd_lightning.errors import RunFailedError

CANDIDATES = ("cc", "gcc", "clang")
STRICT_C99 = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic")


class CompilerMissing(RunFailedError):  # noqa: N818 - a state of the machine that callers ask for by this name
    """No C compiler is installed."""


def find_compiler() -> list[str]:
    """The command of a C compiler: $CC, else the first of cc, gcc, clang."""
    from_environment = shlex.split(os.environ.get("CC", ""))
    for command in [from_environment] if from_environment else [[name] for name in CANDIDATES]:
        if shutil.which(command[0]):
            return command
    looked_for = f"$CC is {shlex.join(from_environment)}" if from_environment else f"looked for {', '.join(CANDIDATES)}"
    raise CompilerMissing(f"there is no C compiler ({looked_for}); install one, or set CC to its command")


def compiler_identity(flags: Sequence[str]) -> str:
    """Differs between compilers whose object files may differ: path, version, and the macros that these flags define.

    Among the macros are the instruction sets behind -march=native: a home folder may be shared by several machines.
    """
    program, *words = find_compiler()
    calls = (["--version"], [*flags, "-dM", "-E", "-x", "c", os.devnull])
    printed = [_run([program, *words, *call]).stdout for call in calls]
    return "\n".join([str(shutil.which(program)), *words, *printed])


def compile_c(arguments: Sequence[str | Path], scratch: Path | None = None) -> None:
    """Run the compiler, with its temporary files in `scratch`; RunFailedError carries its first error."""
    command = [*find_compiler(), *map(str, arguments)]
    finished = _run(command, {} if scratch is None else {"TMPDIR": str(scratch)})
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["no message"]
        error = next((line for line in lines if "error" in line), lines[0])
        raise RunFailedError(f"{command[0]} failed with exit status {finished.returncode}: {error}")


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    variables = os.environ | (environment or {})
    return subprocess.run(command, env=variables, capture_output=True, text=True, errors="replace", check=False)
