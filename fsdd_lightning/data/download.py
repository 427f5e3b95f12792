"""Download FSDD so that the destination either holds the whole, verified dataset or does not exist.

Everything happens in a temporary folder beside the destination, under a file lock; the last step is one
rename. A process that is killed leaves its temporary folder behind; the next holder of the lock removes it.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fsdd_lightning.data.fetching import MEND, TransientError, fetch
from fsdd_lightning.data.recordings import find_wav_folder, folder_digest
from fsdd_lightning.data.unpacking import DamagedArchiveError, HostileArchiveError, unpack_tar
from fsdd_lightning.errors import RunFailedError, UserError

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 1800.0  # another process that downloads for longer than this hangs


@dataclass(frozen=True)
class Patience:
    """How long to try. The waits between attempts are backoff_s, 2 backoff_s, 4 backoff_s, ..."""

    attempts: int = 3
    backoff_s: float = 1.0
    timeout_s: float = 15.0  # to connect, and between two pieces of data


def download_fsdd(url: str, digest: str, destination: Path, patience: Patience = Patience()) -> Path:
    """Make `destination` the unpacked archive at `url`, whose recordings have the content digest `digest`.

    Returns `destination`, which then has a subfolder `recordings`; if it has one already, nothing is
    downloaded or verified. Safe to call from several processes: one downloads, the others wait for it.
    Raises RunFailedError if the dataset cannot be had, UserError for a wrong URL.
    """
    if not url.startswith(("http://", "https://")):
        raise UserError(f"data.archive_url must start with http:// or https://, not {url!r}")
    if find_wav_folder(destination) is not None:
        return destination
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with _sole_writer(destination):
            if find_wav_folder(destination) is None:  # else another process was faster
                _remove_left_behind(destination)
                _attempt_repeatedly(url, digest, destination, patience)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFailedError(
            f"cannot write {destination} ({reason}): set data.cache_dir to another folder"
        ) from error
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


def _remove_left_behind(destination: Path) -> None:
    """Only under the lock: then no temporary folder belongs to a living process."""
    for folder in destination.parent.glob(_temporary_prefix(destination) + "*"):
        shutil.rmtree(folder, ignore_errors=True)


def _attempt_repeatedly(url: str, digest: str, destination: Path, patience: Patience) -> None:
    log.info("downloading the dataset from %s", url)
    for attempt in range(patience.attempts):
        try:
            return _attempt(url, digest, destination, patience.timeout_s)
        except TransientError as error:
            reason = str(error)
            if attempt + 1 < patience.attempts:
                wait_s = patience.backoff_s * 2**attempt
                log.warning("download failed (%s); trying again in %g s", reason, wait_s)
                time.sleep(wait_s)
    tries = f"{patience.attempts} attempts, the last: {reason}"
    raise RunFailedError(f"cannot download the dataset from {url} ({tries}): {MEND}")


def _attempt(url: str, digest: str, destination: Path, timeout_s: float) -> None:
    with tempfile.TemporaryDirectory(
        prefix=_temporary_prefix(destination), dir=destination.parent
    ) as temporary:
        archive, unpacked = Path(temporary) / "archive", Path(temporary) / "unpacked"
        fetch(url, archive, timeout_s)
        unpacked.mkdir()
        try:
            unpack_tar(archive, unpacked)
        except DamagedArchiveError as error:
            raise TransientError(f"damaged archive: {error}") from error
        except HostileArchiveError as error:
            raise RunFailedError(f"refused the archive from {url}: {error}; {MEND}") from error
        _top_folder(unpacked, url, digest).rename(destination)


def _top_folder(unpacked: Path, url: str, digest: str) -> Path:
    """The one folder at the top of the archive, once its recordings are known to be the expected ones."""
    inside = list(unpacked.iterdir())
    if len(inside) != 1 or not (inside[0] / "recordings").is_dir():
        raise RunFailedError(f"the archive from {url} has no recordings in its one top folder; {MEND}")
    found = folder_digest(inside[0] / "recordings")
    if found != digest:
        raise RunFailedError(
            f"the archive from {url} holds other recordings (digest {found}, not {digest}); {MEND}"
        )
    return inside[0]
