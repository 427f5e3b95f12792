"""C source for arbitrary text and numbers: names, string literals, arrays."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE_WIDTH = 110
C_TYPES = {"|u1": "uint8_t", "|i1": "int8_t", "<i2": "int16_t", "<i4": "int32_t", "<f4": "float"}
LONGEST_IDENTIFIER = 40
PRINTABLE = {chr(code) for code in range(0x20, 0x7F)} - set('"\\?')  # ? could start a trigraph


def c_identifier(name: str) -> str:
    """A lower-case prefix for C names, such as `my_model_7` for "My model 7".

    Every use appends a suffix (`_model`, `_state`), so the result is never a keyword. A digit or underscore in front,
    nothing at all, and `fsdd`, the runtime's own prefix, get `net_` before them.
    """
    identifier = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST_IDENTIFIER].rstrip("_")
    reserved = not identifier or identifier[0].isdigit() or identifier.startswith("fsdd")
    return f"net_{identifier}".rstrip("_") if reserved else identifier


def c_string(text: str) -> str:
    """A string literal of the text's UTF-8 bytes; what is not plain ASCII becomes three octal digits."""
    quoted = "".join(
        chr(byte) if chr(byte) in PRINTABLE else f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogatepass")
    )
    return f'"{quoted}"'


def c_values(array: NDArray[Any]) -> str:
    """The numbers of an array, folded into lines: what stands between the braces of its definition."""
    flat = array.reshape(-1)
    texts = map(_float_literal, flat) if flat.dtype.kind == "f" else map(str, flat.tolist())
    return textwrap.fill(", ".join(texts), LINE_WIDTH, initial_indent="    ", subsequent_indent="    ")


def _float_literal(value: np.float32) -> str:
    """Nine digits name one float32 exactly; C reads the same value back."""
    return f"{value:.8e}f"
