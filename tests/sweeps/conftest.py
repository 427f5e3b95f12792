"""A sweep of four trials with two float networks, run once to its end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
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
