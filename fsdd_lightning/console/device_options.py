"""The options of fsdd-plan that describe a device. They change no trial, so they are no config keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fsdd_lightning.console.command_line import CommandParser
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.device_cost import Device

MOST_CLOCKS = 2  # so that their columns fit beside the others
_MHZ, _UA_PER_MHZ, _VOLTS = (1, 2_000), (0.01, 100_000), (0.1, 60)


def take_device_options(words: Sequence[str]) -> tuple[Device, list[str]]:
    """The device, and all other words in their order.

    Raises:
        UserError: an option without value, or a value that no device has.
    """
    parser = CommandParser(prog="fsdd-plan", add_help=False, allow_abbrev=False)
    parser.add_argument("--mhz", type=_clocks, default=(64.0, 480.0))
    parser.add_argument("--ua-per-mhz", type=_number("--ua-per-mhz", "uA/MHz", *_UA_PER_MHZ))
    parser.add_argument("--volts", type=_number("--volts", "V", *_VOLTS))
    options, others = parser.parse_known_args(list(words))
    if options.volts is not None and options.ua_per_mhz is None:
        raise UserError("--volts alone makes no energy: give --ua-per-mhz, too, from the device's datasheet")
    return Device(options.mhz, options.ua_per_mhz, options.volts or Device.volts), others


def _clocks(text: str) -> tuple[float, ...]:
    one = _number("--mhz", "MHz", *_MHZ)
    clocks = tuple(map(one, text.split(",")))
    if len(clocks) > MOST_CLOCKS:
        raise UserError(f"--mhz: {len(clocks)} clocks are more than a table has room for; give at most {MOST_CLOCKS}")
    return clocks


def _number(option: str, unit: str, least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise UserError(f"{option} {text[:40]!r} is no number of {unit} from {least:g} to {most:,g}")
        return value

    return read
