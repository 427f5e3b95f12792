"""Cycles of a program on a Cortex-M, estimated: QEMU counts none, but it says which instructions are executed.

Each takes the cycles of Arm's technical reference manuals (DDI 0432, 0337, 0439), with memory without wait states.
Where a manual gives a range, the middle of it is taken: a taken branch on M3 and M4 costs a refill of 1 to 3 cycles.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import boards
import object_files


@dataclass(frozen=True)
class Timing:
    """Cycles; all other instructions take 1."""

    load: int
    store: int
    pipelined: bool  # a load right after another load or store takes 1
    refill: int  # more, where the next instruction is another than the following one
    accumulate: int  # MLA, MLS
    long_multiply: int
    long_accumulate: int


M3 = Timing(2, 1, pipelined=True, refill=2, accumulate=2, long_multiply=4, long_accumulate=5)
TIMINGS = {
    "M0": Timing(2, 2, pipelined=False, refill=2, accumulate=1, long_multiply=1, long_accumulate=1),
    "M3": M3,
    "M4": Timing(2, 1, pipelined=True, refill=2, accumulate=1, long_multiply=1, long_accumulate=1),
}
DIVISION = 7  # 2 to 12

MULTIPLE = re.compile(r"(ldm|stm|push|pop|ldrd|strd)")
LOAD, STORE = re.compile(r"(ldr|tb[bh])"), re.compile(r"str")


@dataclass(frozen=True)
class Instruction:
    """As objdump writes it."""

    word: str  # such as ldrh, without .n and .w
    operands: str
    following: int  # the address after it


def cycles_per_instruction(elf: Path, board: boards.Board, functions: Collection[str]) -> float | None:
    """The mean over what these functions, and libgcc's, execute; None for a core without timings."""
    timing = TIMINGS.get(board.name)
    if timing is None:
        return None
    program, executed = _disassembled(elf, board), list(_executed(elf, board))
    cycles = count = 0
    before = ""
    for (address, function), (following, _) in pairwise(executed):
        if function in functions or function.startswith("__"):
            cycles += _cycles(timing, program[address], before, following)
            count += 1
        before = program[address].word
    return round(cycles / count, 3)


def _cycles(timing: Timing, instruction: Instruction, before: str, next_address: int) -> int:
    word = instruction.word
    refill = timing.refill if next_address != instruction.following else 0
    if MULTIPLE.match(word):
        return 1 + _registers(instruction) + refill
    if LOAD.match(word):
        follows = LOAD.match(before) or STORE.match(before)
        return refill + (1 if timing.pipelined and follows and not MULTIPLE.match(before) else timing.load)
    return refill + _alone(timing, word)


def _alone(timing: Timing, word: str) -> int:
    if STORE.match(word):
        return timing.store
    if word.startswith(("smlal", "umlal")):
        return timing.long_accumulate
    if word.startswith(("smull", "umull")):
        return timing.long_multiply
    if word.startswith(("mla", "mls")):
        return timing.accumulate
    return DIVISION if word.startswith(("sdiv", "udiv")) else 1


def _registers(instruction: Instruction) -> int:
    """How many are loaded or stored; objdump lists each."""
    listed = re.search(r"{(.*)}", instruction.operands)
    return 2 if listed is None else len(listed[1].split(","))


def _disassembled(elf: Path, board: boards.Board) -> dict[int, Instruction]:
    lines = boards.run_tool(board.kit.tool("objdump"), "-d", str(elf)).splitlines()
    found = {}
    for line in lines:
        parts = re.match(r" *([0-9a-f]+):\t([0-9a-f ]+)\t(\S+)\t?([^@]*)", line)
        if parts:
            address, length = int(parts[1], 16), len(parts[2].replace(" ", "")) // 2
            found[address] = Instruction(parts[3].split(".")[0], parts[4], address + length)
    return found


def _executed(elf: Path, board: boards.Board) -> Iterator[tuple[int, str]]:
    """Address and function of every instruction in turn."""
    log = elf.with_suffix(".log")
    tracing = ("-singlestep", "-d", "exec,nochain", "-D", str(log))
    command = [board.emulator[0], *tracing, *board.emulator[1:], str(elf)]
    subprocess.run(command, check=True, capture_output=True, timeout=boards.RUN_TIMEOUT_S)
    with log.open() as lines:
        for line in lines:
            if line.startswith("Trace"):
                state, _, function = line.partition("[")[2].partition("] ")
                yield int(state.split("/")[1], 16), function.strip()


def functions(folder: Path, source: str, board: boards.Board) -> set[str]:
    """Those of one source file, after `boards.build` to this folder."""
    return set(object_files.symbols(folder / f"{source}.o", board))
