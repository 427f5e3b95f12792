"""Regular expressions that a config, or the record of a stranger, may hold: none that searches for years."""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_LONGEST = 300  # characters
_MOST_REPEATS = 5  # as many parts of a name that may be of any length
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_REFERENCES = (codes.GROUPREF, codes.GROUPREF_EXISTS)


def pattern_problem(pattern: str) -> str | None:
    """Why matching a name could take more than a moment; None if it can't. The pattern is one that `re` compiles.

    A repeat within a repeat tries 2^n ways to divide n characters, and k repeats in a row n^k.
    """
    if len(pattern) > _LONGEST:
        return f"has more than {_LONGEST} characters"
    depths = list(_depths(parser.parse(pattern), 1))
    if any(depth > 1 for depth in depths):
        return "repeats what repeats, such as (a+)+, which may search for years: write it without"
    return f"has more than {_MOST_REPEATS} repeats, such as +" if len(depths) > _MOST_REPEATS else None


def _depths(parsed: Any, depth: int) -> Iterator[int]:
    """Of every repeat in how many it is; a reference to a group counts as a repeat within another."""
    for code, arguments in parsed:
        if code in _REFERENCES:
            yield 2
        elif code in _REPEATS and arguments[1] > 1:
            yield depth
            yield from _depths(arguments[2], depth + 1)
        else:
            for inner in _inside(arguments):
                yield from _depths(inner, depth)


def _inside(arguments: Any) -> Iterator[Any]:
    """The patterns among the arguments of an operation."""
    if isinstance(arguments, parser.SubPattern):
        yield arguments
    elif isinstance(arguments, list | tuple):
        for each in arguments:
            yield from _inside(each)


def compiled(pattern: str) -> tuple[re.Pattern[str] | None, str]:
    """The expression, or None and what is wrong with it."""
    try:
        found = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return None, f"is no regular expression ({error})"
    problem = pattern_problem(pattern)
    return (found, "") if problem is None else (None, problem)
