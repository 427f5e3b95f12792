"""Text from outside is shown as what it is."""

import html
import sys
import unicodedata

import pytest

from fsdd_lightning.escaping import csv_cell, markdown, visible


def test_visible_text_stays_as_it_is() -> None:
    text = "Café 零 ñ \N{SPEAKER WITH THREE SOUND WAVES} a\\b 'c' \"d\""
    assert visible(text) == text


def test_every_character_of_unicode_is_shown_on_one_line() -> None:
    for code in range(sys.maxunicode + 1):
        shown = visible(chr(code))
        assert shown
        assert all(unicodedata.category(character)[0] != "C" for character in shown), hex(code)
        assert len(f"a{shown}b".splitlines()) == 1, hex(code)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("one\ntwo\r", "one\\ntwo\\r"),
        ("\u202eabc", "\\u202eabc"),
        ("\x9b31m", "\\x9b31m"),
        ("\udcff", "\\udcff"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_what_is_not_seen_is_written_as_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["<script>", "[a](b)", "*a*", "`a`", "# a", "a|b", "\\", "_a_ b_", "~~a~~", "$$", "a$b$", "&lt;"]
)
def test_markdown_shows_the_text_literally(text: str) -> None:
    shown = markdown(text)
    assert "<" not in shown and "|" not in shown
    unescaped = html.unescape("".join(part for part in shown.split("\\\\")).replace("\\", ""))
    assert unescaped.replace("\\", "") == text.replace("\\", "")
    assert all(
        shown[at - 1] == "\\"
        for at, character in enumerate(shown)
        if character in "`*_[]~$" and shown[at - 1 : at + 1] != "&#"
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


def test_numbers_and_plain_text_stay_cells() -> None:
    assert [csv_cell(value) for value in (-1.5, 3, None, "-", "a")] == [-1.5, 3, None, "'-", "a"]
