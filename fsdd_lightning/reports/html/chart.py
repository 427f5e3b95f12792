"""Charts as inline SVG whose marks stand at percentages of the plot, so that one drawing fits every width.

Nothing is styled here: the page's style sheet gives colors, by mode and for light and dark ground, and sizes in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fsdd_lightning.reports.choice import Budget

_MANY_DOTS = 250


@dataclass(frozen=True)
class Tick:
    """`minor`: it is left out where there is little room."""

    at: float
    text: str
    minor: bool = False


@dataclass(frozen=True)
class Dot:
    """A mark at (x, y) percent, moved by dx pixels; low, high: the ends of its whisker.

    trial: place of its run in the frame, None for a mean over runs. `title`: what it stands for, in lines.
    """

    x: float
    y: float
    mode: str
    mark: int
    title: str
    trial: int | None = None
    dx: float = 0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """From (x1, y1) to (x2, y2), in percent."""

    x1: float
    y1: float
    x2: float
    y2: float
    mode: str = ""


@dataclass(frozen=True)
class Chart:
    """`front`: lines through what is chosen at each size; `zero`: height of a line at zero.

    keys: what the legend holds: (mode, mark, text). log2: exponents of the bytes at the left and right edge, or None.
    """

    name: str
    title: str
    below: str
    x_label: str
    y_label: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    dots: Sequence[Dot]
    keys: Sequence[tuple[str, int, str]]
    lines: Sequence[Line] = ()
    front: Sequence[Line] = ()
    budgets: Sequence[tuple[float, Budget]] = ()
    log2: tuple[float, float] | None = None
    zero: float | None = None

    @property
    def is_dense(self) -> bool:
        """Whether its dots have to be small."""
        return len(self.dots) > _MANY_DOTS


@dataclass(frozen=True)
class Scale:
    """A range of values on an axis of percent; `down`: large values stand at the top, as SVG counts from there."""

    low: float
    high: float
    down: bool = True

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(100 * (1 - share if self.down else share), 2)


def percent_scale(values: Iterable[float], zero: bool = False) -> Scale:
    """Some air around all values, none above 100 %; `zero` is to be seen, and there is no upper end."""
    found = [value for value in values if not math.isnan(value)] + ([0.0] if zero else [])
    low, high = min(found), max(found)
    air = max(0.1 * (high - low), 0.25)
    top = high + air if zero else min(high + air, 100 + 0.4 * air)
    return Scale(low - air, top)


def ticks(up: Scale, room: int = 6) -> list[Tick]:
    """At round numbers: 1, 2 or 5 times a power of ten apart."""
    span = (up.high - up.low) / room
    power = 10.0 ** math.floor(math.log10(span))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= span)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    numbers = range(math.ceil(up.low / step), math.floor(up.high / step) + 1)
    return [Tick(up(number * step), f"{number * step:.{digits}f}") for number in numbers]
