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
    text = run_tool(board.kit.tool("objdump"), "-d", "--no-show-raw-insn", str(path))
    bodies = _bodies(text)
    if function is None:
        return [mnemonic for body in bodies.values() for mnemonic in body]
    own = [body for name, body in bodies.items() if name.split(".")[0] == function]
    if not own:
        raise KeyError(f"{path} has no function {function}, but {', '.join(bodies)}")
    return [mnemonic for body in own for mnemonic in body]


def _bodies(disassembly: str) -> dict[str, list[str]]:
    """Mnemonics by the symbol that they follow."""
    bodies: dict[str, list[str]] = {}
    for line in disassembly.splitlines():
        if title := re.fullmatch(r"[0-9a-f]+ <(.+)>:", line):
            body = bodies.setdefault(title[1], [])
        elif instruction := re.match(r"\s+[0-9a-f]+:\s+([a-z][\w.]*)", line):
            body.append(instruction[1])
    return bodies
