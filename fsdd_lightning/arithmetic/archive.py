"""The portable archive of one deployment: an `.npz` without pickle, with a version, a checksum and the same
bytes for the same content.

Its `.npy` members are exactly the numbers that the device stores, so their bytes are the flash of the memory
bill, but for the structs that point to them; all else is in the member `metadata.json`.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.activation_tables import sigmoid_table, tanh_table
from fsdd_lightning.arithmetic.device_arrays import (
    Deployment,
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
VERSION = 2  # 1 had no front end
FIRST_VERSION = 1
METADATA = "metadata.json"
MOST_UNITS = 2**20  # of a layer
LARGEST_SCALE = 2.0**64  # of a logit
MOST_MEMBERS = 4_096  # a network of 255 layers has 800
EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

_LISTED = b"PK\x01\x02"  # with which each entry of a zip's directory begins


class ArchiveError(ValueError):
    """The content is not an intact archive of this format and version."""


class UnknownFormatError(ArchiveError):
    """The content is another program's, or of another version."""


def archive_bytes(deployment: Deployment) -> bytes:
    """The content of the archive; RangeError for a model that could overflow."""
    check_model(deployment.model)
    arrays = device_arrays(deployment)
    metadata = _metadata(deployment)
    metadata["sha256"] = _digest(metadata, arrays)
    members = {METADATA: (json.dumps(metadata, indent=1, sort_keys=True) + "\n").encode()}
    members |= {f"{name}.npy": _npy_bytes(array) for name, array in arrays.items()}
    return _zip_bytes(members)


def restore_archive(content: bytes) -> Deployment:
    """The deployment; ArchiveError for damaged, foreign or newer content, or ranges that could overflow."""
    try:
        return _parse(_read_members(content))
    except ArchiveError:
        raise
    except (zipfile.BadZipFile, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError) as error:
        raise ArchiveError(f"not an intact archive: {error}") from error
    except (MemoryError, OverflowError, OSError) as error:  # of headers that only look like ones
        raise ArchiveError(f"not an intact archive: {type(error).__name__}") from error


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


def _digest(metadata: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """sha256 over the metadata (without its own entry) as canonical JSON, then every array with name, type
    and shape.
    """
    described = {key: value for key, value in metadata.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {list(array.shape)}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _npy_bytes(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _zip_bytes(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST_ZIP_TIME), data)
    return stream.getvalue()


def _read_members(content: bytes) -> dict[str, bytes]:
    members = stored_members(content)
    if METADATA not in members:
        raise UnknownFormatError(f"is no {FORMAT}: {METADATA} is missing or doubled")
    return members


def stored_members(content: bytes) -> dict[str, bytes]:
    """The members of a zip archive that compresses nothing, by name; their sizes are checked before any is read.

    Raises:
        ArchiveError, zipfile.BadZipFile: it is damaged, or made to hold more than it is.
    """
    if content.count(_LISTED) > MOST_MEMBERS:
        raise ArchiveError(f"it lists more than {MOST_MEMBERS:,} members")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        if len({info.filename for info in infos}) != len(infos):
            raise UnknownFormatError(f"is no {FORMAT}: a member is missing or doubled")
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise ArchiveError("a member is compressed, which this format never does")
        if sum(max(info.file_size, info.compress_size) for info in infos) > len(content):
            raise ArchiveError("its members are more than the file")
        return {info.filename: archive.read(info) for info in infos}  # checks each member's CRC


def stored_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` that compresses nothing, by name; ValueError for other content, too."""
    return {name.removesuffix(".npy"): array_of(data) for name, data in stored_members(content).items()}


def _parse(members: dict[str, bytes]) -> Deployment:
    metadata = json.loads(members.pop(METADATA))
    _require_known_format(metadata)
    arrays = {name.removesuffix(".npy"): array_of(data) for name, data in members.items()}
    if _digest(metadata, arrays) != metadata["sha256"]:
        raise ArchiveError("its checksum does not match its content")
    code, front_end = weight_code(metadata["weight_code"]), front_end_of(metadata["feature_settings"])
    inputs, hidden, layers, classes = (metadata[key] for key in ("input_size", "hidden_size", "layers", "classes"))
    if not _is_size(layers, len(arrays)) or not all(_is_size(size, MOST_UNITS) for size in (inputs, hidden, classes)):
        raise ArchiveError("its arrays are not those of the network it describes")
    if array_specs(arrays) != planned_arrays(code, inputs, hidden, layers, classes, front_end):
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


def array_of(data: bytes) -> NDArray[Any]:
    """The array of an `.npy` file, of which the content says how large it is, not the header.

    Raises:
        ArchiveError, ValueError: it is damaged, of another version, or holds objects.
    """
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ArchiveError("an array is stored in an unknown way")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if fortran_order or dtype.hasobject:
        raise ArchiveError("an array is stored in an unknown way")
    if dtype.itemsize * math.prod(shape) != len(data) - stream.tell():
        raise ArchiveError("an array has another size than its header says")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape).copy()
