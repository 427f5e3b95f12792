"""Where a case happens: a folder with a home, with things of the user's that must stay, and what was there before.

work/       the current folder: data, runs, and what the command writes
home/       HOME, with a cache
temporary/  TMPDIR, empty again afterwards
outside/    nothing here may change; links lead here
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

HASHED_BYTES = 2**26


@dataclass
class Case:
    """A command to run in a room. `ours`: patterns (fnmatch) of what it may write, relative to the room.

    `created`: what may be new, but not changed or removed. `secret`: what nothing that is written may hold.
    """

    module: str
    words: list[str]
    note: str
    stdin: str = os.devnull
    ours: tuple[str, ...] = ("work/multirun/*",)
    created: tuple[str, ...] = ()
    secret: str = ""
    terminable: bool = False
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Room:
    """A case's surroundings. `seeds`: what good things are copied from; `server`: address of a local web server."""

    folder: Path
    seeds: Path
    random: Random
    server: str = ""

    @property
    def work(self) -> Path:
        """The current folder."""
        return self.folder / "work"

    @property
    def home(self) -> Path:
        """HOME."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """TMPDIR."""
        return self.folder / "temporary"

    def furnish(self) -> None:
        """Make the folders and the user's things."""
        for name in ("work", "home/.cache", "temporary", "outside"):
            (self.folder / name).mkdir(parents=True)
            (self.folder / name / "users_file.txt").write_text(f"a user's own in {name}")
        (self.temporary / "users_file.txt").unlink()
        for name in ("export", "checkpoints", "hydra"):  # as run folders have them
            (self.work / name).mkdir()
            (self.work / name / "users_file.txt").write_text(f"a user's own in {name}")
        for name in ("network.pt", "run.log", "confusion_float.png", "draft.tmp"):
            (self.work / name).write_text("a user's own")
        compiled = self.seeds / "cache" / "fsdd_lightning" / "compiled"
        if compiled.is_dir():
            shutil.copytree(compiled, self.home / ".cache" / "fsdd_lightning" / "compiled")

    def copy(self, name: str, place: str) -> Path:
        """A seed in the working folder."""
        source, target = self.seeds / name, self.work / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copyfile(source, target)
        return target

    def copy_cache(self) -> None:
        """The synthetic recordings and their features."""
        shutil.copytree(
            self.seeds / "cache" / "fsdd_lightning", self.home / ".cache/fsdd_lightning", dirs_exist_ok=True
        )


Snapshot = dict[str, str]


def snapshot(folder: Path) -> Snapshot:
    """What is in a folder: of each path its kind and content."""
    found: Snapshot = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            found[str(path.relative_to(folder))] = _what(path)
    return found


def _what(path: Path) -> str:
    about = path.lstat()
    if stat.S_ISLNK(about.st_mode):
        return f"link {path.readlink()}"
    if stat.S_ISREG(about.st_mode):
        if about.st_size > HASHED_BYTES:
            return f"file {about.st_size} {about.st_mtime_ns}"
        with path.open("rb") as file:
            return f"file {hashlib.file_digest(file, 'md5').hexdigest()}"
    return f"kind {stat.S_IFMT(about.st_mode)}"


def differences(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """By path: new, changed, removed."""
    changed = {path: "new" for path in after if path not in before}
    changed |= {path: "removed" for path in before if path not in after}
    return changed | {path: "changed" for path in before if path in after and before[path] != after[path]}
