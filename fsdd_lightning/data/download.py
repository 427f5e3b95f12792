"""Download FSDD so that the destination either holds the whole, verified dataset or does not exist.

Everything happens in a temporary folder beside the destination, under a file lock; the last step is one rename.
A killed process leaves its temporary folder behind; the next holder of the lock removes it.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from fsdd_lightning.data.layouts import find_folder
from fsdd_lightning.data.recordings import FSDD, folder_digest
from fsdd_lightning.errors import RunFailedError, UserError

if TYPE_CHECKING:
    from requests import RequestException

log = logging.getLogger(__name__)

REMEDY = (
    "check the network and try again, set FSDD_ROOT (environment) or data.root to a folder that holds the recordings, "
    "or go on without them: data=synthetic"
)
_NOT_TAR = "name the .tar.gz instead: GitHub offers both"
LOCK_TIMEOUT_S = 1800.0  # another process that downloads for longer than this hangs
MAX_UNPACKED_BYTES = 2**30  # FSDD has 30 MB; more is a mistake or a decompression bomb
MAX_MEMBERS = 200_000
_CHUNK_BYTES = 2**16


@dataclass(frozen=True)
class Patience:
    """How long to try. The waits between attempts are backoff_s, 2 backoff_s, 4 backoff_s, ..."""

    attempts: int = 3
    backoff_s: float = 1.0
    timeout_s: float = 15.0  # to connect, and between two chunks of data


class _AttemptError(Exception):
    """This attempt failed for the reason given; `transient` if another attempt may succeed."""

    def __init__(self, reason: str, transient: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient


def download_fsdd(url: str, digest: str, destination: Path, patience: Patience = Patience()) -> Path:
    """Make `destination` the unpacked archive at `url`, whose recordings have the content digest `digest`.

    The digest is that of the recordings, since GitHub does not promise the bytes of an archive.
    Returns `destination`, which then has a subfolder `recordings`; if it has one already, nothing is downloaded or
    verified. Safe to call from several processes: one downloads, the others wait for it.
    Raises RunFailedError if the dataset is not available, UserError for a wrong URL.
    """
    if not url.startswith(("http://", "https://")):
        raise UserError(f"data.archive_url must start with http:// or https://, not {url!r}")
    if urlparse(url).path.lower().endswith(".zip"):
        raise UserError(f"data.archive_url={url} is a .zip, and only .tar archives are read: {_NOT_TAR}")
    if find_folder(destination, FSDD) is not None:
        return destination
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with _sole_writer(destination):
            if find_folder(destination, FSDD) is None:  # else another process was faster
                _remove_leftovers(destination)
                _download(url, digest, destination, patience)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFailedError(f"cannot write {destination} ({reason}): set data.cache_dir to another folder") from error
    return destination


@contextmanager
def _sole_writer(destination: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    # The operating system releases this lock when its holder dies, however it dies.
    lock = FileLock(destination.with_name(f".{destination.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("another process is downloading the dataset; waiting for it")
        try:
            lock.acquire(timeout=LOCK_TIMEOUT_S)
        except Timeout as error:
            raise RunFailedError(f"another process has held {lock.lock_file} for too long: end it") from error
    try:
        yield
    finally:
        lock.release()


def _temporary_prefix(destination: Path) -> str:
    return f".{destination.name}.partial-"


def _remove_leftovers(destination: Path) -> None:
    """Only under the lock: then no temporary folder belongs to a living process."""
    for folder in destination.parent.glob(_temporary_prefix(destination) + "*"):
        shutil.rmtree(folder, ignore_errors=True)


def is_archive(path: Path) -> bool:
    """Whether a file is a .zip or a .tar, plain or compressed."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def _download(url: str, digest: str, destination: Path, patience: Patience) -> None:
    """Attempt it until it succeeds, fails for good, or the patience is used up."""
    log.info("downloading the dataset from %s", url)
    for attempt in range(1, patience.attempts + 1):
        try:
            return _attempt(url, digest, destination, patience.timeout_s)
        except _AttemptError as error:
            if not error.transient or attempt == patience.attempts:
                tries = f"{attempt} attempts, the last: " if attempt > 1 else ""
                raise RunFailedError(f"cannot download the dataset from {url} ({tries}{error}): {REMEDY}") from error
            wait_s = patience.backoff_s * 2 ** (attempt - 1)
            log.warning("download failed (%s); trying again in %g s", error, wait_s)
            time.sleep(wait_s)


def _attempt(url: str, digest: str, destination: Path, timeout_s: float) -> None:
    with tempfile.TemporaryDirectory(prefix=_temporary_prefix(destination), dir=destination.parent) as temporary:
        archive, unpacked = Path(temporary) / "archive", Path(temporary) / "unpacked"
        _fetch(url, archive, timeout_s)
        _unpack(archive, unpacked)
        _verified_top_folder(unpacked, digest).rename(destination)


def _fetch(url: str, target: Path, timeout_s: float) -> None:
    """Write the content of `url` to `target`, with a progress bar on a terminal. Raises _AttemptError."""
    import requests
    from pooch import HTTPDownloader

    download = HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=_CHUNK_BYTES, timeout=timeout_s)
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    try:
        download(url, str(target), None)
    except requests.HTTPError as error:
        assert error.response is not None  # raise_for_status sets it
        status = error.response.status_code
        transient = status >= 500 or status in (408, 429)  # the server's trouble, a timeout, too many requests
        raise _AttemptError(f"HTTP {status} {error.response.reason}", transient) from error
    except requests.RequestException as error:
        raise _AttemptError(_root_cause(error), isinstance(error, passing)) from error


def _root_cause(error: RequestException) -> str:
    """What failed below the layers of requests and urllib3, e.g. `Connection refused`."""
    cause: BaseException = error
    while (below := cause.__cause__ or cause.__context__) is not None:
        cause = below
    return getattr(cause, "strerror", None) or str(cause)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar, plain or compressed, that is not trusted yet; after an error `folder` holds a part of it.

    A damaged archive is worth another attempt, a hostile one is not; OSError where the disk is at fault.
    """
    if not hasattr(tarfile, "data_filter"):
        raise _AttemptError("this Python cannot unpack archives safely: use 3.11.4 or later")
    if zipfile.is_zipfile(archive):
        raise _AttemptError(f"it is a .zip, and only .tar archives are read: {_NOT_TAR}")
    folder.mkdir()
    try:
        with tarfile.open(archive) as tar:
            unpacked_bytes = 0
            for count, member in enumerate(tar, start=1):
                unpacked_bytes += member.size
                if count > MAX_MEMBERS or unpacked_bytes > MAX_UNPACKED_BYTES:
                    limits = f"{MAX_UNPACKED_BYTES} bytes or {MAX_MEMBERS} members"
                    raise _AttemptError(f"the archive holds more than {limits}")
                if not (member.isfile() or member.isdir()):
                    raise _AttemptError(f"the archive's member {member.name!r} is a link or device")
                tar.extract(member, folder, set_attrs=False, filter="data")  # with the usual permissions
    except tarfile.FilterError as error:
        raise _AttemptError(f"hostile archive: {error}") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        # tarfile lists on further lines how every kind of compression failed.
        reason = (str(error).splitlines() or ["ends early"])[0].rstrip(":")
        raise _AttemptError(f"damaged archive: {reason}", transient=True) from error
    except OSError as error:
        # Decompressors raise OSError without errno; the others mean a file in place of a folder or the reverse.
        if error.errno is None or isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            raise _AttemptError(f"damaged archive: {error}", transient=True) from error
        raise


def _verified_top_folder(unpacked: Path, digest: str) -> Path:
    """The one folder at the top of the archive, once its recordings are known to be the expected ones."""
    inside = list(unpacked.iterdir())
    if len(inside) != 1 or not (inside[0] / "recordings").is_dir():
        raise _AttemptError("the archive has no recordings in its one top folder")
    found = folder_digest(inside[0] / "recordings")
    if found != digest:
        raise _AttemptError(f"the archive holds other recordings: digest {found}, not {digest}")
    return inside[0]
