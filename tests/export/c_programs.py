"""Builds and runs the trace program with any number of models and any runtime source."""

from __future__ import annotations

import copy
import resource
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import directed_models
import pytest
from example_deployment import any_deployment

from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.export import CompilerMissing, export_c
from fsdd_lightning.export.compiler import STRICT_C99, find_compiler

HERE = Path(__file__).parent
SANITIZED = ("-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")
TARGETS = ("portable", "arm_dsp", "host")
CPU_SECONDS = 2


def compiler() -> list[str]:
    try:
        return find_compiler()
    except CompilerMissing as missing:
        pytest.skip(str(missing))


def compile_c(*arguments: object, strict: bool = True, by: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """`by` another compiler than that of this machine."""
    flags = STRICT_C99 if strict else ("-std=c99",)
    command = [*(by or compiler()), *flags, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compiled(*arguments: object, strict: bool = True, by: Sequence[str] = ()) -> None:
    finished = compile_c(*arguments, strict=strict, by=by)
    assert finished.returncode == 0, finished.stderr


def limit_cpu() -> None:
    """A mutant may run for ever: the kernel ends it after so many seconds of work."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


class TraceProgram:
    """Exports models in all layouts under one roof; `build` compiles them with a runtime into one program."""

    def __init__(self, models: Mapping[str, IntegerModel], folder: Path) -> None:
        self.folder = folder
        self.compiler: tuple[str, ...] = ()
        self.emulator: tuple[str, ...] = ()
        self.stdin, self.expected = b"", b""
        headers, sources, addresses = [], [], []
        for number, model in enumerate(models.values()):
            for target in TARGETS:
                name = f"m{number}_{target}"
                export_c(any_deployment(model), folder / name, name=name, golden=None, notes={}, target=target)
                headers.append(f'#include "{name}/fsdd_model.h"\n')
                sources.append(f'#include "{name}/fsdd_model.c"\n')
                self._add_clips(model, len(addresses), number)
                addresses.append(f"&{name}_model")
        table = f"static const fsdd_model *const models[] = {{{', '.join(addresses)}}};\n"
        (folder / "models.h").write_text("".join([*headers, table]))
        (folder / "models.c").write_text("".join(sources))
        (folder / "stdin.bin").write_bytes(self.stdin)
        (folder / "expected.bin").write_bytes(self.expected)
        self.runtime = folder / "m0_host"

    def _add_clips(self, model: IntegerModel, index: int, seed: int) -> None:
        for clip in directed_models.clips_of(model, seed):
            self.stdin += directed_models.clip_record(index, clip)
            self.expected += directed_models.expected_output(model, clip)

    def compile_models(self) -> None:
        """The constants of every model, once as they are and once under sanitizers."""
        for flags in ((), SANITIZED):
            self._compile_models(*flags)

    def for_processor(self, compiler: tuple[str, ...], emulator: tuple[str, ...]) -> TraceProgram:
        """The same for a processor that this machine is not; without sanitizers."""
        other = copy.copy(self)
        other.compiler, other.emulator = compiler, emulator
        other._compile_models()
        return other

    def _compile_models(self, *flags: str) -> None:
        files = ("-I", self.runtime, self.folder / "models.c", "-o", self._object(*flags))
        compiled("-c", *flags, *files, by=self.compiler)

    def _object(self, *flags: str) -> Path:
        of = f"_{Path(self.compiler[0]).name}" if self.compiler else ""
        return self.folder / ("sanitized.o" if SANITIZED[-1] in flags else f"models{of}.o")

    def build(self, name: str, *flags: str, runtime: Path | None = None, strict: bool = True) -> Path:
        program = self.folder / name
        where = runtime or self.runtime
        files = (HERE / "trace_program.c", where / "fsdd_lstm.c", self._object(*flags))
        include = ("-I", where, "-I", self.folder)
        compiled(*flags, *include, *files, "-o", program, strict=strict, by=self.compiler)
        return program

    def run(self, program: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
        command = [*self.emulator, program, *words]
        return subprocess.run(command, input=self.stdin, capture_output=True, preexec_fn=limit_cpu, check=False)

    def is_right(self, program: Path, mutant: int = 0) -> bool:
        """Whether a program computes what is expected; the first difference ends it."""
        command = [*self.emulator, program, str(mutant), self.folder / "expected.bin"]
        with (self.folder / "stdin.bin").open("rb") as stdin:
            finished = subprocess.run(command, stdin=stdin, capture_output=True, preexec_fn=limit_cpu, check=False)
        return finished.returncode == 0


def undefined_symbols(target: Path) -> set[str]:
    listed = subprocess.run(["nm", "-u", target], capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in listed.stdout.splitlines()}


def predefined_macros(*flags: str) -> str:
    command = [*compiler(), *flags, "-dM", "-E", "-x", "c", "/dev/null"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
