"""What a clip costs on a core in time and energy, from instruction counts and the figures of a user's device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.memory.instructions import CoreCost, core_costs
from fsdd_lightning.memory.shape import NetworkShape


@dataclass(frozen=True)
class Device:
    """Clocks that are asked about, and the supply while the core computes, as its datasheet has it."""

    mhz: tuple[float, ...]
    ua_per_mhz: float | None = None  # None: nobody asks about energy
    volts: float = 3.0

    @property
    def picojoules_per_cycle(self) -> float | None:
        """uA/MHz is 10^-6 A / 10^6 Hz = 10^-12 C a cycle; times volts: 10^-12 J."""
        return None if self.ua_per_mhz is None else self.ua_per_mhz * self.volts


@dataclass(frozen=True)
class ClipCost:
    """One clip on one core, from samples to its word where the front end was measured, else from features on."""

    core: str
    frames: int
    network: float  # instructions
    front_end: float | None  # instructions of front end and listener; None: not counted
    cycles: float | None  # of both, estimated; None: nothing is known of this core

    @property
    def instructions(self) -> float:
        """Of all that is counted."""
        return self.network + (self.front_end or 0.0)

    def milliseconds(self, mhz: float) -> float | None:
        """At this clock."""
        return None if self.cycles is None else self.cycles / mhz / 1e3

    def frames_per_second(self, mhz: float) -> float | None:
        """That could be computed at this clock, if the core did nothing else."""
        return None if self.cycles is None else self.frames * mhz * 1e6 / self.cycles

    def millijoules(self, device: Device) -> float | None:
        """While it computes; what the device draws between clips is not in it."""
        picojoules = device.picojoules_per_cycle
        return None if self.cycles is None or picojoules is None else self.cycles * picojoules * 1e-9


def clip_costs(
    shape: NetworkShape,
    code_name: str,
    frames: int,
    front_end: FrontEnd | None,
    cores: Sequence[CoreCost] | None = None,
) -> tuple[ClipCost, ...]:
    """One for each core on which this weight code was counted."""
    known = core_costs() if cores is None else cores
    return tuple(_clip_cost(core, shape, code_name, frames, front_end) for core in known if code_name in core.networks)


def _clip_cost(
    core: CoreCost, shape: NetworkShape, code_name: str, frames: int, front_end: FrontEnd | None
) -> ClipCost:
    network, heard = core.networks[code_name], core.front_end(front_end)
    count = network.instructions(shape, frames)
    before = None if heard is None else float(frames * heard.instructions)
    parts = [(count, network.cycles_per_instruction)]
    if heard is not None:
        parts.append((frames * heard.instructions, heard.cycles_per_instruction))
    return ClipCost(core.name, frames, count, before, _cycles(parts))


def _cycles(parts: Sequence[tuple[float, float | None]]) -> float | None:
    cycles = [instructions * each for instructions, each in parts if each is not None]
    return sum(cycles) if len(cycles) == len(parts) else None
