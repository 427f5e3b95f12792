"""What a clip costs on the cores that people flash, as fsdd-plan prints it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from fsdd_lightning.console.tables import plain_table
from fsdd_lightning.memory.device_cost import ClipCost, Device

UNKNOWN = "-"
WITHOUT_TABLE = "M4, M55: without the table of export.target=arm_dsp, which takes a third of it"
MILLIONS_FROM = 10_000_000  # longer numbers have no room in 80 columns


def cost_table(costs: Sequence[ClipCost], device: Device) -> Table:
    """One row for each core. `cost_lines` say what is counted and what is estimated."""
    heard = _heard(costs)
    numbers = ["network", *(["and sound"] if heard else []), "cycles", *(f"ms at {mhz:.4g}" for mhz in device.mhz)]
    numbers += ["frames/s", *([] if device.ua_per_mhz is None else ["mJ"])]
    table = plain_table(f"A clip of {costs[0].frames} frames on a microcontroller", ("core",), tuple(numbers))
    table.collapse_padding, table.show_edge = True, False  # 80 columns
    table.columns[0].no_wrap = True
    for cost in costs:
        table.add_row(cost.core, *_cells(cost, device, heard))
    return table


def cost_lines(costs: Sequence[ClipCost], device: Device, hop_ms: float, code_name: str) -> list[str]:
    """What stands below the table, each of at most 80 columns."""
    sound = "and sound: + front end and listener" if _heard(costs) else "this front end is not counted"
    energy = "energy: --ua-per-mhz UA --volts V, of your device's datasheet"
    if device.ua_per_mhz is not None:
        energy = f"mJ: cycles x {device.ua_per_mhz:g} uA/MHz x {device.volts:g} V, while the core computes"
    return [
        f"instructions: the C at -O3, within 5 %; {sound}",
        "cycles: estimated, by Arm's manuals, without wait states; -: no figure",
        f"ms: at MHz; frames/s: at {device.mhz[0]:g} MHz, where a microphone gives {1000 / hop_ms:g}",
        energy,
        *([WITHOUT_TABLE] if code_name == "pot" else []),
    ]


def _heard(costs: Sequence[ClipCost]) -> bool:
    return any(cost.front_end is not None for cost in costs)


def _cells(cost: ClipCost, device: Device, heard: bool) -> list[str]:
    energy = [] if device.ua_per_mhz is None else [_short(cost.millijoules(device))]
    return [
        _whole(cost.network),
        *([_whole(cost.instructions)] if heard else []),
        _whole(cost.cycles),
        *(_short(cost.milliseconds(mhz)) for mhz in device.mhz),
        _whole(cost.frames_per_second(device.mhz[0])),
        *energy,
    ]


def _whole(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value < MILLIONS_FROM else f"{value / 1e6:,.1f} M"


def _short(value: float | None) -> str:
    """Three digits at least."""
    if value is None or value >= 100:
        return _whole(value)
    return f"{value:.3g}" if value < 1 else f"{value:.1f}"
