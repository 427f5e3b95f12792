"""An unpickled task restores what it needs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fsdd_lightning.sweeps.launchers import Job


def answer(config: object) -> str:
    return f"{config} in {Path.cwd()}"


def test_it_starts_where_the_command_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    parcel = pickle.dumps(Job(answer))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(parcel)("x") == f"x in {tmp_path / 'here'}"


def test_it_restores_the_dataset_and_the_resolvers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDD_ROOT", "/data/fsdd")
    parcel = pickle.dumps(Job(answer))
    monkeypatch.delenv("FSDD_ROOT")
    OmegaConf.clear_resolver("run_name")
    pickle.loads(parcel)
    assert os.environ["FSDD_ROOT"] == "/data/fsdd"
    assert OmegaConf.has_resolver("run_name")


def test_a_folder_that_is_not_there_is_no_error_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command looks for the run and reports that the folder has to be shared."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    parcel = pickle.dumps(Job(answer))
    monkeypatch.chdir(tmp_path)
    gone.rmdir()
    assert pickle.loads(parcel)("x") == f"x in {tmp_path}"


def test_hydra_sees_the_module_of_the_task() -> None:
    assert Job(answer).__module__ == answer.__module__
    assert Job(answer)("x").startswith("x in ")
