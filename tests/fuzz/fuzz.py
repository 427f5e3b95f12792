"""Cases by name, `ENTRANCE:SEED:INDEX`: each is made, run and judged in a room of its own."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import entrance_configurations
import entrance_data
import entrance_downloads
import entrance_files
import entrance_runs
from judge import Output, judge
from room import Case, Room, snapshot
from zygote import Ended, Request, Zygote, environment

ENTRANCES: dict[str, Callable[[Room], Case]] = {
    "files": entrance_files.case,
    "data": entrance_data.case,
    "configurations": entrance_configurations.case,
    "runs": entrance_runs.case,
    "downloads": entrance_downloads.case,
}
# How many of a hundred cases: those of configurations and downloads take longest.
TRAINING_S = 6  # a case's training that takes longer is ended
SHARES = {"files": 25, "data": 15, "configurations": 25, "runs": 25, "downloads": 10}


@dataclass(frozen=True)
class Verdict:
    """What became of a case: no reasons if all promises were kept."""

    name: str
    reasons: tuple[str, ...]
    command: str
    note: str
    ended: Ended | None = None
    printed: str = ""


def names(entrance: str, seed: int, count: int) -> Iterator[str]:
    """Of the first cases of a seed."""
    return (f"{entrance}:{seed}:{index}" for index in range(count))


def run_case(name: str, folder: Path, seeds: Path, zygote: Zygote, keep: bool = False) -> Verdict:
    """Make, run and judge one; its room is `folder`, which is removed unless `keep`."""
    entrance, _, _ = name.split(":")
    room = Room(folder, seeds, Random(name))
    room.furnish()
    here = Path.cwd()
    os.chdir(room.work)
    try:
        case = ENTRANCES[entrance](room)
        before = snapshot(folder)
        log = folder.with_name(f"{folder.name}.log")
        shutil.rmtree(log, ignore_errors=True)
        log.mkdir()
        ended = zygote.run(_request(case, room, log))
        output = Output(*((log / each).read_bytes() for each in ("out", "err")), (log / "audit").read_text())
        reasons = judge(case, ended, output, before, snapshot(folder))
        reasons += [f"a secret is written | {place}" for place in _holders(case.secret, [log, room.work])]
    finally:
        os.chdir(here)
        entrance_downloads.stop_answers()
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(log, ignore_errors=True)
    command = shlex.join([case.module.rpartition(".")[2], *case.words])
    printed = (
        f"{output.out[-2000:].decode(errors='replace')}\n--- stderr\n{output.err[-3000:].decode(errors='replace')}"
    )
    return Verdict(name, tuple(reasons), command, case.note, ended, printed)


def _holders(secret: str, folders: Sequence[Path]) -> Iterator[str]:
    """Files that hold what nobody but the user should know."""
    for path in (path for folder in folders if secret for path in sorted(folder.rglob("*"))):
        if path.is_file() and path.stat().st_size < 2**24 and secret.encode() in path.read_bytes():
            yield path.name


def _request(case: Case, room: Room, log: Path) -> Request:
    shared = room.seeds.parent / "shared"  # what libraries cache: fonts, compiled functions
    shared.mkdir(exist_ok=True)
    more = {"MPLCONFIGDIR": str(shared), "NUMBA_CACHE_DIR": str(shared)}
    return Request(
        module=case.module,
        words=case.words,
        folder=str(room.work),
        environment={**environment(room.home, room.temporary, **more), **case.environment},
        stdin=case.stdin,
        out=str(log / "out"),
        err=str(log / "err"),
        audit=str(log / "audit"),
        own=[str(room.folder), str(shared)],
        patience_s=TRAINING_S if case.terminable else 0,
    )


def grouped(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """Failures by reason, the most frequent first."""
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        for reason in dict.fromkeys(each.partition(" | ")[0] for each in verdict.reasons):
            found.setdefault(reason, []).append(verdict)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def report(verdict: Verdict) -> str:
    """A failure in a few lines."""
    return "\n".join(
        [
            f"{verdict.name}  {ascii(verdict.note)[1:-1]}",
            f"    {ascii(verdict.command)[1:-1][:400]}",
            *(f"    - {ascii(reason)[1:-1]}" for reason in verdict.reasons),
        ]
    )
