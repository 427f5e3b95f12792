"""Download FSDD so that the destination either holds the whole, verified dataset or does not exist.

Everything happens in a temporary folder beside the destination, under a file lock; the last step is one rename.
A killed process leaves its temporary folder behind; the next holder of the lock removes it.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fsdd_lightning.config.addresses import address_problem
from fsdd_lightning.data.fetch import USUAL, AttemptError, Patience, fetch
from fsdd_lightning.data.layouts import find_folder
from fsdd_lightning.data.recordings import FSDD, folder_digest
from fsdd_lightning.data.unpack import NOT_TAR, unpack
from fsdd_lightning.errors import RunFailedError, UserError

log = logging.getLogger(__name__)

REMEDY = (
    "check the network and try again, set FSDD_ROOT (environment) or data.root to a folder that holds the recordings, "
    "or go on without them: data=synthetic"
)
LOCK_TIMEOUT_S = 1800.0  # another process that downloads for longer than this hangs


def download_fsdd(url: str, digest: str, destination: Path, patience: Patience = USUAL) -> Path:
    """Make `destination` the unpacked archive at `url`, whose recordings have the content digest `digest`.

    The digest is that of the recordings, since GitHub does not promise the bytes of an archive.
    Returns `destination`, which then has a subfolder `recordings`; if it has one already, nothing is downloaded or
    verified. Safe to call from several processes: one downloads, the others wait for it.
    Raises RunFailedError if the dataset is not available, UserError for a wrong URL.
    """
    if problem := address_problem(url):
        raise UserError(f"data.archive_url: {problem}")
    if urlsplit(url).path.lower().endswith(".zip"):
        raise UserError(f"data.archive_url={url} is a .zip, and only .tar archives are read: {NOT_TAR}")
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


def _download(url: str, digest: str, destination: Path, patience: Patience) -> None:
    """Attempt it until it succeeds, fails for good, or the patience is used up."""
    log.info("downloading the dataset from %s", url)
    for attempt in range(1, patience.attempts + 1):
        try:
            return _attempt(url, digest, destination, patience)
        except AttemptError as error:
            if not error.transient or attempt == patience.attempts:
                tries = f"{attempt} attempts, the last: " if attempt > 1 else ""
                raise RunFailedError(f"cannot download the dataset from {url} ({tries}{error}): {REMEDY}") from error
            wait_s = patience.backoff_s * 2 ** (attempt - 1)
            log.warning("download failed (%s); trying again in %g s", error, wait_s)
            time.sleep(wait_s)


def _attempt(url: str, digest: str, destination: Path, patience: Patience) -> None:
    with tempfile.TemporaryDirectory(prefix=_temporary_prefix(destination), dir=destination.parent) as temporary:
        archive, unpacked = Path(temporary) / "archive", Path(temporary) / "unpacked"
        fetch(url, archive, patience)
        unpack(archive, unpacked)
        _verified_top_folder(unpacked, digest).rename(destination)


def _verified_top_folder(unpacked: Path, digest: str) -> Path:
    """The one folder at the top of the archive, once its recordings are known to be the expected ones."""
    inside = list(unpacked.iterdir())
    if len(inside) != 1 or not (inside[0] / "recordings").is_dir():
        raise AttemptError("the archive has no recordings in its one top folder")
    found = folder_digest(inside[0] / "recordings")
    if found != digest:
        raise AttemptError(f"the archive holds other recordings: digest {found}, not {digest}")
    return inside[0]


def check_downloaded(folder: Path, digest: str) -> None:
    """Raises UserError where the recordings of a dataset that was downloaded are not those of this digest any more.

    All are read: 0.1 s for FSDD.
    """
    found = find_folder(folder, FSDD)
    if found is not None and folder_digest(found) != digest:
        raise UserError(
            f"the recordings in {found} are not those that were downloaded (one was lost, changed or added): "
            f"remove {folder}, and they are downloaded again, or name other recordings by data.root"
        )
