"""Instructions of a frame from samples to features, for the front ends that conf/ composes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import board_sounds as sounds
import boards
import cycles
import measurements
import networks
import numpy as np

from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.memory.instructions import FrontEndCost

WIDE = replace(sounds.FRONT_END, sample_rate_hz=16000, window=512, hop=320)
SHIPPED = tuple(replace(each, deltas=deltas) for each in (sounds.FRONT_END, WIDE) for deltas in (False, True))
FEW_FRAMES = 3
HIDDEN = 8  # of the network behind it, whose size does not matter


def measured(board: boards.Board) -> tuple[FrontEndCost, ...]:
    """All that are shipped, at -O3."""
    each = cycles_per_instruction(board)  # which differs by less than 3 % between them
    return tuple(measure(board, front_end, each) for front_end in SHIPPED)


def measure(board: boards.Board, front_end: FrontEnd, cycles_per_instruction: float | None) -> FrontEndCost:
    """Built and run under -icount."""
    with tempfile.TemporaryDirectory(prefix="fsdd-front-end-") as folder:
        elf = _build(board, front_end, measurements.FRAMES, Path(folder))
        numbers = boards.run(elf, board, Path(folder), count_instructions=True).numbers
    return FrontEndCost(
        *(front_end.window, front_end.hop, front_end.bands, front_end.coefficients, front_end.deltas),
        front_end=numbers["front_end"] // measurements.FRAMES,
        endpointer=(numbers["pause"] - numbers["levels"]) // measurements.FRAMES,
        cycles_per_instruction=cycles_per_instruction,
    )


def cycles_per_instruction(board: boards.Board) -> float | None:
    """Of a few frames of the default front end."""
    with tempfile.TemporaryDirectory(prefix="fsdd-cycles-") as folder:
        elf = _build(board, SHIPPED[0], FEW_FRAMES, Path(folder))
        return cycles.cycles_per_instruction(elf, board, cycles.functions(elf.parent, "fsdd_front_end", board))


def _build(board: boards.Board, front_end: FrontEnd, frames: int, folder: Path) -> Path:
    random, count = np.random.default_rng(0), front_end.samples(frames)
    spoken, quiet = (random.normal(0, scale, count).astype(np.int16) for scale in (3000, 20))
    model = networks.spoken_digit_model("int8", HIDDEN, inputs=front_end.channels)
    sources = networks.export_deployments({measurements.MODEL: sounds.deployment(model, [spoken], front_end)}, folder)
    data = measurements.write_sounds(folder / "data.c", {"spoken": spoken, "quiet": quiet})
    return sources.build(["listen_count.c"], board, "-O3", folder / "build", [data])
