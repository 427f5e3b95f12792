"""Mappings of configs with another value somewhere."""

from __future__ import annotations

from typing import Any


def changed(mapping: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A copy with this value at a key such as `model.hidden_size`."""
    first, _, rest = key.partition(".")
    return {**mapping, first: changed(mapping[first], rest, value) if rest else value}
