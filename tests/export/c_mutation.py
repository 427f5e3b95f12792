"""Deliberate one-token bugs in C: every number one more and one less, every comparison and shift turned.

Numbers need no compilation of their own: all are replaced at once by `(fsdd_mutant == 7 ? 16 : 15)`, and the program is
given the number of the one to believe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# Left alone: what the preprocessor or an initializer needs as a constant, assertions, operands of single instructions.
SKIPPED_LINE = re.compile(
    r"^\s*(#(?!define \w+ \d+\b)|typedef char|static const"
    r"|.*(extract|insert)i128|.*v\w+_n_[su]\d+\(|.*\] = \{0\}|[-0-9,}; ]*$)"
)
NUMBER = re.compile(r"(?<![\w.])(\d+)(u?)(?![\w.])")
SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "<<": ">>", ">>": "<<"}
OPERATOR = re.compile(r" (<<|>>|<=|>=|==|!=|<|>) ")


class Mutant(NamedTuple):
    line: int
    text: str  # the source line
    change: str  # such as `15 -> 16`


def without_comments(source: str) -> str:
    """Comments become spaces: every other character stays in its place."""
    return re.sub(r"/\*.*?\*/", lambda comment: re.sub(r"[^\n]", " ", comment.group()), source, flags=re.DOTALL)


def guarded_lines(source: str, guard: str) -> set[int]:
    """The lines, from 0, between each `#ifdef guard` (or `#if`, `#elif`) and what ends it; they do not nest here."""
    found, inside = set(), False
    for line, text in enumerate(source.splitlines()):
        if text.startswith("#"):
            inside = text.startswith(("#ifdef", "#if ", "#elif")) and guard in text
        elif inside:
            found.add(line)
    return found


def _found(source: str, pattern: re.Pattern[str], lines: set[int]) -> Iterator[tuple[re.Match[str], int]]:
    code, offset = without_comments(source), 0
    for line, text in enumerate(code.splitlines(keepends=True)):
        if line in lines and not SKIPPED_LINE.match(text):
            start = text.index(" ", len("#define ")) if text.startswith("#define") else 0
            for match in pattern.finditer(code, offset + start, offset + len(text)):
                yield match, line
        offset += len(text)


def number_mutants(source: str, among: set[int]) -> tuple[str, list[Mutant]]:
    """The source in which each number of these lines asks `fsdd_mutant`, and the mutants: the first answers to 1."""
    lines, mutants, pieces, end = source.splitlines(), [], [], 0
    for match, line in _found(source, NUMBER, among):
        value, suffix = int(match[1]), match[2]
        choice = match.group()
        for other in (value + 1, value - 1) if value else (value + 1,):
            choice = f"(fsdd_mutant == {1 + len(mutants)} ? {other}{suffix} : {choice})"
            mutants.append(Mutant(line + 1, lines[line].strip(), f"{value} -> {other}"))
        pieces += [source[end : match.start()], choice]
        end = match.end()
    declared = "extern int fsdd_mutant;\n" if mutants else ""
    return declared + "".join([*pieces, source[end:]]), mutants


def operator_mutants(source: str, among: set[int]) -> Iterator[tuple[str, Mutant]]:
    """A source for each turned comparison and shift of these lines."""
    lines = source.splitlines()
    for match, line in _found(source, OPERATOR, among):
        turned = SWAPS[match[1]]
        changed = f"{source[: match.start(1)]}{turned}{source[match.end(1) :]}"
        yield changed, Mutant(line + 1, lines[line].strip(), f"{match[1]} -> {turned}")
