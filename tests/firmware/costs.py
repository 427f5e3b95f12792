"""What a network costs on a Cortex-M, measured: `python tests/firmware/costs.py` prints the table of the README.

One clip of 36 frames with 13 features, from an empty state to its class; 2 layers, 10 classes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boards
import networks
import numpy as np
import streams

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES

FRAMES = 36
# What is built for M0 is run on an M3, which knows all its instructions: the micro:bit's timer can't count them.
COUNTED_M0 = boards.Board("mps2-an385", "cortex-m0", "mps2.ld", dsp=False)
COUNTED = (boards.M4, boards.M3, COUNTED_M0)
MODEL, STATE = "net", "state"
STATE_SOURCE = f'#include "fsdd_model.h"\n{MODEL}_state {STATE};\n'


@dataclass(frozen=True)
class Cost:
    """Of one network on one board at one optimization level."""

    instructions: int  # for the clip, to the next 40
    code_bytes: int  # of the runtime with this weight code, by arm-none-eabi-size
    state_bytes: int  # sizeof the state that the caller owns
    stack_bytes: int  # the runtime's and its caller's frame


@cache
def measure(board: boards.Board, level: str, code: str, hidden: int) -> Cost:
    """Built and run under -icount; every measurement is made once."""
    with tempfile.TemporaryDirectory(prefix="fsdd-cost-") as folder:
        return _measure(board, level, code, hidden, Path(folder))


def _measure(board: boards.Board, level: str, code: str, hidden: int, folder: Path) -> Cost:
    model = networks.spoken_digit_model(code, hidden)
    features = np.random.default_rng(0).normal(0, 16, (1, FRAMES, networks.INPUTS)).clip(-128, 127).astype(np.int8)
    arrays = networks.stream_arrays([model], [streams.whole(features)])
    sources = networks.export({MODEL: model}, folder)
    data = streams.write_c_arrays(folder / "data.c", arrays)
    elf = sources.build(["count.c", "memory_streams.c"], board, level, folder / "build", [data])
    numbers = boards.run(elf, board, folder, count_instructions=True).numbers
    runtime = boards.compile_object(sources.runtime, board, level, folder / "runtime.o", options=sources.options)
    return Cost(
        instructions=numbers["instructions"],
        code_bytes=boards.section_sizes(runtime)["text"],
        state_bytes=state_bytes(sources, board, folder),
        stack_bytes=numbers["stack_bytes"],
    )


def state_bytes(sources: networks.Sources, board: boards.Board, folder: Path) -> int:
    """sizeof the state of the model called MODEL."""
    source = folder / "state.c"
    source.write_text(STATE_SOURCE)
    target = boards.compile_object(source, board, "-Os", folder / "state.o", options=sources.options)
    return boards.symbols(target)[STATE].bytes


def main() -> None:
    print("| core | weights | size | -O3: instructions | -Os: instructions | -Os: code | state | stack, -O3 / -Os |")
    print("|---|---|---|---|---|---|---|---|")
    for board in COUNTED:
        for code in WEIGHT_CODES:
            for hidden in (24, 48):
                print(_row(board, code, hidden), flush=True)


def _row(board: boards.Board, code: str, hidden: int) -> str:
    fast, small = (measure(board, level, code, hidden) for level in ("-O3", "-Os"))
    return (
        f"| {boards.board_id(board)} | {code} | 2x{hidden} | {fast.instructions:,} | {small.instructions:,} "
        f"| {small.code_bytes:,} B | {small.state_bytes} B | {fast.stack_bytes} / {small.stack_bytes} B |"
    )


if __name__ == "__main__":
    main()
