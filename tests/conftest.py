"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
