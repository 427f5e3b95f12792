"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fsdd_lightning.runs.record import RunRecord

# Before numpy and torch are imported, here and in child processes: with networks this small a second thread costs more
# than it brings, and on a busy machine very much more.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A background job of a shell script ignores Ctrl-C, and so would all processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parent.parent


def _fsdd_root() -> Path | None:
    candidates = [os.environ.get("FSDD_ROOT"), str(REPOSITORY.parent / "shared" / "fsdd")]
    for candidate in filter(None, candidates):
        folder = Path(candidate).resolve()
        if (folder / "recordings").is_dir():
            return folder
    return None


@pytest.fixture(scope="session")
def fsdd_root() -> Path:
    """The folder of the real dataset (the one that holds `recordings/`); skips where there is none."""
    folder = _fsdd_root()
    if folder is None:
        pytest.skip("the real FSDD is not on this machine (set FSDD_ROOT to its folder)")
    return folder


TINY = (
    "data=synthetic",
    "data.synthetic.speakers=2",
    "data.synthetic.takes=6",
    "model.hidden_size=8",
    "trainer.max_epochs=3",
    "trainer.batch_size=8",
    "trainer.learning_rate=0.05",
    "logger.histogram_every_epochs=1",
    "callbacks=quiet",
)


@pytest.fixture(scope="session")
def tiny_overrides(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command line that trains in about a second, on a synthetic corpus that all tests share."""
    return [*TINY, f"data.cache_dir={tmp_path_factory.mktemp('cache')}"]


@pytest.fixture(scope="session")
def run_trial() -> Callable[[Sequence[str], Path], RunRecord]:
    """Runs the trial of a command line in an existing folder, as fsdd-train does."""
    from fsdd_lightning.runs.plan import plan_run
    from fsdd_lightning.runs.record import new_record
    from fsdd_lightning.sweeps.compose import compose_trials
    from fsdd_lightning.training.experiment import run_experiment

    def run(words: Sequence[str], folder: Path) -> RunRecord:
        ((overrides, config),) = compose_trials(words, multirun=False)
        plan = plan_run(config)
        return run_experiment(plan, new_record(plan, overrides), folder)

    return run


@pytest.fixture(scope="session")
def finished_overrides(tiny_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line of `finished_run`."""
    return [*tiny_overrides, f"output_root={tmp_path_factory.mktemp('output')}"]


@pytest.fixture(scope="session")
def finished_run(
    finished_overrides: list[str],
    run_trial: Callable[[Sequence[str], Path], RunRecord],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of a tiny int8 experiment that was run to its end. Look, don't touch: copy it to change it."""
    folder = tmp_path_factory.mktemp("finished")
    run_trial(finished_overrides, folder)
    return folder
