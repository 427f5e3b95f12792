"""The files that the package writes and reads again: whole or not at all, under a lock, rejected with one clear line.

A module that keeps a kind of file defines its content. How it is written, checked, shared and rejected is decided here.
"""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import math
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from fsdd_lightning.errors import UserError
from fsdd_lightning.files import CACHE_BYTES, JSON_BYTES, parse_json, read_regular, sync_folder

T = TypeVar("T")
CACHE_PATIENCE_S = 300.0  # longer than any computation that is cached; after it a process computes for itself
TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.tmp\Z")  # the end of the names of files that are being written
_DIGEST_BYTES = hashlib.sha256().digest_size

logger = logging.getLogger(__name__)


class ArtifactError(UserError):
    """A file that can't be used; the message is one line."""


class MissingError(ArtifactError):
    """There is no such file."""


class DamagedError(ArtifactError):
    """Half a file or a garbled one: nothing can be read from it any more."""


class ForeignError(ArtifactError):
    """Another program's file, or a newer version's: not ours to replace."""


@dataclass(frozen=True)
class Kind:
    """One kind of file, as far as reading it goes: its name with an article, and how a user gets a sound one.

    Content that was decoded is a dictionary. It has a version (from 1 on), and `format` where that is not None.
    """

    name: str
    version: int  # the newest that this program knows
    remedy: str
    version_key: str = "version"
    format: str | None = None
    limit: int = JSON_BYTES  # a larger file is not read

    def read(self, path: Path, parse: Callable[[bytes], T]) -> T:
        """What `parse` makes of the file; whatever it raises means damage, unless it is a ForeignError.

        Raises:
            MissingError, DamagedError, ForeignError (also for a newer version), or ArtifactError: it may not be read.
        """
        try:
            content = read_regular(path, self.limit)
        except FileNotFoundError:
            raise MissingError(f"{path} is missing; {self.remedy}") from None
        except PermissionError as error:
            raise ArtifactError(f"{path} can't be read ({error.strerror}); fix its permissions") from error
        except OSError as error:
            raise ArtifactError(f"{path} can't be read ({error.strerror}); {self.remedy}") from error
        try:
            return parse(content)
        except ForeignError as error:
            raise ForeignError(f"{path} {error}") from error
        except Exception as error:  # damaged zips and pickles raise nearly anything: KeyError, zlib.error, ...
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DamagedError(f"{path} can't be read ({reason}); {self.remedy}") from error

    def parse_json(self, content: bytes) -> dict[str, Any]:
        """For `read`: JSON in UTF-8, checked."""
        return self.check(parse_json(content))

    def check(self, content: Any) -> dict[str, Any]:
        """For `read`: the decoded content as it is; ForeignError for another format, no version or a newer one."""
        ours = isinstance(content, dict) and content.get("format") == self.format
        version = content.get(self.version_key) if ours else None
        if type(version) is not int or version < 1:
            raise self.foreign()
        if version > self.version:
            words = self.version_key.replace("_", " ")
            raise ForeignError(f"is of {words} {version}; this program knows {self.version}: update it")
        return dict(content)

    def foreign(self) -> ForeignError:
        """What `parse` raises for content of something else."""
        return ForeignError(f"is not {self.name} of fsdd_lightning: move it away")


def place_within(folder: Path, name: str) -> Path:
    """`folder`/`name`, where a command writes what nobody told it to write elsewhere.

    A folder may come from a stranger. Its links are followed as long as they stay within it.

    Raises:
        UserError: a link leads out of the folder.
    """
    path = folder / name
    try:
        within = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # links in a circle
        within = False
    if not within:
        raise UserError(f"{path} is a link that leads out of {folder}: nothing is written there; remove the link")
    return path


def check_links(folder: Path) -> None:
    """Check a folder, which may come from a stranger, before all kinds of files are written to it.

    Raises:
        UserError: a link in it, at any depth, leads out of it; or the folder is such a link itself.
    """
    place_within(folder.parent, folder.name)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if (Path(place) / name).is_symlink():
                place_within(folder, str((Path(place) / name).relative_to(folder)))


def replace_file(path: Path, content: bytes) -> None:
    """Replace `path` in one step: a reader sees the old content or the new, never a half.

    Written beside its place with the permissions of any new file (a `mkstemp` would shut out all other users).
    """
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with aside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def remove_abandoned(folder: Path) -> None:
    """Remove what killed writers left in `folder` and below it; only for who is the only one to write there."""
    for path in folder.rglob("*.tmp"):
        if TEMPORARY.search(path.name):
            with suppress(OSError):
                path.unlink()


def write_json(path: Path, content: Any) -> None:
    """Replace `path` in one step. JSON knows neither NaN nor infinity; they become null, so that nothing is lost."""
    replace_file(path, (json.dumps(_finite(content), indent=2, allow_nan=False) + "\n").encode())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def archive_damaged(path: Path) -> Path:
    """Rename a damaged file, so that another one can take its place; the new path."""
    return path.rename(next_name(path.parent, f"{path.name}.damaged-"))


def next_name(folder: Path, start: str, end: str = "") -> Path:
    """`folder`/START1END, or with the number after the highest one that is there."""
    pattern = re.compile(f"{re.escape(start)}([0-9]{{1,9}}){re.escape(end)}")
    numbers = [int(found[1]) for found in (pattern.fullmatch(path.name) for path in folder.iterdir()) if found]
    return folder / f"{start}{max(numbers, default=0) + 1}{end}"


@contextmanager
def exclusive(path: Path, timeout_s: float = -1.0) -> Iterator[float]:
    """Hold the lock of the file `path`, which is `path`.lock; yields the seconds that it took to get it.

    What killed writers left beside the file is removed.

    Raises:
        OSError: another process holds the lock for `timeout_s` seconds (filelock.Timeout), or there can't be one.
    """
    start, lock = time.perf_counter(), FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0.0)
    except Timeout:
        logger.info("waiting for %s, which another process makes", path)
        lock.acquire(timeout=timeout_s)
    try:
        for abandoned in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
            if TEMPORARY.sub("", abandoned.name) == path.name:
                with suppress(OSError):
                    abandoned.unlink()
        yield time.perf_counter() - start
    finally:
        lock.release()


def cached(path: Path, load: Callable[[bytes], T], make: Callable[[], T], dump: Callable[[T], bytes]) -> T:
    """What `load` reads from `path`, or else what `make` returns, which is then kept there.

    Parallel processes make it once: the others wait and read. Where `load` raises anything, the content is damaged or
    another one, and is made again. A folder that can't be written stops nobody: a warning is logged.
    """
    found = _load_cached(path, load, logging.DEBUG)  # under the lock a damage is reported
    if found is not None:
        return found
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(exclusive(path, CACHE_PATIENCE_S))
        except (OSError, NotImplementedError) as error:  # some network drives do not lock
            _warn_not_kept(path, error)
            return make()
        found = _load_cached(path, load, logging.WARNING)
        if found is None:
            found = make()
            try:
                replace_file(path, dump(found))
            except OSError as error:
                _warn_not_kept(path, error)
        return found


def _load_cached(path: Path, load: Callable[[bytes], T], damage_level: int) -> T | None:
    try:
        return load(read_regular(path, CACHE_BYTES)) if path.is_file() else None
    except Exception as error:
        logger.log(damage_level, "cached %s is damaged and will be rebuilt (%s)", path, error)
        return None


def _warn_not_kept(path: Path, error: Exception) -> None:
    logger.warning("%s is computed but not kept: cannot write to %s (%s)", path.name, path.parent, error)


def user_cache_folder() -> Path:
    """Where downloads, corpora, features and compiled code are kept unless the user names a folder."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("fsdd_lightning", appauthor=False))


def arrays_digest(header: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 (hex) of the header and of name, type, shape and bytes of each array."""
    digest = hashlib.sha256(header.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def file_digest(path: Path, limit: int) -> str:
    """SHA-256 (hex) of a regular file of at most `limit` bytes; OSError for anything else."""
    return hashlib.sha256(read_regular(path, limit)).hexdigest()


def sealed(content: bytes) -> bytes:
    """With its SHA-256 in front, for files whose own format has no checksum."""
    return hashlib.sha256(content).digest() + content


def unsealed(content: bytes) -> bytes:
    """The content that was sealed; ValueError where a bit of it has changed."""
    if content != sealed(content[_DIGEST_BYTES:]):
        raise ValueError("its checksum is wrong")
    return content[_DIGEST_BYTES:]
