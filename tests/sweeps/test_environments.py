"""Sweeps where the machine is not as it should be: they end well or with one line, and nothing is lost by it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import surroundings
from commands import PATIENCE_S, environment
from installed_extras import needs
from sweep_contents import contents, differences, table
from sweep_processes import end_of, start_sweep
from warm_sweeps import TINY_SWEEP, Ended, WarmSweeps


@dataclass(frozen=True)
class Place:
    """Where a warm sweep runs, and what it leaves when all is well."""

    sweeps: WarmSweeps
    expected: dict[str, str]
    table: tuple[str, str]

    @property
    def root(self) -> Path:
        """Its output_root."""
        return self.sweeps.place / "multirun"

    @property
    def grid(self) -> Path:
        """The sweep's folder."""
        return self.root / "grid"

    def is_whole(self) -> bool:
        """Whether everything is there, as it should be."""
        return not differences(contents(self.root), self.expected) and table(self.grid) == self.table


@pytest.fixture(scope="module")
def whole(synthetic_cache: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The sweep is there; a test that changes it takes `place`."""
    sweeps = WarmSweeps([*TINY_SWEEP, synthetic_cache], tmp_path_factory.mktemp("environments") / "work")
    code, _, err = sweeps.run()
    assert (code, err) == (0, ""), err
    grid = sweeps.place / "multirun" / "grid"
    yield Place(sweeps, contents(grid.parent), table(grid))
    sweeps.close()


@pytest.fixture
def place(whole: Place) -> Place:
    """Nothing is there yet."""
    shutil.rmtree(whole.root, ignore_errors=True)
    return whole


def in_one_line(ended: Ended, codes: Sequence[int], *words: str) -> None:
    """The promise of an error."""
    assert ended.code in codes, ended
    (line,) = ended.err.splitlines()
    assert line.startswith("error: ") and all(word in line for word in words), line
    assert "Traceback" not in ended.out


WELL: dict[str, tuple[Any, ...]] = {
    "umask 077": (surroundings.narrow_umask,),
    "closed streams": (surroundings.closed_streams,),
    "no TMPDIR": (surroundings.no_folder_for_temporary_files,),
    "no HOME": (surroundings.no_home,),
    "locale C": (surroundings.c_locale,),
    "clock backwards": (surroundings.clock_that_runs_backwards,),
    "1970": (surroundings.set_clock, 0.0),
    "2106": (surroundings.set_clock, 2.0**32),
    "32 files": (surroundings.few_files,),
}
_SLOW = {"locale C", "1970", "2106", "no HOME"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else []) for name in WELL]
)
def test_a_sweep_ends_well(place: Place, name: str) -> None:
    before, *arguments = WELL[name]
    ended = place.sweeps.run(before, *arguments)
    assert (ended.code, ended.err) == (0, "")
    assert place.is_whole()


def test_a_stdout_that_is_full_stops_no_trial(place: Place) -> None:
    in_one_line(place.sweeps.run(surroundings.full_stdout), [1], "standard output", "No space left")
    assert place.is_whole()


def test_a_working_folder_that_is_gone_is_one_line(place: Place) -> None:
    in_one_line(place.sweeps.run(surroundings.no_working_folder), [2], "working folder", "cd")
    assert not place.root.exists()


def test_a_limit_of_file_sizes_is_one_line_and_loses_nothing(place: Place) -> None:
    in_one_line(place.sweeps.run(surroundings.small_files), [1], "File too large", "ulimit")
    assert place.sweeps.run()[::2] == (0, "")
    assert place.is_whole()


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [8, 16, 32])
def test_little_memory_is_one_line_and_loses_nothing(place: Place, megabytes: int) -> None:
    """Where it is enough all is well: how much is free before depends on the system.

    With less, CPython's Thread.start() may wait without end for a thread that died before it began.
    """
    ended = place.sweeps.run(surroundings.little_memory, megabytes)
    if ended.code:
        in_one_line(ended, [1])
    assert place.sweeps.run()[::2] == (0, "")
    assert place.is_whole()


# --- two versions of the program in one folder ---


def test_another_version_of_the_code_runs_again_and_keeps_the_records(place: Place) -> None:
    assert place.sweeps.run(surroundings.another_version, "0123456789abcdef")[::2] == (0, "")
    before = {path.parent.name: path.read_bytes() for path in place.grid.glob("*/run.json")}
    code, out, err = place.sweeps.run()
    assert (code, err) == (0, "")
    assert out.count("code changed: 0123456789abcdef -> ") == 3
    kept = {path.parent.parent.name: path.read_bytes() for path in place.grid.glob("*/earlier/run-1.json")}
    assert kept == {name: content for name, content in before.items() if json.loads(content)["status"] == "done"}
    for folder in place.grid.glob("*/earlier"):
        shutil.rmtree(folder)
    assert not [
        line for line in differences(contents(place.root), place.expected) if "grid" in line and "~" not in line
    ]


@pytest.mark.parametrize(
    ("file", "more"), [("hidden_size=4/run.json", []), ("sweep.json", ["seed=5"])], ids=["record", "sweep"]
)
def test_what_a_newer_version_wrote_is_not_replaced(place: Place, file: str, more: list[str]) -> None:
    assert place.sweeps.run()[::2] == (0, "")
    path = place.grid / file
    content = json.loads(path.read_text()) | {"schema_version": 99}
    path.write_text(json.dumps(content))
    before = contents(place.root)
    in_one_line(place.sweeps.run(more=more), [1, 2], "99", "update")
    after = contents(place.root)
    assert {name: after[name] for name in before} == before


# --- a disk that is full, or read-only ---


@pytest.mark.slow
def test_commands_on_a_full_or_read_only_disk(whole: Place, mount: Callable[[str], Path], tmp_path: Path) -> None:
    if not whole.grid.exists():
        assert whole.sweeps.run()[::2] == (0, "")
    disk = mount("size=100m")
    grid = Path(shutil.copytree(whole.grid, disk / "grid"))
    before = contents(disk)
    (recording, *_) = sorted(_recordings(whole))
    (disk / "filling").write_bytes(b"")
    for options in ("full", "ro"):
        if options == "full":
            _fill(disk / "filling")
        else:
            (disk / "filling").unlink()
            mount("ro")
        predicted = whole.sweeps.call("predict", [str(grid / "hidden_size=4"), str(recording)])
        assert (predicted.code, predicted.err) == (0, ""), options
        in_one_line(whole.sweeps.call("report", [str(grid)]), [1, 2], "--output")
        shutil.rmtree(grid / "report", ignore_errors=True) if options == "full" else None
        told = whole.sweeps.call("report", [str(grid), "--output", str(tmp_path / options)])
        assert (told.code, told.err) == (0, "")
        assert differences(contents(disk), before) == (["+ filling"] if options == "full" else [])


def _recordings(place: Place) -> list[Path]:
    record = json.loads((place.grid / "hidden_size=4" / "run.json").read_text())
    return list(Path(record["dataset"]["folder"]).rglob("*.wav"))


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**12))
        except OSError:
            pass


# --- several at once ---


@pytest.mark.slow
def test_three_sweeps_at_once_with_overlapping_grids(place: Place, synthetic_cache: str, tmp_path: Path) -> None:
    words = [word for word in TINY_SWEEP if not word.startswith("model.hidden_size")]
    grids = ("4,3,200", "3,4", "4,200")
    (tmp_path / "multirun").mkdir()
    folders = [tmp_path / f"from-{number}" for number in range(len(grids))]
    for folder in folders:
        folder.mkdir()
    common = [*words, synthetic_cache, f"output_root={tmp_path / 'multirun'}"]
    children = [
        start_sweep([*common, f"model.hidden_size={grid}"], folder) for grid, folder in zip(grids, folders, strict=True)
    ]
    ends = [end_of(child, folder) for child, folder in zip(children, folders, strict=True)]
    assert [(code, err) for code, _, err in ends] == [(0, "")] * 3
    statuses = {
        path.parent.name: json.loads(path.read_text())["status"] for path in tmp_path.glob("multirun/grid/*/run.json")
    }
    assert sorted(statuses.values()) == ["done", "done", "over_budget"]
    assert len(json.loads((tmp_path / "multirun" / "grid" / "sweep.json").read_text())["trials"]) == 3
    assert not list((tmp_path / "multirun").rglob("*.tmp"))


# --- processes that start in such surroundings ---

_TRAIN = "from fsdd_lightning.train import main; main()"
_FROM_HERE = f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r}); {_TRAIN}"


def _process(folder: Path, command: Sequence[str], words: Sequence[str], **more: str) -> Ended:
    process = subprocess.run(
        [*command, "-m", *words],
        cwd=folder,
        env=environment(folder, CC="no-compiler", **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr)


STARTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "without assertions": ([sys.executable, "-OO", "-c", _TRAIN], {}),
    "isolated": ([sys.executable, "-I", "-c", _FROM_HERE], {}),
    "locale": ([sys.executable, "-c", _TRAIN], {"LC_ALL": "POSIX", "LANG": "C"}),
    "closed": (["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", _TRAIN], {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STARTS)
def test_a_process_that_starts_so_ends_well(tmp_path: Path, synthetic_cache: str, name: str) -> None:
    command, more = STARTS[name]
    ended = _process(tmp_path, command, [*TINY_SWEEP, synthetic_cache, "name='grüß'"], **more)
    assert (ended.code, ended.err) == (0, "")
    records = [json.loads(path.read_text()) for path in (tmp_path / "multirun" / "grüß").glob("*/run.json")]
    assert sorted(record["status"] for record in records) == ["done", "done", "over_budget"]


@pytest.mark.slow
def test_a_locale_that_lacks_a_name_is_one_line(tmp_path: Path, synthetic_cache: str) -> None:
    ascii_alone = {"LC_ALL": "POSIX", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [*TINY_SWEEP, synthetic_cache, "name='grüß'"]
    in_one_line(_process(tmp_path, [sys.executable, "-c", _TRAIN], words, **ascii_alone), [2], "UTF-8", "LC_ALL")


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="becoming another user needs root")
def test_another_user_who_may_not_write_the_package(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    shutil.chown(folder, 65534, 65534)
    for parent in folder.parents:
        if not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o011)
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    probe = subprocess.run([*become, sys.executable, "-c", "import hydra, torch"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("another user may not read this Python")
    theirs = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}
    ended = _process(folder, [*become, sys.executable, "-c", _TRAIN], TINY_SWEEP, **theirs)
    assert (ended.code, ended.err) == (0, "")
    assert len(list(folder.glob("multirun/grid/*/run.json"))) == 3


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [pytest.param("joblib", marks=needs("hydra-joblib-launcher", "parallel"))])
def test_a_machine_without_shared_memory(tmp_path: Path, synthetic_cache: str, launcher: str) -> None:
    without = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro,size=4k none /dev/shm && exec "$@"', "sh"]
    if subprocess.run([*without, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a mount of one's own needs root")
    words = [*TINY_SWEEP, synthetic_cache, f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=2"]
    ended = _process(tmp_path, [*without, sys.executable, "-c", _TRAIN], words)
    if ended.code:
        in_one_line(ended, [1, 2])
    assert _process(tmp_path, [sys.executable, "-c", _TRAIN], words)[::2] == (0, "")
    assert len(list(tmp_path.glob("multirun/grid/*/run.json"))) == 3
