"""What every command promises for every input, and how a case breaks it.

Exit code 0, 1 or 2; not 0: one line `error: ` on stderr. No traceback, no control characters, 20 s, 1 GB, nothing
executed or left running, no network but the local server, nothing written outside the output folder, nothing of the
user's changed or removed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from room import Case, Snapshot, differences
from zygote import CPU_S, Ended

MEMORY_BYTES = 2**30
CODES = (0, 1, 2)
ALWAYS_OURS = ("home/.cache/fsdd_lightning", "home/.cache/fsdd_lightning/*")
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
# What was not foreseen has the name of an exception where the place should be.
_BARE = re.compile(r"error: (\w*\.)*([A-Z]\w*(Error|Exception|Warning|Exit|Interrupt))\b")
_OF_PREDICT = re.compile(r".+: .+")  # a line for each file that could not be read


@dataclass(frozen=True)
class Output:
    """What a case printed."""

    out: bytes
    err: bytes
    audit: str


def judge(case: Case, ended: Ended, output: Output, before: Snapshot, after: Snapshot) -> list[str]:
    """All promises that were broken; a reason is about the kind, what follows a ` | ` about the case."""
    return [
        *_end(case, ended),
        *_text(case, ended, output),
        *(f"{line.partition(': ')[0]} | {line.partition(': ')[2]}" for line in output.audit.splitlines()),
        *_files(case, before, after),
    ]


def _end(case: Case, ended: Ended) -> Iterator[str]:
    stopped = ended.terminated and ended.code in (143, *CODES)
    if ended.hung:
        yield "hangs"
    elif ended.code == -24 or (ended.cpu_s > CPU_S and not ended.terminated):
        yield "more than 20 s" if not ended.terminated else "does not end after SIGTERM"
    elif ended.code not in CODES and not stopped:
        yield f"exit code {ended.code}"
    if ended.memory_bytes > MEMORY_BYTES:
        yield f"more than 1 GB | {ended.memory_bytes / 2**30:.1f}"
    if ended.left:
        yield f"processes left | {ended.left}"


def _text(case: Case, ended: Ended, output: Output) -> Iterator[str]:
    for name, content in (("stdout", output.out), ("stderr", output.err)):
        try:
            text = content.decode()
        except UnicodeDecodeError:
            yield f"no UTF-8 in {name}"
            continue
        if hidden := _first_hidden(text):
            yield f"control character in {name} | {hidden}"
        if "Traceback (most recent call last)" in text:
            yield f"traceback | {text.strip().splitlines()[-1][:150]}"
    lines = output.err.decode(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if ended.code in (1, 2) and len(errors) != 1:
        yield f"{len(errors)} lines of error | {' / '.join(lines[-3:])[:200]}"
    elif ended.code == 0 and errors:
        yield "error with exit code 0"
    if errors and (bare := _BARE.match(errors[0])):
        yield f"bare {bare[2]} | {errors[0][:200]}"
    more = [line for line in lines if not line.startswith(("error: ", "note: "))]
    if ended.code in (1, 2) and errors and more and case.module != "fsdd_lightning.predict":
        yield f"more than a line of error | {more[0][:150]}"


def _first_hidden(text: str) -> str | None:
    for character in text:
        if character not in "\n\t" and unicodedata.category(character) in _HIDDEN:
            return ascii(character)
    return None


def _files(case: Case, before: Snapshot, after: Snapshot) -> Iterator[str]:
    ours = (*case.ours, *ALWAYS_OURS)
    kept = set(after.values())
    for path, how in sorted(differences(before, after).items()):
        users = Path(path).name == "users_file.txt" and before.get(path) not in (None, *kept)
        if path.startswith("temporary/"):
            yield f"left in TMPDIR | {path}"
        elif users or not _matches(path, ours):
            if how == "new" and (_is_new_parent(path, ours) or _matches(path, case.created)):
                continue
            yield f"{how} outside | {path}"


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _is_new_parent(path: str, ours: tuple[str, ...]) -> bool:
    """A folder that a pattern is in."""
    return any(_matches(path, map(str, PurePath(pattern).parents)) for pattern in ours)
