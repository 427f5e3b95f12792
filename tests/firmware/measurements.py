"""What a network costs on small processors, measured under emulation.

One clip of 36 frames with 13 features, from an empty state to its class; 2 layers, 10 classes. First the network alone,
then from samples to words.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import board_sounds as sounds
import boards
import networks
import numpy as np
import object_files
import streams

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.export import Target
from fsdd_lightning.export.c_text import c_values
from fsdd_lightning.memory.bill import POT_TABLE_BYTES, uses_pot_table

FRAMES = 36
MODEL, STATE = "net", "state"
STATE_SOURCE, LISTENER_SOURCE = (
    f'#include "fsdd_model.h"\n{MODEL}_{kind} {STATE};\n' for kind in ("state", "listener")
)


@dataclass(frozen=True)
class Cost:
    """Of one network on one board at one optimization level."""

    instructions: int  # for the clip, to the next 4
    code_bytes: int  # of the runtime with this weight code, by arm-none-eabi-size
    state_bytes: int  # sizeof the state that the caller owns
    stack_bytes: int  # the runtime's and its caller's frame


@dataclass(frozen=True)
class Weights:
    """How a network is exported and compiled."""

    code: str
    target: Target = "auto"
    options: tuple[str, ...] = ()

    @property
    def pairs_table_bytes(self) -> int:
        """What the bill counts for them and the compiler puts beside the code."""
        return POT_TABLE_BYTES if uses_pot_table(self.code, self.target) else 0


TABLE, ADDITIONS = "pot, with a table", "pot, by additions"
# By the name in the tables of costs.
WEIGHTS = {code: Weights(code) for code in WEIGHT_CODES} | {
    TABLE: Weights("pot", "arm_dsp"),
    ADDITIONS: Weights("pot", options=("-DFSDD_NO_MULTIPLIER",)),
}


@cache
def measure(board: boards.Board, level: str, weights: str, hidden: int) -> Cost:
    """Built and run under -icount; every measurement is made once. `weights`: of WEIGHTS."""
    with tempfile.TemporaryDirectory(prefix="fsdd-cost-") as folder:
        return _measure(board, level, WEIGHTS[weights], hidden, Path(folder))


def _measure(board: boards.Board, level: str, weights: Weights, hidden: int, folder: Path) -> Cost:
    model = networks.spoken_digit_model(weights.code, hidden)
    features = np.random.default_rng(0).normal(0, 16, (1, FRAMES, networks.INPUTS)).clip(-128, 127).astype(np.int8)
    arrays = networks.stream_arrays([model], [streams.whole(features)])
    exported = networks.export({MODEL: model}, folder, weights.target)
    sources = replace(exported, options=exported.options + weights.options)
    data = streams.write_c_arrays(folder / "data.c", arrays)
    elf = sources.build(["count.c", "memory_streams.c"], board, level, folder / "build", [data])
    numbers = boards.run(elf, board, folder, count_instructions=True).numbers
    runtime = boards.compile_object(sources.runtime, board, level, folder / "runtime.o", options=sources.options)
    return Cost(
        instructions=numbers["instructions"],
        code_bytes=object_files.section_sizes(runtime, board)["text"] - weights.pairs_table_bytes,
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
