"""The arrays of a deployment in the order in which the C runtime reads them. The number of bytes is the same.

Rows go unit by unit, the four gates of a unit together. How the weights of a unit lie is a layout, one for each family
of processors: see `fsdd_accumulate_columns`, `fsdd_accumulate_pairs` and `fsdd_accumulate_rows` in runtime/fsdd_lstm.c.
Every processor reads every layout, with the same result; an export carries those that its target asks for.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.device_arrays import Deployment, device_arrays
from fsdd_lightning.arithmetic.fixed_point import Int8Array
from fsdd_lightning.arithmetic.integer_model import GATES, IntegerModel
from fsdd_lightning.arithmetic.ranges import LARGEST_FEATURE, LARGEST_HIDDEN, LARGEST_SHIFT, accumulator_bounds
from fsdd_lightning.arithmetic.weight_codes import UInt8Array, WeightCode, weight_code
from fsdd_lightning.config.schema import Target

Layout = Literal["columns", "pairs", "rows"]

LAYOUTS: tuple[Layout, ...] = get_args(Layout)
WORD_BYTES = 4
SMALLEST_SHIFT = 2
LARGEST_LEFT_SHIFT = 15  # further left, any accumulator but 0 saturates z
TERNARY_COLUMN_OF_BYTE = (0, 2, 1, 3)  # so that a mask of two bits finds neighboring columns in the halves of a word


def target_layouts(target: Target, model: IntegerModel) -> tuple[Layout, ...]:
    """What an export for this target carries. `auto`: all, and the compiler takes what its processor reads fastest.

    Where the sums of a layer are not proven to fit the kernels for `pairs`, there are `columns` in place of these.
    """
    # The vectors of MVE are of bytes; for smaller weights its processors have the DSP instructions, too.
    mve: Layout = "rows" if weight_code(model.weight_code).bits == 8 else "pairs"
    single: dict[Target, Layout] = {"portable": "columns", "host": "rows", "arm_dsp": "pairs", "arm_mve": mve}
    wanted = LAYOUTS if target == "auto" else (single[target],)
    if "pairs" in wanted and not can_be_paired(model):
        return tuple(dict.fromkeys("columns" if layout == "pairs" else layout for layout in wanted))
    return wanted


def arranged_arrays(deployment: Deployment) -> dict[str, NDArray[Any]]:
    """`device_arrays` under the same names, as large as there, but for the layers' weights."""
    code = weight_code(deployment.model.weight_code)
    arrays = device_arrays(deployment)
    for k in range(len(deployment.model.layers)):
        del arrays[f"layer{k}_weights"]
        for name in (f"layer{k}_bias", f"layer{k}_multiplier"):
            arrays[name] = by_unit(arrays[name]).reshape(-1)
        if code.stores_shifts:
            arrays[f"layer{k}_multiplier"] = np.maximum(arrays[f"layer{k}_multiplier"], -LARGEST_LEFT_SHIFT)
    # Shift 1 is proven only for a layer whose accumulators are all 0; any shift makes 0 of them.
    arrays["layer_shifts"] = np.maximum(arrays["layer_shifts"], SMALLEST_SHIFT)
    return arrays


def arranged_weights(deployment: Deployment, layout: Layout) -> dict[str, UInt8Array]:
    """`layerK_weights` of every layer, flat."""
    code = weight_code(deployment.model.weight_code)
    layers = enumerate(deployment.model.layers)
    return {f"layer{k}_weights": ARRANGEMENTS[layout](layer.weights, code) for k, layer in layers}


def can_be_paired(model: IntegerModel) -> bool:
    """Whether no sum of any row can leave the room that the kernels for `pairs` have for it.

    They hold 2^(16 - bits) times an accumulator, in int8 beside that of another row, and shift right what is otherwise
    shifted left by 32 - shift.
    """
    code = weight_code(model.weight_code)
    if code.name == "pot":
        return True  # sums as they are, modulo 2^32
    spare = 16 - code.bits
    for index, layer in enumerate(model.layers):
        left = 0 if code.stores_shifts else LARGEST_SHIFT - max(layer.shift, SMALLEST_SHIFT)
        bounds = accumulator_bounds(layer, LARGEST_HIDDEN if index else LARGEST_FEATURE)
        if left > spare or bounds.max() >= 2 ** (31 - spare):
            return False
    return True


def is_read_in_words(name: str, array: NDArray[Any]) -> bool:
    """Whether a device may read this array of smaller numbers a word at a time: it starts at, and takes, a multiple of
    four bytes."""
    return name.startswith("layer") and name != "layer_shifts" and array.dtype.itemsize < WORD_BYTES


def by_unit(rows: NDArray[Any]) -> NDArray[Any]:
    """(4H, ...) gate after gate to (H, 4, ...)."""
    return rows.reshape(len(GATES), len(rows) // len(GATES), *rows.shape[1:]).swapaxes(0, 1)


def plain_rows(levels: Int8Array, code: WeightCode) -> UInt8Array:
    """`rows`: (4H, C) levels to flat bytes, the packed rows of each unit."""
    return by_unit(code.pack(levels)).reshape(-1)


def columns_of_gates(levels: Int8Array, code: WeightCode) -> UInt8Array:
    """`columns`: (4H, C) levels to flat bytes. A level is stored as its excess over the least number of its bits."""
    if code.name == "pot":
        return _pot_columns(levels, code)
    return _padded(_gate_fields(code.patterns(levels) ^ np.uint8(1 << (code.bits - 1)), code), levels, code)


def pairs_of_factors(levels: Int8Array, code: WeightCode) -> UInt8Array:
    """`pairs`: (4H, C) levels to flat bytes."""
    code.require_levels(levels)
    if code.bits == 8:
        return _int8_pairs(levels)
    if code.name == "pot":
        return _pot_columns(levels, code)
    columns = _padded(_gate_fields(code.patterns(levels), code), levels, code)
    return columns.reshape(-1, 4)[:, TERNARY_COLUMN_OF_BYTE].reshape(-1) if code.bits == 2 else columns


ARRANGEMENTS = {"columns": columns_of_gates, "pairs": pairs_of_factors, "rows": plain_rows}


def _gate_fields(patterns: UInt8Array, code: WeightCode) -> UInt8Array:
    """(4H, C) patterns to (H, C * bytes): for each column the patterns of its gates, from the lowest bits on."""
    gates = by_unit(patterns).transpose(0, 2, 1)  # (H, C, 4)
    per_byte = 8 // code.bits
    fields = gates.reshape(*gates.shape[:2], -1, per_byte) << np.arange(0, 8, code.bits, dtype=np.uint8)
    packed: UInt8Array = np.bitwise_or.reduce(fields, axis=-1).reshape(len(gates), -1)
    return packed


def _padded(units: UInt8Array, levels: Int8Array, code: WeightCode) -> UInt8Array:
    """(H, bytes) with zeros up to four packed rows, flat."""
    unit_bytes = len(GATES) * code.row_bytes(levels.shape[1])
    return np.pad(units, ((0, 0), (0, unit_bytes - units.shape[1]))).reshape(-1)


def _pot_columns(levels: Int8Array, code: WeightCode) -> UInt8Array:
    """Of two columns at a time the byte of each gate, as in its packed row."""
    return by_unit(code.pack(levels)).swapaxes(1, 2).reshape(-1)


def _int8_pairs(levels: Int8Array) -> UInt8Array:
    """256 * i + f and 256 * g + o of each column, as int16; of two columns first i f, i f, then g o, g o."""
    gates = by_unit(levels).astype(np.int16)
    pairs = np.stack([256 * gates[:, 0] + gates[:, 1], 256 * gates[:, 2] + gates[:, 3]], axis=1)  # (H, 2, C)
    even = pairs.shape[2] & ~1
    in_words = pairs[:, :, :even].reshape(len(pairs), 2, -1, 2).swapaxes(1, 2)  # (H, C / 2, 2, 2)
    parts = [in_words.reshape(len(pairs), -1), pairs[:, :, even:].reshape(len(pairs), -1)]
    return np.ascontiguousarray(np.concatenate(parts, axis=1).astype("<i2")).view(np.uint8).reshape(-1)
