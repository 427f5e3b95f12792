"""A sweep that is killed, or finds no space, at any of its file operations: the same command ends as if it had not."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from disturbances import KILLED, Disturbance, Kind, count_of, disturb
from installed_extras import needs
from sweep_contents import contents, differences, table
from warm_sweeps import TINY_SWEEP, Ended, WarmSweeps, fork_workers

SEED = 13
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
# By launcher: the words that choose it, and what is changed in its processes.
LAUNCHERS: dict[str, tuple[tuple[str, ...], Callable[[], None] | None]] = {
    "basic": ((), None),
    "joblib": (JOBLIB, fork_workers),
}
SAMPLED: dict[str, dict[Kind, int]] = {  # 20 cases in the default lane
    "basic": {"kill": 6, "full": 4, "full once": 4},
    "joblib": {"kill": 2, "full": 2, "full once": 2},
}
# In the slow lane every so-manyth operation; kills of a sweep in one process are all looked at, see below.
STRIDES: dict[str, dict[Kind, int]] = {
    "basic": {"full": 10, "full once": 10},
    "joblib": {"kill": 16, "full": 32, "full once": 32},
}
NOT_LOGGED = "Unable to configure handler"  # of a job in another process, which does not send an exception's cause
EITHER = [pytest.param("basic"), pytest.param("joblib", marks=needs("hydra-joblib-launcher", "parallel"))]


@dataclass(frozen=True)
class Bench:
    """A warm sweep, what it leaves when nothing disturbs it, and how many file operations that takes."""

    sweeps: WarmSweeps
    expected: dict[str, str]
    table: tuple[str, str]
    operations: int

    @property
    def root(self) -> Path:
        """Its output_root."""
        return self.sweeps.place / "multirun"

    def problems(self) -> list[str]:
        """How the same command, undisturbed, ends otherwise than it should."""
        code, _, err = self.sweeps.run()
        found = [] if (code, err) == (0, "") else [f"the rerun ended with {code}: {err}"]
        found += differences(contents(self.root), self.expected)
        return found or ([] if table(self.root / "grid") == self.table else ["another table"])


Benches = Callable[[str], Bench]


@pytest.fixture(scope="module")
def bench(synthetic_cache: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benches]:
    """By launcher, made when it is asked for."""
    made: dict[str, Bench] = {}

    def of(launcher: str) -> Bench:
        if launcher not in made:
            words, prepare = LAUNCHERS[launcher]
            place = tmp_path_factory.mktemp("crashes") / "work"
            made[launcher] = _undisturbed(WarmSweeps([*TINY_SWEEP, *words, synthetic_cache], place, prepare))
        return made[launcher]

    yield of
    for each in made.values():
        each.sweeps.close()


def _undisturbed(sweeps: WarmSweeps) -> Bench:
    root = sweeps.place / "multirun"
    counted = _disturbance("count", 0, root)
    code, _, err = sweeps.run(disturb, counted)
    assert (code, err) == (0, ""), err
    return Bench(sweeps, contents(root), table(root / "grid"), count_of(counted))


def _disturbance(kind: Kind, number: int, root: Path, album: str = "") -> Disturbance:
    """Of a sweep that begins from nothing."""
    shutil.rmtree(root, ignore_errors=True)
    counter = root.with_name("operations")
    counter.unlink(missing_ok=True)
    return Disturbance(kind, number, str(root), str(counter), album)


def problems_after(bench: Bench, kind: Kind, number: int) -> list[str]:
    """What is wrong with a sweep that was disturbed, or with the same command after it."""
    disturbance = _disturbance(kind, number, bench.root)
    ended = bench.sweeps.run(disturb, disturbance)
    return (_of_killed if kind == "kill" else _of_full)(ended) + bench.problems()


def _of_killed(ended: Ended) -> list[str]:
    return [] if ended.code == KILLED else [f"it was not killed: {ended}"]


def _of_full(ended: Ended) -> list[str]:
    """One line and exit code 1, or none where what could not be written is not missed."""
    lines = ended.err.splitlines()
    named = any(words in ended.err for words in ("No space left", NOT_LOGGED))
    promised = ended.code == 1 and len(lines) == 1 and lines[0].startswith("error: ") and named
    if "Traceback" in ended.out or not (promised or (ended.code == 0 and not lines)):
        return [f"the full disk was answered by {ended}"]
    return []


@pytest.mark.parametrize("launcher", EITHER)
def test_a_sweep_is_disturbed_at_sampled_operations(bench: Benches, launcher: str) -> None:
    each, chance = bench(launcher), random.Random(SEED)
    chosen = [
        (kind, number)
        for kind, count in SAMPLED[launcher].items()
        for number in chance.sample(range(1, each.operations + 1), count)
    ]
    found = {(kind, number): problems_after(each, kind, number) for kind, number in chosen}
    assert {case: problems for case, problems in found.items() if problems} == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("launcher", EITHER)
def test_a_sweep_is_disturbed_all_along(bench: Benches, launcher: str) -> None:
    each = bench(launcher)
    found = {
        (kind, number): problems_after(each, kind, number)
        for kind, stride in STRIDES[launcher].items()
        for number in range(1 + stride // 2, each.operations + 1, stride)
    }
    assert {case: problems for case, problems in found.items() if problems} == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_sweep_is_killed_at_every_operation(bench: Benches, tmp_path: Path) -> None:
    """A kill leaves what the disk holds at that moment: it is photographed, once, before every operation."""
    each = bench("basic")
    pictures = _photographed(each, tmp_path / "album")
    assert len(pictures) > 200
    found = {picture.name: _problems_from(each, picture) for picture in pictures}
    assert {case: problems for case, problems in found.items() if problems} == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_sweep_is_killed_in_the_middle_of_a_file(bench: Benches, tmp_path: Path) -> None:
    """Of every file that is not written aside, half of what was added to it last."""
    each = bench("basic")
    pictures = _photographed(each, tmp_path / "album")
    torn = {name: case for pair in itertools.pairwise(pictures) for name, case in _grown(*pair)}
    assert len(torn) > 10
    found = {name: _problems_of_torn(each, *case) for name, case in torn.items()}
    assert {case: problems for case, problems in found.items() if problems} == {}


def _photographed(bench: Bench, album: Path) -> list[Path]:
    """What the disk holds before every operation."""
    code, _, err = bench.sweeps.run(disturb, _disturbance("photograph", 0, bench.root, str(album)))
    assert (code, err) == (0, "")
    return sorted(album.iterdir())


def _grown(before: Path, after: Path) -> Iterator[tuple[Path, tuple[Path, Path, int]]]:
    """Files that were not written aside and renamed: name, (picture, name, bytes without half of what was added)."""
    for path in (path for path in after.rglob("*") if path.is_file() and path.suffix not in (".tmp", ".lock")):
        name = path.relative_to(after)
        earlier = (before / name).stat().st_size if (before / name).is_file() else 0
        size = path.stat().st_size
        if size > earlier and not any(before.rglob(f"{path.name}.*.tmp")) and not _was_moved(name, before, after):
            yield name, (after, name, earlier + (size - earlier) // 2)


def _was_moved(name: Path, before: Path, after: Path) -> bool:
    """With its folder, which was written aside and renamed."""
    gone = (path for path in before.rglob(name.name) if not (after / path.relative_to(before)).exists())
    return any(path.read_bytes() == (after / name).read_bytes() for path in gone)


def _problems_of_torn(bench: Bench, picture: Path, name: Path, length: int) -> list[str]:
    shutil.rmtree(bench.root, ignore_errors=True)
    shutil.copytree(picture, bench.root)
    os.truncate(bench.root / name, length)
    return bench.problems()


def _problems_from(bench: Bench, picture: Path) -> list[str]:
    shutil.rmtree(bench.root, ignore_errors=True)
    picture.rename(bench.root)
    return bench.problems()
