"""`integer_model.npz` as a file of a run; what is in it is tested beside the arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_deployment import deployment_of

from fsdd_lightning.arithmetic import archive
from fsdd_lightning.arithmetic.archive import archive_bytes
from fsdd_lightning.arithmetic.device_arrays import device_arrays
from fsdd_lightning.artifacts import DamagedError, ForeignError, MissingError
from fsdd_lightning.runs.archive import load_archive, save_archive


def test_a_file_is_the_archive(tmp_path: Path) -> None:
    save_archive(tmp_path / "model.npz", deployment_of())
    assert (tmp_path / "model.npz").read_bytes() == archive_bytes(deployment_of())
    loaded = device_arrays(load_archive(tmp_path / "model.npz"))
    assert {name: array.tobytes() for name, array in loaded.items()} == {
        name: array.tobytes() for name, array in device_arrays(deployment_of()).items()
    }


def test_what_cannot_be_used_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.npz"
    with pytest.raises(MissingError, match=r"model\.npz is missing; run it again"):
        load_archive(path)
    path.write_bytes(archive_bytes(deployment_of())[:-1])
    with pytest.raises(DamagedError, match=r"model\.npz can't be read \(.*\); run it again"):
        load_archive(path)
    monkeypatch.setattr(archive, "VERSION", 4)
    path.write_bytes(archive_bytes(deployment_of()))
    monkeypatch.undo()
    with pytest.raises(ForeignError, match=r"model\.npz has format version 4.*update fsdd_lightning"):
        load_archive(path)
