"""The search space: config keys and their values, all known before the search starts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from fsdd_lightning.errors import UserError

Values = tuple[str, ...]  # one text a dimension, in the order of the dimensions


@dataclass(frozen=True)
class Dimension:
    """One config key or group and the values it may take, as they are written on a command line."""

    key: str
    values: Values

    @property
    def grid(self) -> range | None:
        """The values as evenly spaced integers in ascending order, so that neighbors are alike; None for names."""
        try:
            numbers = sorted({int(value) for value in self.values})
        except ValueError:
            return None
        step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
        grid = range(numbers[0], numbers[-1] + 1, step)
        return grid if numbers == list(grid) else None

    @property
    def ends(self) -> Values:
        """The values that are checked before a search starts: all names, or the ends of a range."""
        return self.values if self.grid is None else (str(self.grid[0]), str(self.grid[-1]))


@dataclass(frozen=True)
class Space:
    """`fixed` overrides are the same in every trial."""

    fixed: tuple[str, ...]
    dimensions: tuple[Dimension, ...]

    def overrides(self, values: Sequence[str]) -> list[str]:
        """The overrides of one trial; what differs comes first, so that it can be read in the name of its folder."""
        chosen = [f"{dimension.key}={value}" for dimension, value in zip(self.dimensions, values, strict=True)]
        return [*chosen, *self.fixed]

    def points(self) -> Iterator[Values]:
        """Every trial that can be chosen."""
        return itertools.product(*(dimension.values for dimension in self.dimensions))

    def probes(self) -> Iterator[Values]:
        """A few trials in which every name and every extreme occurs."""
        first = tuple(dimension.values[0] for dimension in self.dimensions)
        yield first
        for place, dimension in enumerate(self.dimensions):
            for value in dimension.ends:
                if value != first[place]:
                    yield (*first[:place], value, *first[place + 1 :])


def search_space(
    params: Mapping[str, str], arguments: Sequence[str], config_loader: ConfigLoader | None = None
) -> Space:
    """`params` of the config; an override of the command line replaces the one with the same key.

    `config_loader`: is asked for the options that a glob matches.

    Raises:
        UserError: nothing to choose from, or a range without an end.
    """
    parser = OverridesParser.create(config_loader)
    configured = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    given = parser.parse_overrides(list(arguments))
    merged = {override.get_key_element(): override for override in (*configured, *given)}
    swept = {key: override for key, override in merged.items() if override.is_sweep_override()}
    if not swept:
        raise UserError("a search needs something to choose from, such as model.hidden_size=8,16,24")
    fixed = [override.input_line or "" for key, override in merged.items() if key not in swept]
    return Space(tuple(fixed), tuple(Dimension(key, _values(override)) for key, override in swept.items()))


def _values(override: Override) -> Values:
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line}: a search takes choice(...) or range(start,stop,step)")
    return tuple(dict.fromkeys(override.sweep_string_iterator()))
