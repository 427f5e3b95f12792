"""`import fsdd_lightning as fl`: the documented examples run, and importing it alone loads nothing heavy."""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fsdd_lightning


@pytest.mark.filterwarnings("ignore")  # of Lightning, about loggers and workers in the example's own Trainer
def test_the_examples_run(finished_run: Path, tiny_overrides: list[str]) -> None:
    import pytorch_lightning
    import torch

    samples = (8000 * np.sin(np.arange(4000) / 9)).astype(np.int16)
    names = {"run_folder": finished_run, "samples": samples, "overrides": tiny_overrides}
    modules = {"torch": torch, "pl": pytorch_lightning}
    result = doctest.testmod(fsdd_lightning, extraglobs=names | modules, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
    assert result.attempted >= 15


@pytest.mark.parametrize("name", fsdd_lightning._HOMES)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    found: Callable[..., object] = getattr(fsdd_lightning, name)
    assert found.__name__ == name
    assert found.__doc__ and name in dir(fsdd_lightning)
    assert name in (fsdd_lightning.__doc__ or "") or name == "QuantizedView"


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'open_runs'; public are open_run, frame"):
        _ = fsdd_lightning.open_runs  # type: ignore[attr-defined]


def test_the_import_alone_loads_nothing_but_itself() -> None:
    program = "import sys; before = set(sys.modules); import fsdd_lightning; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert packages - sys.stdlib_module_names == {"fsdd_lightning"}
    assert not [name for name in done.stdout.split() if name.startswith("fsdd_lightning.")]
