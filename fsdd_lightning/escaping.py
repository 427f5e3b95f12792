r"""Text that comes from outside (names of files, labels, records, answers of servers), made safe to show.

One rule for the console, logs, reports, tables and TensorBoard: a character that would not be seen as itself is
written as its escape, as Python's `repr` does. A terminal can't be steered, a line can't become two, and nothing is
read from right to left that was written from left to right.
"""

from __future__ import annotations

import html
import unicodedata

# Other, and separators: control and format characters (with them bidirectional overrides), surrogates, private and
# unassigned ones, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKDOWN = {ord(character): f"\\{character}" for character in "\\`*_[]#~"} | {ord("|"): "&#124;"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV Injection": with these a spreadsheet's formula begins


def visible(text: object) -> str:
    r"""`text` as one line of visible characters; others as `\n`, `\x1b`, `\u202e`. Visible text comes back as it is."""
    plain = str(text)
    if plain.isprintable():  # nearly always, and fast
        return plain
    return "".join(map(_visible, plain))


def _visible(character: str) -> str:
    return ascii(character)[1:-1] if unicodedata.category(character) in _INVISIBLE else character


def markdown(text: object) -> str:
    """`text` as Markdown that shows it literally, also in a cell of a table: no markup, no HTML."""
    return html.escape(visible(text), quote=False).translate(_MARKDOWN)


def csv_cell(value: object) -> object:
    """A cell that no spreadsheet computes: text that begins as a formula gets an apostrophe; numbers stay."""
    if not isinstance(value, str):
        return value
    shown = visible(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
