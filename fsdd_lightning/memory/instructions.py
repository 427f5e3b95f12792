"""How many instructions and cycles a network takes on a core, from its shape: formulas fitted to counts.

The counts are of the exported C at -O3, made under QEMU by tests/firmware/fit_costs.py, which writes instructions.json.
For shapes that were not fitted the formulas are right within 5 %, which tests/firmware/test_cost_formulas.py checks.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.memory.shape import NetworkShape

FILE_NAME = "instructions.json"


@dataclass(frozen=True)
class FrameTerms:
    """The instructions of one frame through a network with weights of one code."""

    word_columns: int  # weights of so many columns are read at once, and what fills no word one by one
    split_layers: int  # in so many of the lowest layers a row is two, input and hidden, each in words of its own
    frame: float
    an_input: float
    layer: float
    unit: float
    split_unit: float  # of the layers that are split
    four_units: float  # of which the last ones may be fewer: vectors hold as many
    word: float  # of the four gates of a unit
    rest_column: float
    rest: float  # where there are such columns

    def variables(self, shape: NetworkShape) -> tuple[int, ...]:
        """What the coefficients are multiplied by, in their order from `frame` on."""
        units, layers, split = shape.hidden_size, shape.layers, min(self.split_layers, shape.layers)
        rests = [columns % self.word_columns for columns in self._columns(shape)]
        words = sum(columns // self.word_columns for columns in self._columns(shape))
        beside = sum(rest > 0 for rest in rests)
        once = (1, shape.inputs, layers, layers * units, split * units, layers * -(-units // 4))
        return (*once, words * units, sum(rests) * units, beside * units)

    def _columns(self, shape: NetworkShape) -> list[int]:
        split = min(self.split_layers, shape.layers)
        parts = [columns for layer in range(split) for columns in (shape.layer_inputs(layer), shape.hidden_size)]
        return parts + [shape.layer_inputs(layer) + shape.hidden_size for layer in range(split, shape.layers)]

    def instructions(self, shape: NetworkShape) -> float:
        """Of one frame."""
        return _product(self, self.variables(shape))


@dataclass(frozen=True)
class ClipTerms:
    """The instructions of what is done once a clip: the state is emptied, and the logits are compared."""

    clip: float
    state_word: float  # of 16 bits
    word: float  # that can be told
    word_column: float

    def variables(self, shape: NetworkShape) -> tuple[int, ...]:
        """What the coefficients are multiplied by, in their order."""
        state = shape.inputs + 3 * shape.layers * shape.hidden_size
        return (1, state, shape.classes, shape.classes * shape.hidden_size)

    def instructions(self, shape: NetworkShape) -> float:
        """Of one clip."""
        return _product(self, self.variables(shape))


def _product(terms: FrameTerms | ClipTerms, variables: tuple[int, ...]) -> float:
    coefficients = list(asdict(terms).values())[-len(variables) :]
    return float(sum(a * b for a, b in zip(coefficients, variables, strict=True)))


@dataclass(frozen=True)
class NetworkCost:
    """Of networks with one weight code on one core."""

    frame: FrameTerms
    clip: ClipTerms
    cycles_per_instruction: float | None  # None: of this core no cycles are estimated

    def instructions(self, shape: NetworkShape, frames: int) -> float:
        """Of a clip of so many frames, from an empty state to its word."""
        return frames * self.frame.instructions(shape) + self.clip.instructions(shape)


@dataclass(frozen=True)
class FrontEndCost:
    """Instructions of a frame of a word, measured: from samples to features, and the search for the word's end."""

    window: int
    hop: int
    bands: int
    coefficients: int
    deltas: bool
    front_end: int
    endpointer: int
    cycles_per_instruction: float | None

    @property
    def instructions(self) -> int:
        """Of both."""
        return self.front_end + self.endpointer

    def is_of(self, front_end: FrontEnd) -> bool:
        """Whether this one was measured: only what decides on the number of operations counts."""
        names = ("window", "hop", "bands", "coefficients", "deltas")
        return all(getattr(self, name) == getattr(front_end, name) for name in names)


@dataclass(frozen=True)
class CoreCost:
    """What was measured on one core."""

    name: str  # such as M4
    compiler: str
    networks: dict[str, NetworkCost]  # by weight code
    front_ends: tuple[FrontEndCost, ...]

    def front_end(self, wanted: FrontEnd | None) -> FrontEndCost | None:
        """Of a front end like this; None where there is none, or none such was measured."""
        return next((cost for cost in self.front_ends if wanted is not None and cost.is_of(wanted)), None)

    def as_record(self) -> dict[str, Any]:
        """For the file."""
        return asdict(self)


@cache
def core_costs() -> tuple[CoreCost, ...]:
    """All cores, those without a multiply-accumulate first."""
    text = (files("fsdd_lightning.memory") / FILE_NAME).read_text(encoding="utf-8")
    return tuple(core_from_record(record) for record in json.loads(text))


def core_from_record(record: dict[str, Any]) -> CoreCost:
    """The inverse of `as_record`."""
    networks = {
        code: NetworkCost(FrameTerms(**cost["frame"]), ClipTerms(**cost["clip"]), cost["cycles_per_instruction"])
        for code, cost in record["networks"].items()
    }
    front_ends = tuple(FrontEndCost(**cost) for cost in record["front_ends"])
    return CoreCost(record["name"], record["compiler"], networks, front_ends)
