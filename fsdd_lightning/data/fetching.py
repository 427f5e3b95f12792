"""One attempt to fetch one file over HTTP, with a progress bar, and one line on why it failed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.errors import RunFailedError

if TYPE_CHECKING:
    from requests import ConnectionError, HTTPError
    from rich.progress import Progress

MEND = "check the network and try again, or set FSDD_ROOT or data.root to a folder that holds the recordings"
CHUNK_BYTES = 2**16


class TransientError(Exception):
    """This attempt failed for a reason that another attempt may not meet."""


def fetch(url: str, target: Path, timeout_s: float) -> None:
    """Write the content of `url` to the file `target`; `timeout_s` is for connecting and between two pieces.

    Raises TransientError if another attempt may help, else RunFailedError; OSError if `target` is at fault.
    """
    import requests
    from pooch import HTTPDownloader

    with _progress() as progress:
        bar = _PoochProgress(progress)
        download = HTTPDownloader(progressbar=bar, chunk_size=CHUNK_BYTES, timeout=(timeout_s, timeout_s))
        try:
            download(url, str(target), None)
        except requests.HTTPError as error:
            raise _over_budget_reason(url, error) from error
        except requests.exceptions.ChunkedEncodingError as error:
            raise TransientError("the connection broke before the end") from error
        except requests.Timeout as error:
            raise TransientError(f"no answer within {timeout_s:g} s") from error
        except requests.ConnectionError as error:
            raise TransientError(_system_error(error)) from error
        except requests.RequestException as error:
            raise RunFailedError(f"cannot download the dataset from {url} ({error}): {MEND}") from error


def _over_budget_reason(url: str, error: HTTPError) -> Exception:
    assert error.response is not None  # raise_for_status gives it
    status = error.response.status_code
    reason = f"HTTP {status} {error.response.reason}"
    if status >= 500 or status in (408, 429):  # the server's trouble, a timeout, too many requests
        return TransientError(reason)
    return RunFailedError(f"cannot download the dataset from {url} ({reason}): {MEND}")


def _system_error(error: ConnectionError) -> str:
    """What the operating system said, from under the layers of requests and urllib3."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("downloading FSDD"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        # isatty, not rich's own guess: FORCE_COLOR would make it draw a bar into a log file.
        disable=not sys.stderr.isatty(),
        transient=True,
    )


class _PoochProgress:
    """What pooch wants of a progress bar, told to rich's."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("download", total=None)

    @property
    def total(self) -> float | None:
        return self._progress.tasks[0].total

    @total.setter
    def total(self, size_bytes: int) -> None:
        # 0 stands for a server that does not say the size (GitHub's does not).
        self._progress.update(self._task, total=size_bytes or None)

    def update(self, size_bytes: int) -> None:
        self._progress.update(self._task, advance=size_bytes)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.stop_task(self._task)
