"""What a watched process must not do, noted as it does it: Python's audit events see every file, program and socket.

Connections to other machines and writing outside are refused, too, so that no case does harm.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROGRAMS = {"cc", "gcc", "git", "espeak-ng", "flite", "ldconfig", "objdump", "ld", "uname", "lscpu", "make"}
LOCAL = {"127.0.0.1", "localhost", "::1"}
HARMLESS = ("/dev/null", "/dev/tty", "/proc/self/", "/dev/shm/sem.")
UNPICKLED = {"os", "posix", "nt", "subprocess", "runpy", "shutil", "sys", "pty", "commands"}
BUILTINS = {"eval", "exec", "open", "__import__", "getattr", "compile"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {  # event: which of its arguments are paths, and where the folder of a relative one is
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.mkfifo": ((0, 2),),
    "os.setxattr": ((0, None),),
}


def watch(report: int, own: Sequence[str], words: Sequence[str]) -> None:
    """From now on write a line to the file descriptor `report` for all that is forbidden.

    `own`: the folders that may be written to. `words`: the command line; what it names is the user's own wish.
    """
    roots = tuple(os.path.realpath(each) for each in own)
    busy = False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal busy
        if busy or event not in _CHECKS:
            return
        busy = True
        try:
            complaint = _CHECKS[event](event, arguments, roots)
            refused = complaint is not None
            if complaint is not None and not _wished(complaint, words):
                os.write(report, (ascii(complaint)[1:-1] + "\n").encode())
        finally:
            busy = False
        if refused:
            raise PermissionError(13, "Permission denied")

    sys.addaudithook(hook)


def _wished(complaint: str, words: Sequence[str]) -> bool:
    """Whether the command line names the place outside, or the other machine."""
    kind, _, place = complaint.partition(": ")
    if kind == "network":
        return bool(place) and any(f"//{place}" in word for word in words)
    named = [word.partition("=")[2].strip("'\"").rstrip("/") for word in words]
    return kind.endswith("outside") and any(name and place.startswith(name) for name in (*named, *words))


def _place(path: Any, folder: Any = None) -> str | None:
    """The real place of what is named; a link itself is where its folder is. None for what has no name."""
    if isinstance(path, int) or path is None:
        return None
    named = Path(os.fsdecode(path))
    if isinstance(folder, int) and folder >= 0:
        named = Path(f"/proc/self/fd/{folder}").readlink() / named
    return os.path.realpath(named.parent).rstrip("/") + f"/{named.name}"


def _outside(place: str | None, roots: Sequence[str]) -> bool:
    if place is None or place.startswith(HARMLESS):
        return False
    return not any(place == root or place.startswith(root.rstrip("/") + "/") for root in roots)


def _open(event: str, arguments: tuple[Any, ...], roots: Sequence[str]) -> str | None:
    path, _, flags = arguments
    if not isinstance(flags, int) or not flags & _WRITES or isinstance(path, int):
        return None
    place = os.path.realpath(os.fsdecode(path))
    return f"writes outside: {place}" if _outside(place, roots) else None


def _change(event: str, arguments: tuple[Any, ...], roots: Sequence[str]) -> str | None:
    for at, folder in _CHANGES[event]:
        given = arguments[folder] if folder is not None and len(arguments) > folder else None
        place = _place(arguments[at], given)
        if _outside(place, roots):
            return f"{event.partition('.')[2]} outside: {place}"
    return None


def _program(event: str, arguments: tuple[Any, ...], roots: Sequence[str]) -> str | None:
    if event == "os.system":
        return f"executes: {arguments[0]!r}"
    name, words = arguments[0], arguments[1] if len(arguments) > 1 else ()
    first = name if name is not None else words if isinstance(words, str | bytes) else (list(words) or [""])[0]
    program = Path(os.fsdecode(first))
    if program.name in PROGRAMS or os.path.realpath(program) == os.path.realpath(sys.executable):
        return None
    return f"executes: {os.fsdecode(first)}"


def _connect(event: str, arguments: tuple[Any, ...], roots: Sequence[str]) -> str | None:
    address = arguments[1] if event.startswith("socket.connect") or event == "socket.sendto" else arguments[0]
    host = address[0] if isinstance(address, tuple) else address
    host = host.decode("latin-1") if isinstance(host, bytes) else host
    return None if host is None or host in LOCAL else f"network: {host}"


def _find_class(event: str, arguments: tuple[Any, ...], roots: Sequence[str]) -> str | None:
    module, name = arguments
    hostile = module.partition(".")[0] in UNPICKLED or (module == "builtins" and name in BUILTINS)
    return f"unpickles: {module}.{name}" if hostile else None


_CHECKS: dict[str, Callable[[str, tuple[Any, ...], Sequence[str]], str | None]] = {
    "open": _open,
    **dict.fromkeys(_CHANGES, _change),
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"), _program),
    **dict.fromkeys(("socket.connect", "socket.connect_ex", "socket.getaddrinfo", "socket.gethostbyname"), _connect),
    "socket.sendto": _connect,
    "pickle.find_class": _find_class,
}
