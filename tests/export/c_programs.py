"""Builds and runs the trace program with any number of models and any runtime source."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import directed_models
import pytest

from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.export import CompilerMissing, export_c
from fsdd_lightning.export.compiler import STRICT_C99, find_compiler

HERE = Path(__file__).parent
SANITIZED = ("-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")
LAYOUTS = ("device", "host")


def compiler() -> list[str]:
    try:
        return find_compiler()
    except CompilerMissing as missing:
        pytest.skip(str(missing))


def compile_c(*arguments: object, strict: bool = True) -> subprocess.CompletedProcess[str]:
    flags = STRICT_C99 if strict else ("-std=c99",)
    command = [*compiler(), *flags, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compiled(*arguments: object, strict: bool = True) -> None:
    finished = compile_c(*arguments, strict=strict)
    assert finished.returncode == 0, finished.stderr


class TraceProgram:
    """Exports models in both layouts under one roof; `build` compiles them with a runtime into one program."""

    def __init__(self, models: Mapping[str, IntegerModel], folder: Path) -> None:
        self.folder = folder
        self.stdin, self.expected = b"", b""
        includes, addresses = [], []
        for number, model in enumerate(models.values()):
            for layout in LAYOUTS:
                name = f"m{number}_{layout}"
                deployment = directed_models.deployment_of(model)
                export_c(deployment, folder / name, name=name, golden=None, notes={}, layout=layout)
                includes.append(f'#include "{name}/fsdd_model.h"')
                self._add_clips(model, len(addresses), number)
                addresses.append(f"&{name}_model")
        table = f"static const fsdd_model *const models[] = {{{', '.join(addresses)}}};\n"
        (folder / "models.h").write_text("\n".join([*includes, table]))
        self.runtime = folder / "m0_host"

    def _add_clips(self, model: IntegerModel, index: int, seed: int) -> None:
        for clip in directed_models.clips_of(model, seed):
            self.stdin += directed_models.clip_record(index, clip)
            self.expected += directed_models.expected_output(model, clip)

    def objects(self, *flags: str, strict: bool = True) -> list[Path]:
        """The constants of every model, compiled once."""
        sources = sorted(self.folder.glob("*/fsdd_model.c"))
        objects = [source.with_suffix(".o") for source in sources]
        for source, target in zip(sources, objects, strict=True):
            compiled("-c", source, "-o", target, *flags, strict=strict)
        return objects

    def build(
        self, name: str, objects: Sequence[Path], *flags: str, runtime: Path | None = None, strict: bool = True
    ) -> Path:
        program = self.folder / name
        where = runtime or self.runtime
        sources = (HERE / "trace_program.c", where / "fsdd_lstm.c")
        includes = ("-I", where, "-I", self.folder)
        compiled(*flags, *includes, *sources, *objects, "-o", program, strict=strict)
        return program

    def run(self, program: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([program, *words], input=self.stdin, capture_output=True, timeout=20, check=False)

    def is_right(self, program: Path, *words: str) -> bool:
        finished = self.run(program, *words)
        return finished.returncode == 0 and finished.stdout == self.expected
