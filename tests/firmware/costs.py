"""What a network costs on a Cortex-M, measured: `python tests/firmware/costs.py` prints the tables of
multirun/reference/README.md.

One clip of 36 frames with 13 features, from an empty state to its class; 2 layers, 10 classes. First the network alone,
then from samples to words.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import board_sounds as sounds
import boards
import networks
import numpy as np
import object_files
import streams

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.export.c_text import c_values

FRAMES = 36
# What is built for M0 is run on an M3, which knows all its instructions: the micro:bit's timer can't count them.
COUNTED_M0 = boards.Board("mps2-an385", "cortex-m0", "mps2.ld", dsp=False)
COUNTED = (boards.M4, boards.M3, COUNTED_M0)
LEVELS = ("-O3", "-O2", "-Os")
MODEL, STATE = "net", "state"
STATE_SOURCE, LISTENER_SOURCE = (
    f'#include "fsdd_model.h"\n{MODEL}_{kind} {STATE};\n' for kind in ("state", "listener")
)


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
        code_bytes=object_files.section_sizes(runtime, board)["text"],
        state_bytes=state_bytes(sources, board, folder),
        stack_bytes=numbers["stack_bytes"],
    )


def state_bytes(sources: networks.Sources, board: boards.Board, folder: Path, text: str = STATE_SOURCE) -> int:
    """sizeof what the caller owns of the model called MODEL: its state, or with LISTENER_SOURCE its listener."""
    source = folder / "state.c"
    source.write_text(text)
    target = boards.compile_object(source, board, "-Os", folder / "state.o", options=sources.options)
    return object_files.symbols(target, board)[STATE].bytes


@dataclass(frozen=True)
class ListeningCost:
    """From samples to words, 2 layers, int8. Instructions are means over a clip's frames, but for the clip's."""

    front_end: int  # of a frame of a word, from samples to features
    endpointer: int
    network: int
    pause: int  # of a frame in which nobody speaks: levels and endpointer
    clip: int  # front end, network and decision
    code_bytes: dict[str, int]  # by source file, tables included, by arm-none-eabi-size
    ram_bytes: int  # sizeof the listener that the caller owns
    front_end_stack: int
    stack_bytes: int  # of all

    @property
    def frame(self) -> int:
        """The instructions of all that is to be done in a frame of a word."""
        return self.front_end + self.endpointer + self.network


@cache
def measure_listening(board: boards.Board, level: str, hidden: int = 24) -> ListeningCost:
    """Built and run under -icount; every measurement is made once."""
    with tempfile.TemporaryDirectory(prefix="fsdd-cost-") as folder:
        return _measure_listening(board, level, hidden, Path(folder))


def _measure_listening(board: boards.Board, level: str, hidden: int, folder: Path) -> ListeningCost:
    random = np.random.default_rng(0)
    spoken, quiet = (random.normal(0, scale, sounds.MOST_SAMPLES).astype(np.int16) for scale in (3000, 20))
    deployment = sounds.digit_deployment("int8", hidden, [spoken])
    sources = networks.export_deployments({MODEL: deployment}, folder)
    data = write_sounds(folder / "data.c", {"spoken": spoken, "quiet": quiet})
    elf = sources.build(["listen_count.c"], board, level, folder / "build", [data])
    numbers = boards.run(elf, board, folder, count_instructions=True).numbers
    return ListeningCost(
        front_end=numbers["front_end"] // FRAMES,
        endpointer=(numbers["pause"] - numbers["levels"]) // FRAMES,
        network=(numbers["clip"] - numbers["front_end"]) // FRAMES,
        pause=numbers["pause"] // FRAMES,
        clip=numbers["clip"],
        code_bytes=code_bytes(sources, board, level, folder),
        ram_bytes=state_bytes(sources, board, folder, LISTENER_SOURCE),
        front_end_stack=numbers["front_end_stack"],
        stack_bytes=numbers["stream_stack"],
    )


def write_sounds(path: Path, clips: dict[str, np.ndarray]) -> Path:
    """A C file with each clip (samples,) int16 under its name; all have `sample_count` samples."""
    lines = ["#include <stdint.h>"]
    for name, clip in clips.items():
        lines += [f"extern const int16_t {name}[];", f"const int16_t {name}[] = {{{c_values(clip)}}};"]
    count = min(map(len, clips.values()))
    lines += ["extern const uint32_t sample_count;", f"const uint32_t sample_count = {count}u;"]
    path.write_text("\n".join(lines) + "\n")
    return path


def code_bytes(sources: networks.Sources, board: boards.Board, level: str, folder: Path) -> dict[str, int]:
    """Of each file of the runtime."""
    sizes = {}
    for source in (sources.runtime, *sources.hearing):
        target = boards.compile_object(source, board, level, folder / f"{source.stem}.o", options=sources.options)
        sizes[source.stem] = object_files.section_sizes(target, board)["text"]
    return sizes


def main() -> None:
    print("| core | weights | size | -O3: instructions | -Os: instructions | -Os: code | state | stack, -O3 / -Os |")
    print("|---|---|---|---|---|---|---|---|")
    for board in COUNTED:
        for code in WEIGHT_CODES:
            for hidden in (24, 48):
                print(_row(board, code, hidden), flush=True)
    print(LISTENING_HEADER)
    for board in COUNTED:
        for level in LEVELS:
            print(listening_row(board, level), flush=True)


LISTENING_HEADER = """
| core | | front end | endpointer | network | sum | in a pause | clip | front end | listener | network | RAM | stack |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


def listening_row(board: boards.Board, level: str) -> str:
    """Of the second table."""
    cost = measure_listening(board, level)
    counts = (cost.front_end, cost.endpointer, cost.network, cost.frame, cost.pause, cost.clip)
    numbers = " | ".join(f"{count:,}" for count in counts)
    front_end, listener, network = (cost.code_bytes[f"fsdd_{name}"] for name in ("front_end", "listen", "lstm"))
    return (
        f"| {boards.board_id(board)} | {level} | {numbers} | {front_end:,} B | {listener:,} B | {network:,} B "
        f"| {cost.ram_bytes:,} B | {cost.stack_bytes} B |"
    )


def _row(board: boards.Board, code: str, hidden: int) -> str:
    fast, small = (measure(board, level, code, hidden) for level in ("-O3", "-Os"))
    return (
        f"| {boards.board_id(board)} | {code} | 2x{hidden} | {fast.instructions:,} | {small.instructions:,} "
        f"| {small.code_bytes:,} B | {small.state_bytes} B | {fast.stack_bytes} / {small.stack_bytes} B |"
    )


if __name__ == "__main__":
    main()
