"""Fetch one file by HTTP from a server that is not trusted: bounded in bytes, in time and in what it may answer.

No timeout of a socket bounds a whole answer: names are looked up without one, and a server may send a byte of its
header every few seconds. So a thread receives, and who waits for its pieces looks at the clock.
"""

from __future__ import annotations

import io
import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.escaping import visible

if TYPE_CHECKING:
    from requests import Response, Session

MAX_BYTES = 2**26  # the archive of FSDD has 16 MB
LEAST_BYTES_PER_S = 10_000  # on average; with less FSDD would take half an hour
MAX_REDIRECTS = 10
_PIECE_BYTES = 2**13
_WAITING_PIECES = 16  # that were received and not written yet
_REASON_LETTERS = 200  # of what a server or a library says


@dataclass(frozen=True)
class Patience:
    """How long to try. The waits between attempts are backoff_s, 2 backoff_s, 4 backoff_s, ..."""

    attempts: int = 3
    backoff_s: float = 0.5
    timeout_s: float = 5.0  # to connect, and between two pieces of data
    start_s: float = 10.0  # after it LEAST_BYTES_PER_S must have come
    whole_s: float = 1200.0  # of an attempt


USUAL = Patience()


class AttemptError(Exception):
    """This attempt failed for the reason given, one line; `transient` if another attempt may succeed."""

    def __init__(self, reason: str, transient: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient


def fetch(url: str, target: Path, patience: Patience) -> None:
    """Write the content of `url` to `target`, with a progress bar on a terminal.

    Raises:
        AttemptError: the server, or the way to it; OSError: the disk.
    """
    from tqdm import tqdm

    receiver = _Receiver(url, patience.timeout_s)
    try:
        with target.open("wb") as file, tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
            for piece in _checked(receiver, patience):
                file.write(piece)
                bar.total = receiver.announced_bytes
                bar.update(len(piece))
            bar.refresh()
    finally:
        receiver.stop()


def _checked(receiver: _Receiver, patience: Patience) -> Iterator[bytes]:
    """The pieces, as long as they are not too many and come fast enough."""
    start, received = time.monotonic(), 0
    while (piece := receiver.next_piece(_PIECE_BYTES / LEAST_BYTES_PER_S)) != b"":
        spent_s = time.monotonic() - start
        received += len(piece or b"")
        if received > MAX_BYTES or (receiver.announced_bytes or 0) > MAX_BYTES:
            raise AttemptError(f"the archive has more than {MAX_BYTES:,} bytes")
        if spent_s > patience.start_s and received < LEAST_BYTES_PER_S * spent_s:
            raise AttemptError(f"too slow, {received:,} bytes in {spent_s:.0f} s")
        if spent_s > patience.whole_s:
            raise AttemptError(f"not done after {patience.whole_s:.0f} s")
        if piece is not None:
            yield piece


class _Receiver:
    """A thread that receives; it ends when it can, and nobody waits for it."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.announced_bytes: int | None = None
        self._pieces: queue.Queue[bytes | Exception] = queue.Queue(_WAITING_PIECES)
        self._stopped = threading.Event()
        threading.Thread(target=self._receive, args=(url, timeout_s), daemon=True).start()

    def next_piece(self, wait_s: float) -> bytes | None:
        """None: nothing has come so far; b"": that was all. Raises AttemptError."""
        try:
            piece = self._pieces.get(timeout=min(wait_s, 0.25))
        except queue.Empty:
            return None
        if isinstance(piece, Exception):
            raise piece if isinstance(piece, AttemptError) else _failed(piece) from piece
        return piece

    def stop(self) -> None:
        """Let the thread end at its next piece."""
        self._stopped.set()
        with suppress(queue.Empty):  # it may wait for a place
            self._pieces.get_nowait()

    def _receive(self, url: str, timeout_s: float) -> None:
        try:
            with _session() as session, session.get(url, stream=True, timeout=timeout_s) as response:
                self.announced_bytes = _announced_bytes(response)
                for piece in response.raw.stream(_PIECE_BYTES, decode_content=False):
                    if piece:
                        self._pieces.put(piece)
                    if self._stopped.is_set():
                        return
            self._pieces.put(b"")
        except Exception as error:  # of five libraries; told where it is waited for
            self._pieces.put(error)


def _session() -> Session:
    """Of requests, which knows proxies and certificates. What is compressed for the way alone is not asked for."""
    import requests
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        """Leaves bodies of redirects alone: requests would read such a body into memory, without end."""

        def send(self, *arguments: Any, **options: Any) -> Response:
            response = super().send(*arguments, **options)
            if response.is_redirect:
                response.raw.close()
                response.raw = io.BytesIO()
            return response

    session = requests.Session()
    session.max_redirects = MAX_REDIRECTS
    session.headers["Accept-Encoding"] = "identity"
    for scheme in ("http://", "https://"):  # and no other: a redirect may ask for any
        session.mount(scheme, Adapter())
    return session


def _announced_bytes(response: Response) -> int | None:
    """As far as the header says it. Raises AttemptError for an answer without the file."""
    status = response.status_code
    if status != 200:
        transient = status >= 500 or status in (408, 429)  # the server's trouble, a timeout, too many requests
        raise AttemptError(_one_line(f"HTTP {status} {response.reason}"), transient)
    stated = response.headers.get("Content-Length", "")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 19 else None


def _failed(error: Exception) -> AttemptError:
    import requests
    from urllib3 import exceptions

    passing = (
        *(requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError),
        *(exceptions.ProtocolError, exceptions.TimeoutError),
    )
    return AttemptError(_one_line(_root_cause(error)), isinstance(error, passing))


def _root_cause(error: BaseException) -> str:
    """What failed below the layers of requests and urllib3, e.g. `Connection refused`."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _one_line(text: str) -> str:
    return visible(text.strip()[:_REASON_LETTERS])
