"""How figures look: light or dark, wide or narrow, and how they become files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_LABEL = 40
_PNG_DPI = 200


@dataclass(frozen=True)
class Theme:
    """Colours; `series` can be told apart with any colour vision, in this order."""

    background: str
    text: str
    faint: str
    colormap: str
    series: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """A theme in a width: wide for screens from 640 px and for paper, narrow for phones."""

    theme: Theme
    width_in: float
    narrow: bool


LIGHT = Theme(
    "#ffffff", "#1f2328", "#d0d7de", "Blues",
    ("#0072b2", "#d55e00", "#008f68", "#a0499b", "#b8860b", "#3aa0dc", "#6b6b6b", "#c2185b", "#7a8b00", "#4b3fae"),
)  # fmt: skip
DARK = Theme(
    "#14181f", "#e6edf3", "#3a424d", "cividis",
    ("#4fb0e8", "#ff9354", "#3fd0a4", "#d78ad2", "#f0c24b", "#9ad7ff", "#b4b4b4", "#ff7fab", "#c3d44a", "#a59cff"),
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
WIDE_IN, NARROW_IN = 7.0, 4.0
LOOKS = {
    "light": Look(LIGHT, WIDE_IN, False),
    "dark": Look(DARK, WIDE_IN, False),
    "light_narrow": Look(LIGHT, NARROW_IN, True),
    "dark_narrow": Look(DARK, NARROW_IN, True),
}


def printable(text: str) -> str:
    """A label that fits and holds nothing but signs: names are data."""
    plain = "".join(sign if sign.isprintable() else "�" for sign in text)
    cut = plain if len(plain) <= _LONGEST_LABEL else f"{plain[: _LONGEST_LABEL - 1]}…"
    return f" {cut}" if cut.startswith("_") else cut  # legends leave out what begins with an underscore


def rendered(draw: Callable[[Look], Figure], look: Look, file_format: str) -> bytes:
    """The figure as "svg" or "png"; equal data give equal bytes."""
    import matplotlib

    config: Any = _config(look)
    with matplotlib.rc_context(config), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a speaker's name in a script that the font lacks
        figure, buffer = draw(look), io.BytesIO()
        created = {"Software": None} if file_format == "png" else {"Date": None, "Creator": None}
        figure.savefig(buffer, format=file_format, metadata=created)
    return buffer.getvalue()


def _config(look: Look) -> dict[str, Any]:
    theme = look.theme
    backgrounds = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), theme.background)
    texts = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), theme.text
    )
    return {
        **backgrounds,
        **texts,
        "axes.edgecolor": theme.faint,
        "grid.color": theme.faint,
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "font.size": 9.5,
        "font.family": "DejaVu Sans",
        "legend.frameon": False,
        "legend.fontsize": 9,
        "text.parse_math": False,  # names may hold dollars
        "svg.hashsalt": "fsdd_lightning",
        "savefig.dpi": _PNG_DPI,
    }
