"""The C compiler of this machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
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
    looked_for = (
        f"$CC is {shlex.join(from_environment)}"
        if from_environment
        else f"looked for {', '.join(CANDIDATES)}"
    )
    raise CompilerMissing(f"there is no C compiler ({looked_for}); install one, or set CC to its command")


def compile_c(arguments: Sequence[str | Path]) -> None:
    """Run the compiler; RunFailedError carries its first error."""
    command = [*find_compiler(), *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["no message"]
        error = next((line for line in lines if "error" in line), lines[0])
        raise RunFailedError(f"{command[0]} failed with exit status {finished.returncode}: {error}")
