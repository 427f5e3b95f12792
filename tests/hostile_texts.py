"""Texts from outside that want to be more than texts, and what no place may show of them."""

from __future__ import annotations

import unicodedata

import pytest

from fsdd_lightning.escaping import visible

HOSTILE = {
    "title of the terminal": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "return": "good\r overwritten",
    "backspace": "rm\x08\x08ls",
    "lines": "a\n[2026-01-01 00:00:00,000][fsdd_lightning][INFO] - forged\n# b\n\n* c",
    "bidi": "\u202egnp.exe\u202c \u2066x\u2069 \u200f",
    "surrogate": "\udcff\ud800",
    "formula": "=cmd|'/C calc'!A0",
    "at": "@SUM(1+9)*cmd|' /C calc'!A0",
    "quoted formula": "'=1+1",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "tab": "\t=1+1",
    "script": "</script><script>alert(1)</script><!--",
    "link": "[x](javascript:1) ![y](http://a.b/c.png) <http://a.b> www.a.b",
    "code": "``` `x` ~~~",
    "table": "a | b || c",
    "math": "$$ $x$ $5_$10_",
    "emphasis": "**a** _b_ __c__ *d* ~~e~~ \\*f",
    "C1": "\x9b31m\x85\x90q\x9c",
    "separators": "a\u2028b\u2029c\x0bd\x0ce",
    "zero": "a\x00b\x7fc",
    "emoji": "\N{GRINNING FACE}\N{WOMAN}\u200d\N{PERSONAL COMPUTER}",
    "marks": "e\u0301\u0300\u0301 \ufeffx\u00ad",
    "entities": "&lt;b&gt; &#x202e; &amp;",
    "comment": "*/ int x; /* ??/ \\",
    "rich": "[bold red]x[/] :smile: [link=http://a.b]y[/link]",
    "template": "{{7*7}} ${x} %(message)s {0} %s",
    "block": "# a",
    "closing": "a ##",
    "list": "- a",
    "number": "1. a",
    "rule": "---",
    "long": "x" * 300,
}

texts = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


def unseen(text: str) -> set[str]:
    """Characters of a text that steer a terminal or the order of reading, or that no encoding has; its lines may be."""
    return {each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


def assert_is_a_line(shown: str) -> None:
    """One line of which everything is seen."""
    assert unseen(shown) == set()
    assert len(shown.splitlines()) == 1 and shown.endswith("\n")


def squeezed(text: str) -> str:
    """Without spaces, of which tables and Markdown keep one."""
    return "".join(visible(text).split())
