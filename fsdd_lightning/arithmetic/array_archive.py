"""Named arrays and what describes them in one file: an `.npz` without pickle, with a checksum, and the same bytes for
the same content.

All but the arrays is in the member `metadata.json`. Whoever made the file, no more is built of it than it holds.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

METADATA = "metadata.json"
MOST_MEMBERS = 4_096  # a network of 255 layers has 800
EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_SUFFIX = ".npy"
_LISTED = b"PK\x01\x02"  # with which each entry of a zip's directory begins
# What zipfile, numpy and json raise for content that is damaged, or was made to look like some.
_WRONG = (zipfile.BadZipFile, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError)
_ABSURD = (MemoryError, OverflowError, OSError)


class ArchiveError(ValueError):
    """The content is not an intact archive of this format and version."""


class UnknownFormatError(ArchiveError):
    """The content is another program's, or of another version."""


def packed(metadata: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of the file; `metadata` gets the checksum over everything as `sha256`."""
    described = {**metadata, "sha256": digest(metadata, arrays)}
    members = {METADATA: (json.dumps(described, indent=1, sort_keys=True) + "\n").encode()}
    return _zip_bytes(members | {f"{name}{_SUFFIX}": npy_bytes(array) for name, array in arrays.items()})


def unpacked(content: bytes, check: Callable[[Any], Any]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The metadata, which `check` sees before any array is built, and the arrays by name.

    Raises:
        ArchiveError: damaged or foreign content; what `check` raises.
    """
    with archive_errors():
        members = stored_members(content)
        if METADATA not in members:
            raise UnknownFormatError(f"is no archive of fsdd_lightning: {METADATA} is missing")
        metadata = json.loads(members.pop(METADATA))
        check(metadata)
        if not all(name.endswith(_SUFFIX) for name in members):
            raise ArchiveError("a member is no array")
        arrays = {name.removesuffix(_SUFFIX): array_of(data) for name, data in members.items()}
        if digest(metadata, arrays) != metadata["sha256"]:
            raise ArchiveError("its checksum does not match its content")
        return metadata, arrays


@contextmanager
def archive_errors() -> Iterator[None]:
    """Turn whatever damaged content makes a parser raise into an ArchiveError."""
    try:
        yield
    except ArchiveError:
        raise
    except _WRONG as error:
        raise ArchiveError(f"not an intact archive: {error}") from error
    except _ABSURD as error:  # of headers that only look like ones
        raise ArchiveError(f"not an intact archive: {type(error).__name__}") from error


def digest(metadata: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the metadata (without its own entry) as canonical JSON, then each array with name, type, shape."""
    described = {key: value for key, value in metadata.items() if key != "sha256"}
    found = hashlib.sha256(json.dumps(described, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"\n{name} {array.dtype.str} {list(array.shape)}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def npy_bytes(array: NDArray[Any]) -> bytes:
    """The content of an `.npy` file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _zip_bytes(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST_ZIP_TIME), data)
    return stream.getvalue()


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
            raise UnknownFormatError("is no archive of fsdd_lightning: a member is doubled")
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise ArchiveError("a member is compressed, which this format never does")
        if sum(max(info.file_size, info.compress_size) for info in infos) > len(content):
            raise ArchiveError("its members are more than the file")
        return {info.filename: archive.read(info) for info in infos}  # checks each member's CRC


def stored_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` that compresses nothing, by name; ValueError for other content."""
    return {name.removesuffix(_SUFFIX): array_of(data) for name, data in stored_members(content).items()}


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
