"""A command that breaks one promise, which its first word names: for the tests of the judge."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_kept: list[Any] = []


class _Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.getpid, ()


def _sleep_on() -> None:
    if os.fork() == 0:
        time.sleep(100)


def _fill() -> None:
    _kept.append(b"x" * (2**30 + 2**20))


def _compute() -> None:
    while True:
        sum(range(10**6))


def _connect() -> None:
    socket.create_connection(("203.0.113.1", 80), timeout=1)


def _fail(*lines: str) -> None:
    print(*lines, sep="\n", file=sys.stderr)
    sys.exit(1)


WAYS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "fails well": lambda: _fail("error: there is no file x: name another"),
    "code": lambda: sys.exit(7),
    "no line": lambda: sys.exit(2),
    "lines": lambda: _fail("error: a", "b"),
    "errors": lambda: _fail("error: a", "error: b"),
    "bare": lambda: _fail("error: TypeError: 'x' is None"),
    "traceback": lambda: 1 // 0,
    "control": lambda: print("\x1b[31mred"),
    "bidirectional": lambda: print("\u202ered"),
    "bytes": lambda: sys.stdout.buffer.write(b"\xff\n"),
    "silent error": lambda: print("error: a", file=sys.stderr),
    "hang": lambda: threading.Event().wait(),
    "compute": _compute,
    "fill": _fill,
    "leave": _sleep_on,
    "execute": lambda: os.system("true"),
    "program": lambda: subprocess.run(["/bin/true"]),
    "unpickle": lambda: pickle.loads(pickle.dumps(_Hostile())),
    "connect": _connect,
    "write": lambda: Path("../outside/new").write_text("x"),
    "write far": lambda: Path("/dev/shm/fsdd_fuzz").write_text("x"),
    "follow": lambda: (Path("link").symlink_to("../outside/users_file.txt"), Path("link").write_text("x")),
    "change": lambda: Path("users_file.txt").write_text("x"),
    "remove": lambda: Path("export/users_file.txt").unlink(),
    "temporary": lambda: Path(os.environ["TMPDIR"], "left").touch(),
    "result": lambda: (Path("multirun").mkdir(), Path("multirun/run.json").touch()),
}


def main() -> None:
    """Break it."""
    WAYS[sys.argv[1]]()
