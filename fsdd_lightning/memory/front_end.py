"""What the way from samples to frames and words costs a device: the lines of a bill before and after the network's.

Flash are the arrays of the archive, byte for byte. RAM is the C struct of a listener, export/runtime/fsdd_listen.h: a
caller owns one per stream. While a frame is transformed the network rests, so its new hidden values are kept in the
transform's scratch, where they fit there.
"""

from __future__ import annotations

from dataclasses import fields

from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.memory.line import INT16_BYTES, INT32_BYTES, BillLine, int16_line, int32_line

FRONT_END, LISTENER = "front end", "listener"
LISTENER_STRUCT_BYTES = 12  # `fsdd_listener_model` without its numbers: 3 pointers
POINTER_BYTES = 4
COMPLEX_BYTES = 8


def front_end_flash(front_end: FrontEnd) -> list[BillLine]:
    """Multipliers and biases belong to a network, the tables to every network with this front end."""
    channels = front_end.channels
    tables = {name.removeprefix("front_end_"): array for name, array in front_end.tables.arrays().items()}
    return [
        int32_line("features", "multipliers", channels, "flash"),
        int32_line("features", "biases", channels, "flash"),
        *(
            BillLine(FRONT_END, f"{name.replace('_', ' ')}, {array.dtype.name}", array.size, array.nbytes, "flash")
            for name, array in tables.items()
        ),
        int16_line(LISTENER, "endpointer", len(fields(Endpointer)), "flash"),
        int32_line(LISTENER, "least margin", 1, "flash"),
    ]


def front_end_ram(front_end: FrontEnd) -> list[BillLine]:
    """All but the network's state."""
    before = [int32_line(FRONT_END, "coefficients before", front_end.coefficients, "ram")]
    return [
        int16_line(FRONT_END, "samples", front_end.window, "ram"),
        int32_line(FRONT_END, "spectrum, then scratch of the network", 2 * front_end.points, "ram"),
        BillLine(FRONT_END, "reference, counters", 3, 8, "ram"),
        *(before if front_end.deltas else []),
        int16_line(LISTENER, "floors of the bands", front_end.bands, "ram"),
        int16_line(LISTENER, "counters of a word", 4, "ram"),
        BillLine(LISTENER, "margin, label", 2, 8, "ram"),
        BillLine(LISTENER, "addresses", 2, 2 * POINTER_BYTES, "ram"),
    ]


def scratch_bytes(front_end: FrontEnd) -> int:
    """What the transform of a frame works in."""
    return COMPLEX_BYTES * front_end.points


def shares_scratch(front_end: FrontEnd | None, hidden_size: int) -> bool:
    """Whether the new hidden values of a layer fit into the scratch of the front end."""
    return front_end is not None and INT16_BYTES * hidden_size <= scratch_bytes(front_end)


def padding(ram_bytes: int) -> list[BillLine]:
    """A struct with int32 takes whole words."""
    missing = -ram_bytes % INT32_BYTES
    return [BillLine(LISTENER, "padding", 0, missing, "ram")] if missing else []
