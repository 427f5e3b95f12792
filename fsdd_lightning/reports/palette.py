"""One color and one mark for every mode, in all figures and pages, whatever else is shown beside it.

Both palettes were chosen so that any two colors lie at least 9 apart (CIE76) for normal, protan, deutan and tritan
vision (Machado 2009); marks tell modes apart without any color.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")  # in matplotlib's letters


@dataclass(frozen=True)
class Style:
    """How a mode is drawn: its color on light and on dark ground, and its mark, an index of MARKERS."""

    light: str
    dark: str
    mark: int


MODES = {
    "float32": Style("#4d5561", "#d5e9dc", 0),
    "int8_ptq": Style("#0d5c94", "#5d74cb", 1),
    "int8_qat": Style("#a83100", "#f07b2a", 2),
    "int8_pot_scale": Style("#09a776", "#19ea92", 3),
    "int4_qat": Style("#d536c6", "#c991d7", 4),
    "pot_qat": Style("#ac9626", "#ffd943", 5),
    "ternary_qat": Style("#379aff", "#a9e5ff", 6),
    "torch_dynamic": Style("#c4123f", "#f44f8b", 7),
    "torch_static": Style("#4a2fb0", "#857dff", 8),
}
# For modes of a user's own: no mode above has one of these.
_RESERVED = (
    ("#71993f", "#a4bc53"),
    ("#744329", "#c98f6a"),
    ("#008d8d", "#4bc1a9"),
    ("#635be1", "#bba3ff"),
    ("#d0679a", "#fca3d7"),
)


def style_of(mode: str) -> Style:
    """The style of a mode, the same for ever: that of an unknown one follows from its name alone."""
    if mode in MODES:
        return MODES[mode]
    digest = hashlib.sha256(mode.encode("utf-8", "backslashreplace")).digest()
    light, dark = _RESERVED[digest[0] % len(_RESERVED)]
    return Style(light, dark, digest[1] % len(MARKERS))


def marks(series: Iterable[tuple[str, str]]) -> dict[str, int]:
    """By name of a series its mark: the first of a mode has the mode's own, each further one the next.

    series: (mode, name), in the order of a legend.
    """
    found: dict[str, int] = {}
    seen: dict[str, int] = {}
    for mode, name in series:
        if name not in found:
            found[name] = (style_of(mode).mark + seen.get(mode, 0)) % len(MARKERS)
            seen[mode] = seen.get(mode, 0) + 1
    return found
