"""Unpack a .tar that is not trusted: no name leads out of its folder, and nothing in it takes more room than stated.

tarfile reads what stands before a member (long names, the keywords of pax, the map of a sparse file) into memory,
however long it says that it is. So every byte is counted on its way to tarfile, with an allowance for what comes next.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fsdd_lightning.data.fetch import AttemptError
from fsdd_lightning.escaping import visible

MAX_UNPACKED_BYTES = 2**28  # FSDD has 30 MB; more is a mistake or a decompression bomb
MAX_MEMBERS = 20_000  # FSDD has 3,000
MAX_HEADER_BYTES = 2**14  # of a member; a path has 4,096 at most
MAX_UNPACKING_S = 60.0  # FSDD takes one
NOT_TAR = "name the .tar.gz instead: GitHub offers both"
_MAGIC = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_TAR_MAGIC = slice(257, 262), b"ustar"
_NAME_LETTERS = 100
_MISPLACED = (FileExistsError, NotADirectoryError, IsADirectoryError)  # a file in place of a folder, or the reverse


def archive_kind(head: bytes) -> str | None:
    """zip, gzip, bzip2, xz or tar, told by the first 512 bytes; None: it is no archive."""
    place, magic = _TAR_MAGIC
    found = next((kind for start, kind in _MAGIC.items() if head.startswith(start)), None)
    return found or ("tar" if head[place] == magic else None)


def is_archive(path: Path) -> bool:
    """Whether a file is one of these."""
    with path.open("rb") as file:
        return archive_kind(file.read(tarfile.BLOCKSIZE)) is not None


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar, plain or compressed by gzip or bzip2; after an error `folder` holds a part of it.

    A damaged archive is worth another attempt, a hostile one is not.

    Raises:
        AttemptError: the archive; OSError: the disk.
    """
    if not hasattr(tarfile, "data_filter"):
        raise AttemptError("this Python cannot unpack archives safely: use 3.11.4 or later")
    folder.mkdir()
    with archive.open("rb") as file, _explained():
        counted = _Counted(_decompressed(file))
        with tarfile.open(fileobj=counted, mode="r|") as tar:  # type: ignore[call-overload]  # read() is enough
            for number, member in enumerate(_members(tar, counted), start=1):
                _check(member, number)
                counted.allow(member.size)
                tar.extract(member, folder, set_attrs=False, filter="data")  # with the usual permissions
        counted.allow(MAX_UNPACKED_BYTES)
        while counted.read(tarfile.RECORDSIZE):  # up to the checksum
            pass


@contextmanager
def _explained() -> Iterator[None]:
    """What tarfile and the decompressors raise, as an AttemptError."""
    try:
        yield
    except tarfile.FilterError as error:
        raise AttemptError(visible(f"hostile archive: {error}")) from error
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError, RecursionError) as error:
        reason = (str(error).splitlines() or ["ends early"])[0]
        raise AttemptError(visible(f"damaged archive: {reason}"), transient=True) from error
    except OSError as error:
        # Decompressors raise OSError without errno; the others are the fault of a member's name.
        if error.errno in (None, errno.ENAMETOOLONG) or isinstance(error, _MISPLACED):
            raise AttemptError(visible(f"damaged archive: {error}"), transient=True) from error
        raise


def _decompressed(file: BinaryIO) -> BinaryIO:
    kind = archive_kind(file.read(tarfile.BLOCKSIZE))
    file.seek(0)
    if kind in ("zip", "xz"):
        raise AttemptError(f"it is a .{kind}, and only .tar archives are read: {NOT_TAR}")
    timed: BinaryIO = _Timed(file)  # type: ignore[assignment]
    if kind == "gzip":
        return gzip.GzipFile(fileobj=timed)  # type: ignore[return-value]
    return bz2.BZ2File(timed) if kind == "bzip2" else timed  # type: ignore[return-value]


def _members(tar: tarfile.TarFile, counted: _Counted) -> Iterator[tarfile.TarInfo]:
    while True:
        counted.allow(0)
        member = tar.next()
        if member is None:
            return
        yield member


def _check(member: tarfile.TarInfo, number: int) -> None:
    name = visible(member.name[:_NAME_LETTERS])
    if number > MAX_MEMBERS:
        raise AttemptError(f"the archive holds more than {_limits()}")
    if not (member.isfile() or member.isdir()):
        raise AttemptError(f"the archive's member {name!r} is a link or device")
    if member.issparse():
        raise AttemptError(f"the archive's member {name!r} is a file with holes")


def _limits() -> str:
    return f"{MAX_UNPACKED_BYTES:,} bytes or {MAX_MEMBERS:,} members"


class _Timed:
    """A file that is read until the time is over."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._end = file, time.monotonic() + MAX_UNPACKING_S

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self._end:
            raise AttemptError(f"unpacking the archive takes more than {MAX_UNPACKING_S:.0f} s")
        return self._file.read(size)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


class _Counted:
    """A file of which no more is read than was allowed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._whole = file, 0
        self.allow(0)

    def allow(self, size: int) -> None:
        """So many bytes, and what stands before and after them."""
        self._left = size + MAX_HEADER_BYTES + 2 * tarfile.RECORDSIZE

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self._left -= len(content)
        self._whole += len(content)
        if self._whole > MAX_UNPACKED_BYTES:
            raise AttemptError(f"the archive holds more than {_limits()}")
        if self._left < 0:
            raise AttemptError(f"the archive describes a member in more than {MAX_HEADER_BYTES:,} bytes")
        return content
