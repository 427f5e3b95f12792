"""The portable archive of one deployment: an `.npz` without pickle, with a version, a checksum and the same
bytes for the same content.

Its `.npy` members are exactly the numbers that the device stores, so their bytes are the flash of the memory
bill, but for the structs that point to them; all else is in the member `metadata.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.activation_tables import sigmoid_table, tanh_table
from fsdd_lightning.arithmetic.array_archive import ArchiveError, UnknownFormatError, archive_errors, packed, unpacked
from fsdd_lightning.arithmetic.device_arrays import (
    Deployment,
    RowTypes,
    array_specs,
    device_arrays,
    planned_arrays,
    restore_input,
    restore_model,
)
from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.arithmetic.ranges import check_model
from fsdd_lightning.arithmetic.weight_codes import weight_code

FORMAT = "fsdd_lightning integer model"
VERSION = 3  # 1 had no front end, and 2 stored every row in int32
FIRST_VERSION = 1
WIDE_ROWS_UNTIL = 2
MOST_UNITS = 2**20  # of a layer
LARGEST_SCALE = 2.0**64  # of a logit


def archive_bytes(deployment: Deployment) -> bytes:
    """The content of the archive; RangeError for a model that could overflow, or that a device cannot store."""
    check_model(deployment.model)
    return packed(_metadata(deployment), device_arrays(deployment))


def restore_archive(content: bytes) -> Deployment:
    """The deployment; ArchiveError for damaged, foreign or newer content, or ranges that could overflow."""
    metadata, arrays = unpacked(content, _require_known_format)
    with archive_errors():
        return _deployment(metadata, arrays)


def _metadata(deployment: Deployment) -> dict[str, Any]:
    model = deployment.model
    return {
        "format": FORMAT,
        "version": VERSION,
        "weight_code": model.weight_code,
        "input_size": model.input_size,
        "hidden_size": model.layers[0].hidden_size,
        "layers": len(model.layers),
        "classes": model.classes,
        "logit_scale": model.output.scale,
        "labels": list(deployment.labels),
        "feature_settings": deployment.feature_config,
    }


def _deployment(metadata: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Deployment:
    code, front_end = weight_code(metadata["weight_code"]), front_end_of(metadata["feature_settings"])
    inputs, hidden, layers, classes = (metadata[key] for key in ("input_size", "hidden_size", "layers", "classes"))
    if not _is_size(layers, len(arrays)) or not all(_is_size(size, MOST_UNITS) for size in (inputs, hidden, classes)):
        raise ArchiveError("its arrays are not those of the network it describes")
    types = RowTypes() if metadata["version"] <= WIDE_ROWS_UNTIL else None
    if array_specs(arrays) != planned_arrays(code, inputs, hidden, layers, classes, front_end, types):
        raise ArchiveError("its arrays are not those of the network it describes")
    _require_same_tables(arrays, front_end)
    model = restore_model(arrays, code, inputs, _scale(metadata["logit_scale"]))
    check_model(model)
    return Deployment(model, restore_input(arrays, front_end), metadata["feature_settings"], tuple(metadata["labels"]))


def _is_size(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


def _scale(value: Any) -> float:
    if not isinstance(value, int | float) or not 0.0 < value < LARGEST_SCALE:
        raise ArchiveError("its logit_scale is no scale")
    return float(value)


def front_end_of(feature_config: Mapping[str, Any]) -> FrontEnd | None:
    """The integer front end of a config of features; None where they are made elsewhere, in float."""
    if feature_config.get("kind") != "integer":
        return None
    return FrontEnd(**{field.name: feature_config[field.name] for field in fields(FrontEnd)})


def _require_known_format(metadata: Any) -> None:
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise UnknownFormatError(f"is no {FORMAT}")
    version = metadata.get("version")
    if version not in range(FIRST_VERSION, VERSION + 1):
        newer = isinstance(version, int) and version > VERSION
        advice = "update fsdd_lightning" if newer else "run it again"
        known = f"{FIRST_VERSION} to {VERSION}"
        raise UnknownFormatError(f"has format version {version!r}, this code reads {known}: {advice}")


def _require_same_tables(arrays: Mapping[str, NDArray[Any]], front_end: FrontEnd | None) -> None:
    tables: dict[str, NDArray[Any]] = {"sigmoid_table": sigmoid_table(), "tanh_table": tanh_table()}
    if front_end is not None:
        tables |= front_end.tables.arrays()
    for name, table in tables.items():
        if not np.array_equal(arrays[name], table):
            raise ArchiveError(f"its {name} differs from this code's, so its numbers would too")
