"""What the templates need where the firmware hears samples: the front end, its tables, the listener."""

from __future__ import annotations

from typing import Any

import numpy as np

from fsdd_lightning.arithmetic.listener import Listening
from fsdd_lightning.export.c_text import C_TYPES, c_values
from fsdd_lightning.export.golden import GoldenVectors

FRONT_END_PREFIX = "front_end_"  # of the archive's arrays that fsdd_front_end_tables.h holds
IN_STRUCT = ("endpointer", "least_margin")  # numbers of fsdd_listener_model

TABLE_TEXTS = {  # name in the archive without its prefix: name in C, meaning
    "cosine": ("cosine_q14", "cos(2 pi k / FSDD_WINDOW)"),
    "width": ("width_q8", "log2 of the width of each band in bins"),
    "rise": ("rise_q8", "how far bin k has come from one center of a band to the next"),
    "segment_bins": ("segment_bins", "how many bins lie between two neighboring centers, from bin 0 on"),
    "log": ("log_q8", "log2(1 + (k + 1/2) / 128)"),
}


def is_in_model_file(name: str) -> bool:
    """Whether fsdd_model.c defines this array of the archive as an array of its own."""
    return not name.startswith(FRONT_END_PREFIX) and name not in IN_STRUCT


def listening_context(listening: Listening | None, golden: GoldenVectors) -> dict[str, Any]:
    """Nothing but `listening` itself where it is None."""
    if listening is None:
        return {"listening": None}
    tables, clips = listening.front_end.tables.arrays(), golden.samples or ()
    return {
        "listening": listening,
        "front_end": listening.front_end,
        "endpointer": listening.endpointer.array().tolist(),
        "least_margin": listening.least_margin,
        "hop_ms": _milliseconds(listening, 1),
        "settle_ms": _milliseconds(listening, listening.endpointer.settle_frames),
        "tables": [_table(name, tables[FRONT_END_PREFIX + name]) for name in TABLE_TEXTS],
        "table_bytes": sum(table.nbytes for table in tables.values()),
        "golden_counts": np.array([len(clip) for clip in clips], np.int64),
        "golden_samples": np.concatenate([np.empty(0, np.int16), *clips]),
    }


def _milliseconds(listening: Listening, frames: int) -> int:
    front_end = listening.front_end
    return round(1000 * frames * front_end.hop / front_end.sample_rate_hz)


def _table(name: str, array: np.ndarray) -> dict[str, Any]:
    c_name, meaning = TABLE_TEXTS[name]
    kind = C_TYPES[array.dtype.str]
    return {"name": c_name, "meaning": meaning, "type": kind, "length": array.size, "numbers": c_values(array)}
