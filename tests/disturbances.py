"""File operations below a folder, counted, photographed or disturbed: what crash tests inject into a command.

CPython tells an audit hook of every operation that opens, renames or removes a file, before it happens; what it does
not tell of (fsync) is wrapped. Processes that a command forks go on counting: a byte of a file is one operation.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

VARIABLE = "FSDD_TESTS_DISTURBANCE"  # in the environment of processes that do not inherit the hook
KILLED = -signal.SIGKILL
# Audit event: positions of the paths among its arguments, and of the folder's descriptor for a relative one.
_EVENTS: dict[str, tuple[tuple[int, int | None], ...]] = {
    "open": ((0, None),),
    "os.rename": ((0, 2), (1, 3)),  # os.replace, too
    "os.remove": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.utime": ((0, 3),),
    "fcntl.flock": ((0, None),),
    "os.fsync": ((0, None),),  # ours
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FREEING = ("os.remove", "os.rmdir", "fcntl.flock")  # what also a full disk allows

Kind = Literal["count", "photograph", "kill", "full", "full once"]


@dataclass(frozen=True)
class Disturbance:
    """What happens at the operation of a number, counted from 1, below `folder`.

    kill: SIGKILL to the process group; full: no space from then on; full once: that operation alone has none.
    photograph: before every operation by which something has changed, `folder` is copied to `album`/NUMBER.
    `counter`: a file outside of `folder`, one byte an operation.
    """

    kind: Kind
    number: int
    folder: str
    counter: str
    album: str = ""


def count_of(disturbance: Disturbance) -> int:
    """How many operations there were."""
    counter = Path(disturbance.counter)
    return counter.stat().st_size if counter.exists() else 0


def disturb(disturbance: Disturbance) -> None:
    """From now on in this process, and in those that it forks."""
    # pathlib and others look it up in `os` each time.
    fsync = os.fsync

    def audited_fsync(file: Any) -> None:
        sys.audit("os.fsync", file if isinstance(file, int) else file.fileno())
        fsync(file)

    os.fsync = audited_fsync
    sys.addaudithook(_hook(disturbance))


def disturb_by_environment() -> None:
    """For a `sitecustomize`, in a process that was started afresh."""
    if VARIABLE in os.environ:
        disturb(Disturbance(**json.loads(os.environ[VARIABLE])))


def as_environment(disturbance: Disturbance) -> dict[str, str]:
    """The variable that `disturb_by_environment` reads."""
    return {VARIABLE: json.dumps(asdict(disturbance))}


def _hook(disturbance: Disturbance) -> Callable[[str, tuple[Any, ...]], None]:
    act = _photographer(disturbance) if disturbance.kind == "photograph" else _disturber(disturbance)
    one_at_a_time, own = threading.Lock(), threading.local()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS or hasattr(own, "busy") or not _is_below(event, arguments, disturbance.folder):
            return
        own.busy = True
        try:
            with one_at_a_time:
                act(_number_of_next(disturbance.counter), event)
        finally:
            del own.busy

    return hook


def _is_below(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    if event == "open" and not arguments[2] & _WRITING:
        return False
    return any(_path(arguments, *place).startswith(folder) for place in _EVENTS[event])


def _path(arguments: tuple[Any, ...], position: int, folder_position: int | None) -> str:
    """Absolute; empty where there is none."""
    path = arguments[position]
    if isinstance(path, int):
        return _of_descriptor(path)
    folder = -1 if folder_position is None else arguments[folder_position]
    start = str(Path.cwd()) if folder in (-1, None) else _of_descriptor(folder)
    return os.path.normpath(Path(start, os.fsdecode(path))) if path is not None else ""


def _of_descriptor(number: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{number}").readlink())
    except OSError:
        return ""


def _number_of_next(counter: str) -> int:
    """Appending is one step for all processes, and leaves the position behind the byte that was added."""
    file = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(file, b".")
        return os.lseek(file, 0, os.SEEK_CUR)
    finally:
        os.close(file)


def _disturber(disturbance: Disturbance) -> Callable[[int, str], None]:
    def act(number: int, event: str) -> None:
        if disturbance.kind == "kill" and number >= disturbance.number:
            os.killpg(os.getpgid(0), signal.SIGKILL)
        later = number > disturbance.number and disturbance.kind == "full" and event not in _FREEING
        if disturbance.kind.startswith("full") and (number == disturbance.number or later):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return act


def _photographer(disturbance: Disturbance) -> Callable[[int, str], None]:
    last: object = None

    def act(number: int, event: str) -> None:
        nonlocal last
        state = _state(Path(disturbance.folder))
        if state != last:
            last = state
            copy_tree(Path(disturbance.folder), Path(disturbance.album) / f"{number:04d}")

    return act


def _state(folder: Path) -> list[tuple[str, int, int]]:
    found = sorted(folder.rglob("*"))
    return [(str(path), path.stat().st_size, path.stat().st_ino) for path in found]


def copy_tree(source: Path, target: Path) -> None:
    """With times, and empty where there is no source."""
    if source.exists():
        shutil.copytree(source, target, symlinks=True)
    else:
        target.mkdir(parents=True)
