"""How figures become files: texts as they are written, each file in one step. What can't be drawn is a note, no error.

A picture shows results and is none: nothing that is computed is lost with it.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.errors import first_line
from fsdd_lightning.escaping import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Whatever a user's matplotlibrc says: names may hold dollars, and nobody needs TeX.
LITERAL: Any = {"text.parse_math": False, "text.usetex": False, "axes.formatter.use_mathtext": False}
NOT_DRAWN = "could not be drawn, which changes no result"
_LONGEST, _LONGEST_LABEL = 100, 40  # characters of a line

logger = logging.getLogger(__name__)


@contextmanager
def literal_texts() -> Iterator[None]:
    """Inside the context matplotlib draws every text as it is, and a box for a character that the font lacks.

    Both making a figure and saving it belong inside: ticks are made when it is saved.
    """
    import matplotlib

    with matplotlib.rc_context(LITERAL), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        warnings.filterwarnings("ignore", message=".*constrained_layout not applied")
        yield


def caption(text: str, longest: int = _LONGEST) -> str:
    """`text` with lines of visible characters that fit into a figure: names are data."""
    lines = [visible(line) for line in text.split("\n")[:3]]
    return "\n".join(line if len(line) <= longest else f"{line[: longest - 1]}…" for line in lines)


def label(text: str, longest: int = _LONGEST_LABEL) -> str:
    """A name beside an axis or in a legend, which would leave out what begins with an underscore."""
    cut = caption(visible(text), longest)
    return f" {cut}" if cut.startswith("_") else cut


def draw(path: Path, make: Callable[[], Figure], copies: Sequence[Path] = ()) -> str | None:
    """Write the figure that `make` returns to PNGs; equal figures give equal bytes. A line on why there is none."""
    try:
        with literal_texts():
            buffer = io.BytesIO()
            make().savefig(buffer, format="png", metadata={"Software": None})
        for place in (path, *copies):
            replace_file(place, buffer.getvalue())
    except Exception as error:
        logger.info("%s is not drawn", path, exc_info=True)
        return not_drawn(", ".join(place.name for place in (path, *copies)), error)
    return None


def not_drawn(name: str, error: Exception) -> str:
    """The note on a picture that there is not."""
    return f"{name} {NOT_DRAWN}: {first_line(error)}"
