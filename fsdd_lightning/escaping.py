r"""Text that comes from outside (names of files, labels, records, answers of servers), made safe to show.

One rule for the console, logs, reports, tables and TensorBoard: a character that would not be seen as itself is
written as its escape, as Python's `repr` does. A terminal can't be steered, a line can't become two, and nothing is
read from right to left that was written from left to right.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import logging
import re
import unicodedata
from types import TracebackType
from typing import Any

LONGEST_LINE = 2000  # characters of an error; what is longer says no more

# Other, and separators: control and format characters (with them bidirectional overrides), surrogates, private and
# unassigned ones, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ALWAYS_MARKUP = {ord(character): f"\\{character}" for character in "\\`*[]~$"} | {ord("|"): "&#124;"}
_OUTER_UNDERSCORES = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")  # those within a word are no emphasis
_BLOCK = re.compile(r"(?=[#=]|[-+](?:[\s-]|$))|(?<=\d)(?=[.)](?:\s|$))")  # at the start of a line, or behind a number
_CLOSING = re.compile(r"(?<=\s)(?=#+$)")  # of a heading
_NUMBERED = re.compile(r"\d{1,9}")
_LINK = re.compile(r"(?<=www)(?=\.)|(?=://)", re.IGNORECASE)  # GitHub makes links of bare addresses
_FORMULA = ("=", "+", "-", "@")  # OWASP, "CSV Injection": with these a spreadsheet's formula begins
_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def visible(text: object) -> str:
    r"""`text` as one line of visible characters; others as `\n`, `\x1b`, `\u202e`. Visible text comes back as it is."""
    plain = str(text)
    if plain.isprintable():  # nearly always, and fast
        return plain
    return "".join(map(_visible, plain))


def _visible(character: str) -> str:
    return ascii(character)[1:-1] if unicodedata.category(character) in _INVISIBLE else character


def visible_lines(text: str) -> str:
    """A text of our own that has several lines: these stay, and within each of them only visible characters."""
    return "\n".join(map(visible, text.split("\n")))


def one_line(text: object) -> str:
    """`text` as `visible` shows it, cut where it is longer than anybody reads."""
    shown = visible(text)
    return shown if len(shown) <= LONGEST_LINE else f"{shown[: LONGEST_LINE - 1]}…"


def markdown(text: object) -> str:
    """`text` as Markdown that shows it literally, also in a cell of a table: no markup, no HTML, no formula, no link.

    A backslash stands only before what CommonMark, or GitHub, would read as markup at that place: underscores at the
    ends of a word but not within it (`int8_ptq`), marks of lists and headings only at the ends. Several spaces are
    one.
    """
    plain = html.escape(" ".join(visible(text).split()), quote=False).translate(_ALWAYS_MARKUP)
    plain = _OUTER_UNDERSCORES.sub(lambda found: "\\_" * len(found[0]), plain)
    number = _NUMBERED.match(plain)
    mark = _BLOCK.match(plain, number.end() if number else 0)
    if mark is not None:
        plain = f"{plain[: mark.start()]}\\{plain[mark.start() :]}"
    return _LINK.sub(r"\\", _CLOSING.sub(r"\\", plain))


def json_text(content: Any, indent: int | None = None) -> str:
    """JSON in visible ASCII: of what is not, there are escapes in its strings."""
    return json.dumps(content, indent=indent).replace("\x7f", "\\u007f")


def embedded_json(content: Any) -> str:
    """JSON in visible ASCII that may stand in a script element of a page: it closes none, and opens no comment."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("\x7f", "\\u007f")
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def policy_hash(content: str) -> str:
    """As a Content-Security-Policy names a script or a style sheet that it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def csv_cell(value: object) -> object:
    """A cell that no spreadsheet computes: text that begins as a formula gets an apostrophe; numbers stay."""
    if not isinstance(value, str):
        return value
    shown = visible(value)
    return f"'{shown}" if _is_formula(shown) else shown


def csv_value(cell: str) -> str:
    """The text, as `visible` shows it, of which `csv_cell` made a cell."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    """Also of what has its apostrophe already, so that a reader takes away what was given."""
    return text.lstrip("' ").startswith(_FORMULA) and _NEGATIVE.fullmatch(text) is None


class LineFormatter(logging.Formatter):
    """Of a log in which every line that begins at the margin is a record of its own; tracebacks are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """As the base class does, without the traceback that another formatter may have left in the record."""
        record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """One line."""
        return visible(super().formatMessage(record).rstrip("\n"))

    def formatException(  # noqa: N802
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Lines, none of which could be taken for a record."""
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        """The same."""
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join(f"    {visible(line)}" for line in text.split("\n"))
