"""Reading a file that anybody may have put there: never blocked, never more than a stated number of bytes."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

RECORD_BYTES = 2**26  # a record has some 30 kB, of a thousand words 50 MB
JSON_BYTES = 2**26  # the list of a sweep of 10,000 trials has 5 MB
EVENTS_BYTES = 2**28  # of TensorBoard
CACHE_BYTES = 2**31  # features of half a million clips
NETWORK_BYTES = 2**28  # 64 million float32 weights
RECORDING_BYTES = 2**27  # eleven minutes of 16-bit stereo at 48 kHz; data/wav.py takes no more samples than that
PICTURE_BYTES = 2**24  # a confusion matrix has some 30 kB
TEXT_BYTES = 2**24  # a YAML file, a list of clips
LONGEST_NAME = 255  # bytes, of a file
_DEEPEST = 64  # levels of JSON; a record has 6
_MOST_VALUES = 2**22  # in JSON; of a thousand words there are four matrices
_INT64 = 2**63


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file (or of what a link to one leads to) of at most `limit` bytes.

    A pipe or a device is refused without waiting for it, a larger file without reading it.

    Raises:
        OSError: whose `strerror` says so, or that the file can't be opened or read.
    """
    with open_regular(path, limit) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1)  # takes memory for as much at once
        if len(content) > size:  # it grows, or is one of /proc
            content += file.read(limit + 1 - len(content))
    if len(content) > limit:  # it may grow while it is read
        raise _too_large(path, limit)
    return content


@contextmanager
def open_regular(path: Path, limit: int) -> Iterator[BinaryIO]:
    """The same as a file to be read in parts."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except ValueError as error:  # a name that no file can have
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    try:
        about = os.fstat(handle)
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if about.st_size > limit:
            raise _too_large(path, limit)
    except OSError:
        os.close(handle)
        raise
    with os.fdopen(handle, "rb") as file:
        yield file


def _too_large(path: Path, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))


def is_regular(path: Path, limit: int) -> bool:
    """Whether `open_regular` opens it."""
    try:
        with open_regular(path, limit):
            return True
    except OSError:
        return False


def is_name(text: str) -> bool:
    """Whether it can be the name of a file in a folder, and leads to no other one."""
    try:
        return text not in ("", ".", "..") and not set(text) & set("/\0") and len(os.fsencode(text)) <= LONGEST_NAME
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def parse_json(content: bytes) -> Any:
    """What JSON in UTF-8 says, as anybody may have written it: with finite numbers of 64 bits, and not nested deeply.

    So what is made of it can be computed with, written again and walked through without further care.

    Raises:
        ValueError: that it is something else.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ValueError(f"it holds more than {_MOST_VALUES:,} values")
    try:
        found = json.loads(
            content.decode(), parse_constant=_no_number, parse_float=_finite_number, parse_int=_whole_number
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [found] if isinstance(found, dict | list) else []
    for _ in range(_DEEPEST):
        inside = [each for one in level for each in (one.values() if isinstance(one, dict) else one)]
        level = [each for each in inside if isinstance(each, dict | list)]
        if not level:
            return found
    raise ValueError("it is nested too deeply")


def _no_number(text: str) -> None:
    raise ValueError(f"it holds {text}, which is no number of JSON")


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text[:20]}, which is too large")
    return value


def _whole_number(text: str) -> int:
    value = int(text) if len(text) <= 20 else _INT64
    if not -_INT64 <= value < _INT64:
        raise ValueError(f"it holds a whole number of {len(text)} digits")
    return value


def expanded(path: Path | str) -> Path:
    """With ~ and ~user as their home; of a user who does not exist it stays as it is, a name like any other."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: Path | os.DirEntry[str]) -> bool:
    """Whether it is one that can be reached; no error for a name that no file can have, or links in a circle."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` last through a loss of power; no error where a file system can't."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows, and folders that may be written but not read
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
