"""What an attacker, a broken disk or a slip of the keyboard puts in the place of something good.

Everything is drawn from the `random.Random` of a case, so that a case is repeatable by its name.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

TEXTS = (
    *("", " ", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\nerror: b", "a\rb", "\t", "\x7f", "\x9b31m", "\u202eabc"),
    *("=1+1", "@SUM(A1)", "-1", "+1", "$$", "$5_$10", "${x}", "${oc.env:HOME}", "${seed}", "${now:%Y}", "{0}", "%s%n"),
    *("../../outside/x", "..", ".", "/", "/dev/null", "/dev/full", "/proc/self/x", "~nobody", "~", "a/b", "a\\b"),
    *("a" * 256, "a" * 5000, "<script>alert(1)</script>", "|", "`id`", "$(touch canary)", "; touch canary", "'", '"'),
    *(
        "nan",
        "None",
        "null",
        "true",
        "CON",
        "\u65e5\u672c\u8a9e",
        "e\u0301",
        "\u2028",
        "\U0001f50a",
        "a,b",
        "a=b",
        "a: b",
    ),
    *(
        "1e400",
        "0x10",
        "1_000",
        "[b]",
        "[",
        "{",
        "?",
        "*",
        "&a",
        "*a",
        "!!python/object/apply:os.system [touch canary]",
    ),
)
NUMBERS = (
    *(0, 1, -1, 2, 3, 7, 255, 256, 65536, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**9, 10**30, -(10**30)),
    *(0.0, -0.0, 0.5, 1.5, -0.5, 1e-320, 1e-308, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 1e9),
)
BAD_NAMES = (  # of files; bytes, since names need not be UTF-8
    *(b"a\nb", b"\x1b[31mred", b"\xff\xfe", "\u202egnp".encode(), b"-rf", b"--json", b" ", b"a" * 240, b"[b]", b"=1+1"),
    *(b"$$", b"${x}", b"a'b", b'a"b', b"a\tb", b"%s", "\u65e5".encode(), b"*", b"~", b"@x", b"#", b"a|b", b"<b>"),
)


_DEEPEST = 30  # where changes are made


def value(random: Random) -> Any:
    """Something that JSON can hold."""
    kind = random.randrange(10)
    if kind < 3:
        return random.choice(TEXTS)
    if kind < 6:
        return random.choice(NUMBERS)
    if kind < 8:
        return random.choice((None, True, False, [], {}, [[]], [None], {"": 0}, {"a": {}}, [{}], "0", ["a"], [1, 2]))
    if kind == 8:
        return nested(random.choice((3, 50, 500)), random.random() < 0.5)
    return random.choice(([0] * 3000, {str(at): at for at in range(1000)}, ["a" * 300] * 5, [float("nan")] * 3))


def nested(depth: int, lists: bool) -> Any:
    """A value inside `depth` others."""
    inner: Any = 0
    for _ in range(depth):
        inner = [inner] if lists else {"a": inner}
    return inner


# --- JSON ---


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if len(path) > _DEEPEST:
        return found
    if isinstance(node, dict):
        items: list[tuple[Any, Any]] = list(node.items())
    elif isinstance(node, list):
        items = list(enumerate(node[:4]))  # long lists are more of the same
    else:
        return found
    return [*found, *(each for key, inner in items for each in _paths(inner, (*path, key)))]


def spoil_json(random: Random, content: Any) -> tuple[Any, str]:
    """A changed value at a random place; and which. Places near the top come as often as all those below."""
    paths = _paths(content)
    if not paths:
        return value(random), "whole"
    depth = random.choice(sorted({len(path) for path in paths}))
    path = random.choice([path for path in paths if len(path) == depth])
    holder = content
    for key in path[:-1]:
        holder = holder[key]
    what = random.randrange(8)
    if what == 0:
        del holder[path[-1]]
        done = "without"
    elif what == 1 and isinstance(holder, dict):
        holder[random.choice(TEXTS)] = value(random)
        done = "with another key beside"
    elif what == 2:
        holder[path[-1]] = [holder[path[-1]]]
        done = "in a list"
    else:
        holder[path[-1]] = value(random)
        done = f"= {json.dumps(holder[path[-1]])[:60]}"
    return content, f"{'.'.join(map(str, path))} {done}"


def spoil_json_text(random: Random, text: bytes) -> tuple[bytes, str]:
    """Text that is no JSON, or that other readers read otherwise."""
    ways: dict[str, Callable[[], bytes]] = {
        "deeply nested": lambda: b"[" * 100_000,
        "deep and closed": lambda: b'{"a":' * 5000 + b"0" + b"}" * 5000,
        "byte order mark": lambda: b"\xef\xbb\xbf" + text,
        "UTF-16": lambda: text.decode().encode("utf-16"),
        "Latin-1": lambda: text[:1] + b'"\xe9": 1,' + text[1:],
        "a number of 10,000 digits": lambda: text[:1] + b'"seed": ' + b"9" * 10_000 + b"," + text[1:],
        "an array": lambda: b"[" + text + b"]",
        "a string": lambda: b'"' + b"a" * 1000 + b'"',
        "null": lambda: b"null",
        "NUL": lambda: text + b"\0",
        "empty": lambda: b"",
        "lone surrogate": lambda: text[:1] + b'"name": "\\ud800",' + text[1:],
        "bytes": lambda: spoil_bytes(random, text)[0],
    }
    name = random.choice(sorted(ways))
    return ways[name](), name


# --- bytes ---


def spoil_bytes(random: Random, content: bytes) -> tuple[bytes, str]:
    """One to three changes; more often near the beginning, where headers are."""
    data = bytearray(content)
    done = []
    for _ in range(random.randint(1, 3)):
        end = len(data) if random.random() < 0.5 else min(len(data), 64)
        at = random.randrange(end) if end else 0
        way = random.randrange(8)
        if way == 0:
            data[at:] = b""
        elif way == 1 and data:
            data[at] ^= 1 << random.randrange(8)
        elif way == 2:
            data[at:at] = random.randbytes(random.choice((1, 2, 16, 300)))
        elif way == 3:
            data[at : at + random.choice((1, 4, 100))] = b""
        elif way == 4:
            data[at : at + 4] = struct.pack("<I", random.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**24)))
        elif way == 5:
            data[at : at + 2] = struct.pack("<H", random.choice((0, 1, 2, 3, 16, 255, 2**15, 2**16 - 1)))
        elif way == 6:
            start = random.randrange(len(data) or 1)
            data[at:at] = data[start : start + random.choice((4, 50, 1000))]
        else:
            data[at : at + random.choice((4, 64))] = b"\xff" * 64
        done.append(f"{('cut', 'flip', 'insert', 'delete', 'u32', 'u16', 'splice', 'ones')[way]}@{at}")
    return bytes(data), " ".join(done)


# --- files that are none ---


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 * 2**30)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name[:90])
    finally:
        os.chdir(here)


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "users_file.txt").write_text("a user's own")


KINDS: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "link to /dev/zero": _link("/dev/zero"),
    "link to /dev/full": _link("/dev/full"),
    "link to /dev/null": _link("/dev/null"),
    "link to /proc/self/environ": _link("/proc/self/environ"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "dangling link": _link("nowhere/at/all"),
    "dangling link out": _link("../../outside/not_there"),
    "link to a file outside": lambda path: path.symlink_to(_outside(path) / "users_file.txt"),
    "link to a folder outside": lambda path: path.symlink_to(_outside(path)),
    "folder": _folder,
    "sparse": _sparse,
    "empty": Path.touch,
    "socket": _socket,
    "text": lambda path: path.write_text("hello\n" * 20) and None,
}


def _outside(path: Path) -> Path:
    """The folder `outside` of the room that a path is in."""
    return next(parent / "outside" for parent in path.parents if (parent / "outside").is_dir())


def place_kind(random: Random, path: Path) -> str:
    """Put something in the place of a file or a folder."""
    clear(path)
    name = random.choice(sorted(KINDS))
    KINDS[name](path)
    return name


def clear(path: Path) -> None:
    """Make place for something else."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def bad_name(random: Random, suffix: str = "") -> str:
    """A name of a file as nobody would choose it."""
    return os.fsdecode(random.choice(BAD_NAMES)) + suffix
