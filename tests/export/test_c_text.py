"""Names and strings in C, whatever the user called his model and his labels."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdd_lightning.export.c_text import LINE_WIDTH, c_identifier, c_string, c_values


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("digits", "digits"),
        ("My model 7", "my_model_7"),
        ("int8/seed=1", "int8_seed_1"),
        ("7up", "net_7up"),
        ("__x__", "x"),
        ("", "net"),
        ("日本", "net"),
        ("*/ int x; /*", "int_x"),
        ("fsdd", "net_fsdd"),
        ("FSDD_LSTM", "net_fsdd_lstm"),
        ("a" * 100, "a" * 40),
    ],
)
def test_identifiers_by_hand(name: str, identifier: str) -> None:
    assert c_identifier(name) == identifier


@given(st.text())
def test_every_name_becomes_a_prefix_of_its_own_kind(name: str) -> None:
    identifier = c_identifier(name)
    assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]|[a-z]", identifier)
    assert not identifier.startswith("fsdd")
    assert c_identifier(identifier) == identifier


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("zero", '"zero"'),
        ('"', r'"\042"'),
        ("\\", r'"\134"'),
        ("??/", r'"\077\077/"'),  # a trigraph for a backslash
        ("a\nb", r'"a\012b"'),
        ("é1", r'"\303\2511"'),  # three digits: the 1 is not part of the second byte
        ("", '""'),
    ],
)
def test_strings_by_hand(text: str, literal: str) -> None:
    assert c_string(text) == literal


@given(st.text())
def test_strings_are_ascii_and_mean_the_text(text: str) -> None:
    body = c_string(text)[1:-1].encode("ascii")
    assert b'"' not in body and b"?" not in body
    meant = re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]), body)
    assert meant.decode("utf-8", "surrogatepass") == text


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_come_back_exactly(values: list[float]) -> None:
    array = np.array(values, np.float32)
    read = [np.float32(text.strip().removesuffix("f")) for text in c_values(array).split(",")]
    assert np.array(read, np.float32).tobytes() == array.tobytes()


def test_numbers_are_folded_into_lines() -> None:
    lines = c_values(np.arange(-200, 200, dtype=np.int32)).splitlines()
    assert len(lines) > 5 and max(map(len, lines)) <= LINE_WIDTH
    assert [int(word) for word in " ".join(lines).split(",")] == list(range(-200, 200))
