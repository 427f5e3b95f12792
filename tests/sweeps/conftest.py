"""A sweep of four trials with two float networks, run once to its end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sweep_processes import Finished, run_sweep

SMALL = (
    "data=synthetic",
    "data.synthetic.speakers=2",
    "data.synthetic.takes=6",
    "trainer.max_epochs=1",
    "quantization.epochs=1",
    "callbacks=quiet",
    "memory_budget=kb8",
    "name=grid",
)
AXES = ("model.hidden_size=4,3", "quantization=int8_ptq,int4_qat")


@pytest.fixture(scope="session")
def small(synthetic_cache: str) -> list[str]:
    """What all trials of these tests have in common."""
    return [*SMALL, synthetic_cache]


@pytest.fixture(scope="session")
def finished_sweep(small: list[str], once: Callable[[str, Callable[[Path], object]], Path]) -> Finished:
    """Look, don't touch: `copy_of_sweep` may be changed."""
    words = [*small, *AXES]

    def run(folder: Path) -> None:
        code, _, err = run_sweep(words, folder)
        assert (code, err) == (0, ""), err

    folder = once("finished-sweep", run)
    return Finished(folder, words, (folder / "out.txt").read_text())


@pytest.fixture
def copy_of_sweep(finished_sweep: Finished, tmp_path: Path) -> Finished:
    """A copy of the finished sweep."""
    folder = Path(shutil.copytree(finished_sweep.folder, tmp_path / "copy"))
    return Finished(folder, finished_sweep.words, finished_sweep.out)


Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """A small file system of its own; called again, it is changed."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        command = ["mount", "-t", "tmpfs", "-o", f"{'remount,' * mounted}{options}", "tmpfs", str(place)]
        if shutil.which("mount") is None or os.getuid() != 0:
            pytest.skip("mounting a small file system needs root")
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode:
            pytest.skip(f"a small file system can't be mounted here: {process.stderr.strip()}")
        mounted = True
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)
