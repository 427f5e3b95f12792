"""Programs that carry their clips and what must come out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boards
import example_models
import networks
import streams
from example_deployment import PACKAGE

from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.export import Target

PROGRAM = ("clips.c", "memory_streams.c")


@dataclass(frozen=True)
class VectorProgram:
    """Models, and their `clips` and `expected` streams."""

    sources: networks.Sources
    arrays: dict[str, bytes]


def adversarial_models() -> dict[str, IntegerModel]:
    """Networks that live on ties, saturations and largest values, and one of the real size."""
    models = example_models.all_models(PACKAGE) | {"real size": networks.spoken_digit_model("int8", 24)}
    return models | {f"brim, {code}": example_models.brim_model(PACKAGE, code) for code in WEIGHT_CODES}


def vector_program(
    models: Mapping[str, IntegerModel], folder: Path, *, clips: int, frames: int, target: Target = "auto"
) -> VectorProgram:
    """Every model reads as many clips of `example_models`."""
    some = [
        streams.whole(example_models.clips(k, clips, frames, model.input_size))
        for k, model in enumerate(models.values())
    ]
    arrays = networks.stream_arrays(list(models.values()), some)
    return VectorProgram(networks.export(models, folder, target), arrays)


def status_of(program: VectorProgram, board: boards.Board, level: str, folder: Path) -> int:
    """How it ends on the board."""
    data = streams.write_c_arrays(folder / "data.c", program.arrays)
    elf = program.sources.build(PROGRAM, board, level, folder / "build", [data])
    return boards.run(elf, board, folder).status
