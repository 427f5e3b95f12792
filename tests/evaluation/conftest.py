"""The finished run of all tests of this folder, and its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.runs.folder import Run, read_run, recorded_data


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
