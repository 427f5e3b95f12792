"""The finished runs of all tests of this folder, their data, and a corpus of other people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fsdd_lightning.config.schema import SyntheticConfig
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.synthetic import make_synthetic_corpus
from fsdd_lightning.runs.folder import Run, read_run, recorded_data
from fsdd_lightning.runs.record import RunRecord

RunTrial = Callable[[Sequence[str], Path], RunRecord]
Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def run(finished_run: Path) -> Run:
    return read_run(finished_run)


@pytest.fixture(scope="session")
def data(run: Run) -> PreparedData:
    return recorded_data(run, None)


@pytest.fixture(scope="session")
def wav(data: PreparedData) -> Path:
    """A recording of one digit."""
    return data.recordings.recordings[0].path


@pytest.fixture(scope="session")
def listening_folder(tiny_overrides: list[str], run_trial: RunTrial, once: Once) -> Path:
    """A run that listens to samples."""

    def train(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CC", "no-such-compiler")  # nothing here needs the C backend
            run_trial([*tiny_overrides, "features=integer", "trainer.max_epochs=12"], folder)

    return once("listening", train)


@pytest.fixture(scope="session")
def mfcc_folder(finished_overrides: list[str], run_trial: RunTrial, once: Once) -> Path:
    """A run that hears features in float."""
    words = [*finished_overrides, "features=mfcc", "features.max_seconds=0.72", "waveform_augmentation=none"]

    def train(folder: Path) -> None:
        run_trial(words, folder)

    return once("mfcc run", train)


@pytest.fixture(scope="session")
def strangers_folder(once: Once) -> Path:
    """120 clips of two people, in `recordings`, who are in no corpus that is trained on."""
    config = SyntheticConfig(speakers=2, takes=6, seed=77)
    return make_synthetic_corpus(config, once("strangers", lambda folder: None))
