"""What is in an object file or program, by the cross compiler's own tools."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from boards import Board, run_tool


@dataclass(frozen=True)
class Symbol:
    """A function or variable as nm shows it."""

    kind: str  # nm's letter: t and T code, r and R constants, b and B variables
    address: int
    bytes: int


def symbols(path: Path, board: Board) -> dict[str, Symbol]:
    """Every symbol with a size that an object or ELF defines. Local names of several files may repeat."""
    lines = run_tool(board.kit.tool("nm"), "--print-size", "--defined-only", str(path)).splitlines()
    sized = (line.split() for line in lines if len(line.split()) == 4)
    return {name: Symbol(kind, int(address, 16), int(size, 16)) for address, size, kind, name in sized}


def undefined_symbols(path: Path, board: Board) -> set[str]:
    """What an object needs from elsewhere."""
    return {line.split()[-1] for line in run_tool(board.kit.tool("nm"), "-u", str(path)).splitlines()}


def section_sizes(path: Path, board: Board) -> dict[str, int]:
    """Bytes of text (code and constants), data and bss, as the toolchain's `size` prints them."""
    header, numbers = (line.split() for line in run_tool(board.kit.tool("size"), str(path)).splitlines())
    return dict(zip(header[:3], map(int, numbers[:3]), strict=True))


def mnemonics(path: Path, board: Board, function: str | None = None) -> list[str]:
    """Of every instruction of a function, or of all, as objdump names them (`mul`, `ldrb.w`, `smlad`); no literals.

    A function stands for its copies, too (`name.part.0`, `name.isra.0`). KeyError if the file has no such function: one
    that was inlined everywhere would otherwise seem to hold nothing.
    """
    matches = map(INSTRUCTION.match, _lines(path, board, function))
    return [match[1] for match in matches if match]


def multiplies(path: Path, board: Board, function: str | None = None) -> set[str]:
    """Names of instructions that multiply, and of multiplying routines that are called; else as `mnemonics`."""
    own = {name for name in mnemonics(path, board, function) if MULTIPLY.search(name)}
    return own | {name for line in _lines(path, board, function) for name in MULTIPLY_ROUTINE.findall(line)}


TITLE = re.compile(r"[0-9a-f]+ <(.+)>:")
INSTRUCTION = re.compile(r"\s+[0-9a-f]+:\s+([a-z][\w.]*)")
MULTIPLY = re.compile(r"mul|ml[as]|ma(dd|al)|msub|mneg|mu[as]d|dot|mac")
MULTIPLY_ROUTINE = re.compile(r"\b__\w*mul\w*")


def _lines(path: Path, board: Board, function: str | None) -> list[str]:
    """objdump's, with relocations, which name what an object calls."""
    text = run_tool(board.kit.tool("objdump"), "-d", "-r", "--no-show-raw-insn", str(path))
    bodies: dict[str, list[str]] = {}
    body: list[str] = []
    for line in text.splitlines():
        if title := TITLE.fullmatch(line):
            body = bodies.setdefault(title[1], [])
        else:
            body.append(line)
    own = {name: lines for name, lines in bodies.items() if function in (None, name.split(".")[0])}
    if function is not None and not own:
        raise KeyError(f"{path} has no function {function}, but {', '.join(bodies)}")
    return [line for lines in own.values() for line in lines]
