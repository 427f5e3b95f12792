"""Networks for the boards, and the C sources of a program that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import boards
import numpy as np
import streams
from example_deployment import any_deployment

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.quantize import FloatLayer, FloatModel, convert
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.export import ExportedModel, Target, export_c

PROGRAMS = Path(__file__).parent / "programs"
INPUTS, CLASSES = 13, 10
HEARING = ("fsdd_front_end.c", "fsdd_listen.c")


def spoken_digit_model(
    code: str, hidden: int, *, layers: int = 2, inputs: int = INPUTS, classes: int = CLASSES
) -> IntegerModel:
    """Normal weights, of the size that training gives, in the product's shape."""
    random = np.random.default_rng(hidden)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0.0, 0.4, shape).astype(np.float32)

    rows = 4 * hidden
    stack = tuple(
        FloatLayer(normal(rows, hidden if k else inputs), normal(rows, hidden), normal(rows), normal(rows))
        for k in range(layers)
    )
    return convert(FloatModel(stack, normal(classes, hidden), normal(classes)), weight_code(code))


@dataclass(frozen=True)
class Sources:
    """What a program with some models is compiled from."""

    constants: tuple[Path, ...]  # of all models
    runtime: Path
    hearing: tuple[Path, ...]  # front end and listener, where the models hear samples
    table: Path  # models[] of programs/streams.h
    options: tuple[str, ...]

    def build(
        self, program: Sequence[str], board: boards.Board, level: str, folder: Path, data: Sequence[Path] = ()
    ) -> Path:
        """The ELF of the named files of programs/ with these models and other constants."""
        code = [*(PROGRAMS / file for file in program), self.runtime, *self.hearing]
        constants = [self.table, *self.constants, *data]
        return boards.build(code, constants, board, level, folder, options=self.options)


def export(models: Mapping[str, IntegerModel], folder: Path, target: Target = "auto") -> Sources:
    """Networks that get features: name_model to folder/name."""
    return export_deployments({name: any_deployment(model) for name, model in models.items()}, folder, target)


def export_deployments(deployments: Mapping[str, Deployment], folder: Path, target: Target = "auto") -> Sources:
    """Exports each to folder/name; the first one's runtime serves all, with just their formats."""
    exported = [
        export_c(deployment, folder / name, name=name, golden=None, notes={}, target=target)
        for name, deployment in deployments.items()
    ]
    table = folder / "models.c"
    table.write_text(_table(exported))
    formats = [model.formats for model in exported]
    options = (f"-I{PROGRAMS}", f"-I{exported[0].folder}", f"-I{folder}", formats_option(formats))
    constants = tuple(model.folder / "fsdd_model.c" for model in exported)
    hearing = tuple(exported[0].folder / name for name in HEARING if (exported[0].folder / name).exists())
    return Sources(constants, exported[0].folder / "fsdd_lstm.c", hearing, table, options)


def formats_option(formats: Iterable[str]) -> str:
    """For a compiler: just the formats of these models."""
    return f"-DFSDD_FORMATS=({'|'.join(sorted({text.replace(' ', '') for text in formats}))})"


def _table(exported: Sequence[ExportedModel]) -> str:
    includes = [f'#include "{model.folder.name}/fsdd_model.h"' for model in exported]
    pointers = ", ".join(f"&{model.name}_model" for model in exported)
    return "\n".join(
        [
            '#include "streams.h"',
            *includes,
            f"const fsdd_model *const models[] = {{{pointers}}};",
            f"const uint32_t model_count = {len(exported)}u;\n",
        ]
    )


def write_streams(models: Sequence[IntegerModel], clips: Sequence[streams.Clips], folder: Path) -> None:
    """clips.bin and expected.bin, for programs with file_streams.c."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in stream_arrays(models, clips).items():
        (folder / f"{name}.bin").write_bytes(data)


def stream_arrays(models: Sequence[IntegerModel], clips: Sequence[streams.Clips]) -> dict[str, bytes]:
    """`clips` and `expected`, of all models in turn."""
    pairs = list(zip(models, clips, strict=True))
    return {
        "clips": b"".join(streams.input_stream(some) for _, some in pairs),
        "expected": b"".join(streams.expected_stream(model, some) for model, some in pairs),
    }
