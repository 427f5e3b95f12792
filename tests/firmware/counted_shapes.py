"""Instructions of many shapes of network, measured in one program a core and weight code."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import boards
import cycles
import networks
import numpy as np
import streams

from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.memory.shape import NetworkShape

FRAMES = 8  # of the clip that is measured; a frame takes as long as the next, but for saturations
TRACED_FRAMES = 3
MOST_PARAMETERS = 330_000  # in a program, a byte each
PRODUCT = NetworkShape(networks.INPUTS, 24, 2, networks.CLASSES)


@dataclass(frozen=True)
class Counted:
    """Instructions of one network."""

    shape: NetworkShape
    steps: int  # of FRAMES frames
    once: int  # a clip: from the empty state, and from the last hidden values to the class

    def clip(self, frames: int) -> float:
        """Of so many frames."""
        return self.steps / FRAMES * frames + self.once


def count(board: boards.Board, code: str, shapes: Sequence[NetworkShape], level: str = "-O3") -> list[Counted]:
    """Built and run under -icount, as many in one program as the boards have memory for: constants change no code."""
    counted: list[Counted] = []
    while len(counted) < len(shapes):
        left = shapes[len(counted) :]
        fitting = sum(size <= MOST_PARAMETERS for size in accumulate(shape.parameters for shape in left))
        counted += _count(board, code, left[: max(fitting, 1)], level)
    return counted


def _count(board: boards.Board, code: str, shapes: Sequence[NetworkShape], level: str) -> list[Counted]:
    with tempfile.TemporaryDirectory(prefix="fsdd-shapes-") as folder:
        elf = _build(board, code, shapes, level, Path(folder))
        lines = boards.run(elf, board, Path(folder), count_instructions=True).lines
    values = [int(words[1]) for words in map(str.split, lines) if words and words[0] in ("zero", "steps", "decide")]
    assert len(values) == 3 * len(shapes), lines
    triples = zip(values[::3], values[1::3], values[2::3], strict=True)
    return [Counted(shape, steps, zero + decide) for shape, (zero, steps, decide) in zip(shapes, triples, strict=True)]


def cycles_per_instruction(board: boards.Board, code: str, level: str = "-O3") -> float | None:
    """Of a clip through the product's shape; that of others is nearly the same."""
    with tempfile.TemporaryDirectory(prefix="fsdd-cycles-") as folder:
        elf = _build(board, code, [PRODUCT], level, Path(folder), TRACED_FRAMES)
        return cycles.cycles_per_instruction(elf, board, cycles.functions(elf.parent, "fsdd_lstm", board))


def _build(
    board: boards.Board, code: str, shapes: Sequence[NetworkShape], level: str, folder: Path, frames: int = FRAMES
) -> Path:
    models = {f"net{k}": _model(code, shape) for k, shape in enumerate(shapes)}
    clips = b"".join(streams.input_stream(_clip(shape.inputs, frames)) for shape in shapes)
    sources = networks.export(models, folder)
    data = streams.write_c_arrays(folder / "data.c", {"clips": clips, "expected": b"\0"})
    return sources.build(["count_shapes.c", "memory_streams.c"], board, level, folder / "build", [data])


def _model(code: str, shape: NetworkShape) -> IntegerModel:
    return networks.spoken_digit_model(
        code, shape.hidden_size, layers=shape.layers, inputs=shape.inputs, classes=shape.classes
    )


def _clip(inputs: int, frames: int) -> streams.Clips:
    random = np.random.default_rng(0)
    features = random.normal(0, 16, (1, frames, inputs)).clip(-128, 127).astype(np.int8)
    return streams.whole(features)
