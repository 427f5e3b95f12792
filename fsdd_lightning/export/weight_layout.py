"""The arrays of a deployment in the order in which the C runtime reads them. The number of bytes is the same.

Rows go unit by unit, the four gates of a unit together. Within a unit, `host` keeps the packed rows as they are;
`device` interleaves them word by word, see `fsdd_accumulate_interleaved` in runtime/fsdd_lstm.c.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.device_arrays import Deployment, device_arrays
from fsdd_lightning.arithmetic.fixed_point import Int8Array, Int32Array
from fsdd_lightning.arithmetic.integer_model import GATES, IntegerLayer
from fsdd_lightning.arithmetic.weight_codes import UInt8Array, WeightCode, weight_code

Layout = Literal["device", "host"]

COLUMN_OF_BYTE = (0, 2, 1, 3)  # so that SXTB16 of a word, and of the word rotated by 8, widens neighboring columns
WORD_BYTES = 4
SMALLEST_SHIFT = 2
LARGEST_LEFT_SHIFT = 15  # further left, any accumulator but 0 saturates z


def arranged_arrays(deployment: Deployment, layout: Layout) -> dict[str, NDArray[Any]]:
    """`device_arrays` under the same names, as large as there; weights flattened."""
    code = weight_code(deployment.model.weight_code)
    arrays = device_arrays(deployment)
    for k, layer in enumerate(deployment.model.layers):
        arrays[f"layer{k}_weights"] = ARRANGEMENTS[layout](layer.weights, code)
        arrays[f"layer{k}_bias"] = by_unit(layer.bias).reshape(-1)
        arrays[f"layer{k}_multiplier"] = by_unit(_rescaling(layer, code)).reshape(-1)
    # Shift 1 is proven only for a layer whose accumulators are all 0; any shift makes 0 of them.
    arrays["layer_shifts"] = np.maximum(arrays["layer_shifts"], SMALLEST_SHIFT)
    return arrays


def is_read_in_words(name: str) -> bool:
    """Whether a device may read this array of bytes a word at a time: it starts at, and takes, a multiple of four."""
    return name.startswith("layer") and name.endswith("_weights")


def by_unit(rows: NDArray[Any]) -> NDArray[Any]:
    """(4H, ...) gate after gate to (H, 4, ...)."""
    return rows.reshape(len(GATES), len(rows) // len(GATES), *rows.shape[1:]).swapaxes(0, 1)


def plain_rows(levels: Int8Array, code: WeightCode) -> UInt8Array:
    """(4H, C) levels to flat bytes: the packed rows of each unit."""
    return by_unit(code.pack(levels)).reshape(-1)


def interleaved(levels: Int8Array, code: WeightCode) -> UInt8Array:
    """(4H, C) levels to flat bytes: of each unit the words of its four rows in turn, then the rest as rows."""
    code.require_levels(levels)
    units, fields = len(levels) // len(GATES), 8 // code.bits
    words = levels.shape[1] // (WORD_BYTES * fields)
    in_words = words * WORD_BYTES * fields
    patterns = code.patterns(np.ascontiguousarray(by_unit(levels[:, :in_words])))
    patterns = patterns.reshape(units, len(GATES), words, fields, WORD_BYTES)[..., COLUMN_OF_BYTE]
    shifts = np.arange(0, 8, code.bits, dtype=np.uint8)[:, None]
    whole = np.bitwise_or.reduce(patterns << shifts, axis=3).swapaxes(1, 2)  # (H, words, 4, 4)
    parts = [whole.reshape(units, words * len(GATES) * WORD_BYTES)]
    if in_words < levels.shape[1]:
        parts.append(plain_rows(np.ascontiguousarray(levels[:, in_words:]), code).reshape(units, -1))
    return np.concatenate(parts, axis=1).reshape(-1)


ARRANGEMENTS = {"device": interleaved, "host": plain_rows}


def _rescaling(layer: IntegerLayer, code: WeightCode) -> Int32Array:
    """(4H,): the multipliers, or for scales that are powers of two the right shifts that equal them."""
    if code.name != "int8_pot_scale":
        return layer.multiplier
    return np.maximum(layer.row_shifts, -LARGEST_LEFT_SHIFT).astype("<i4")
