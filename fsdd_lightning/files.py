"""Reading a file that anybody may have put there: never blocked, never more than a stated number of bytes."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

JSON_BYTES = 2**26  # a record has some 20 kB, the list of a sweep of 10,000 trials 5 MB
CACHE_BYTES = 2**31  # features of half a million clips
NETWORK_BYTES = 2**28  # 64 million float32 weights
RECORDING_BYTES = 2**29  # three quarters of an hour of 16-bit stereo at 48 kHz
TEXT_BYTES = 2**24  # a YAML file, a list of clips


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file (or of what a link to one leads to) of at most `limit` bytes.

    A pipe or a device is refused without waiting for it, a larger file without reading it.

    Raises:
        OSError: whose `strerror` says so, or that the file can't be opened or read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        content = file.read(limit + 1) if about.st_size <= limit else b""
        if about.st_size > limit or len(content) > limit:  # it may grow while it is read
            raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
        return content


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
