"""A deployment as bytes that the page's WebAssembly reads: `fsdd_image` of fsdd_web.c, and behind it all arrays."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.arithmetic.integer_model import GATES, IntegerLayer, IntegerModel, IntegerOutput
from fsdd_lightning.arithmetic.listener import Listening
from fsdd_lightning.arithmetic.ranges import check_model
from fsdd_lightning.errors import UserError
from fsdd_lightning.export.weight_layout import arranged_arrays, arranged_weights

CODES = {"int8": 0x01, "int8_pot_scale": 0x02, "int4": 0x04, "pot": 0x08, "ternary": 0x10}  # FSDD_... of fsdd_lstm.h
COLUMNS = 0x20  # FSDD_COLUMNS, the layout that the WebAssembly was built for
FRONT_END_FIELDS = (  # fsdd_front_end_constants
    *("window", "window_bits", "hop", "bands", "band_bits", "coefficients"),
    *("depth", "quietest_level", "decay"),
)
ARRAYS = (  # whose places follow the numbers, before those of the layers
    *(f"front_end_{name}" for name in ("cosine", "width", "rise", "segment_bins", "log")),
    *("feature_multiplier", "feature_bias", "layer_shifts", "output_weights", "output_bias"),
    *("sigmoid_table", "tanh_table"),
)
LAYER_ARRAYS = ("weights", "bias", "multiplier")
ALIGNMENT = 4  # the largest number of an array


def network_image(deployment: Deployment) -> bytes:
    """Of a network that listens to samples.

    Raises:
        RangeError: the model could overflow.
        NarrowRowsError: rows of an earlier version, which the runtime cannot read.
        UserError: a network that gets features.
    """
    listening = deployment.listening
    if listening is None:
        raise UserError("this network gets features, not samples: a page can't hear with it")
    check_model(deployment.model)
    arrays = arranged_arrays(deployment) | arranged_weights(deployment, "columns")
    for name in ("feature_multiplier", "feature_bias"):
        arrays[name] = _with_deltas(arrays[name], listening.front_end)
    return _packed(_numbers(deployment.model, listening), _names(deployment.model), arrays)


def ear_image(listening: Listening) -> bytes:
    """Of front end and endpointer alone, for a network that the page computes itself: in its place there is one that
    weighs nothing, whose answers nobody reads."""
    channels = listening.front_end.channels
    rows = len(GATES)
    zeros = np.zeros(rows, np.int32)
    layer = IntegerLayer(np.zeros((rows, channels + 1), np.int8), zeros, zeros + 1, 2)
    model = IntegerModel((layer,), IntegerOutput(np.zeros((1, 1), np.int8), np.zeros(1, np.int32), 1.0), "int8")
    return network_image(Deployment(model, listening, {}, ("",)))


def _names(model: IntegerModel) -> list[str]:
    return [*ARRAYS, *(f"layer{k}_{name}" for k in range(len(model.layers)) for name in LAYER_ARRAYS)]


def _numbers(model: IntegerModel, listening: Listening) -> list[int]:
    """All of the struct before the places of arrays."""
    shape = (model.input_size, model.layers[0].hidden_size, len(model.layers), model.classes)
    return [
        *(CODES[model.weight_code] | COLUMNS, *shape, listening.least_margin),
        *listening.endpointer.array().tolist(),
        *(_constant(listening.front_end, name) for name in FRONT_END_FIELDS),
    ]


def _constant(front_end: FrontEnd, name: str) -> int:
    return front_end.bands.bit_length() - 1 if name == "band_bits" else int(getattr(front_end, name))


def _with_deltas(array: NDArray[Any], front_end: FrontEnd) -> NDArray[Any]:
    """The runtime of the page computes them always; what a network without them has not is 0."""
    return np.pad(array, (0, 2 * front_end.coefficients - len(array)))


def _packed(numbers: list[int], names: list[str], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    place = ALIGNMENT * (len(numbers) + len(names))
    places, content = [], b""
    for name in names:
        places.append(place + len(content))
        data = arrays[name].tobytes()
        content += data + bytes(-len(data) % ALIGNMENT)
    return struct.pack(f"<{len(numbers)}i{len(places)}I", *numbers, *places) + content
