"""`network.pt`: exact, whole or refused, and never a program."""

from __future__ import annotations

import dataclasses
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.checkpoint import KIND, NETWORK_FILE, Checkpoint, load_checkpoint, save_checkpoint
from fsdd_lightning.model.network import LSTMClassifier

LABELS = tuple("0123456789")
DAMAGED = r"network\.pt (can't be read \(.*\); run it again|is not a network of fsdd_lightning)"


@pytest.fixture
def checkpoint() -> Checkpoint:
    torch.manual_seed(3)
    mean, std = np.linspace(-3, 9, 13, dtype=np.float32), np.linspace(0.5, 2, 13, dtype=np.float32)
    network, before = (LSTMClassifier(NetworkShape(13, 5, 2, 10), 0.25) for _ in range(2))
    return Checkpoint(network, before, "int4", mean, std, LABELS)


@pytest.fixture
def path(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    file = tmp_path / NETWORK_FILE
    save_checkpoint(checkpoint, file)
    return file


def content(path: Path) -> dict:  # type: ignore[type-arg]
    loaded = torch.load(path, weights_only=True)
    assert isinstance(loaded, dict)
    return loaded


def test_the_round_trip_is_exact(checkpoint: Checkpoint, path: Path) -> None:
    loaded = load_checkpoint(path)
    assert (loaded.weight_code, loaded.labels) == ("int4", LABELS)
    for name in ("network", "float_network"):
        before, after = getattr(checkpoint, name), getattr(loaded, name)
        assert (after.shape, after.dropout.p, after.lstm.dropout) == (before.shape, 0.25, 0.25)
        assert equal_weights(before, after) and not after.training
    assert not equal_weights(loaded.network, loaded.float_network)
    for name in ("mean", "std"):
        before, after = getattr(checkpoint, name), getattr(loaded, name)
        assert before.dtype == after.dtype == np.float32 and np.array_equal(before, after)


def equal_weights(one: LSTMClassifier, other: LSTMClassifier) -> bool:
    before, after = one.state_dict(), other.state_dict()
    return before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("code", [None, "int8", "pot"])
def test_a_network_that_was_not_trained_since_is_stored_once(
    checkpoint: Checkpoint, tmp_path: Path, code: str | None
) -> None:
    once = dataclasses.replace(checkpoint, float_network=checkpoint.network, weight_code=code)
    save_checkpoint(once, tmp_path / "once.pt")
    loaded = load_checkpoint(tmp_path / "once.pt")
    assert loaded.float_network is loaded.network
    assert loaded.weight_code == code
    assert "float_weights" not in content(tmp_path / "once.pt")


def test_a_code_that_is_not_known_yet_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(dataclasses.replace(checkpoint, weight_code="int2"), tmp_path / "later.pt")
    with pytest.raises(UserError, match=r"unknown code, 'int2': update"):
        load_checkpoint(tmp_path / "later.pt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=DAMAGED):
        load_checkpoint(path)


def test_no_flipped_bit_changes_a_network(checkpoint: Checkpoint, path: Path) -> None:
    whole = path.read_bytes()
    noticed = 0
    for at in range(0, len(whole), 29):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            loaded = load_checkpoint(path)
        except UserError:
            noticed += 1
            continue  # else it was a byte between the tensors
        assert equal_weights(loaded.network, checkpoint.network)
        assert equal_weights(loaded.float_network, checkpoint.float_network)
        assert loaded.weight_code == checkpoint.weight_code
        assert np.array_equal(loaded.mean, checkpoint.mean) and np.array_equal(loaded.std, checkpoint.std)
    assert noticed > len(whole) / 29 / 3


@pytest.mark.parametrize("foreign", [{"state_dict": {}}, [1, 2], None], ids=str)
def test_foreign_files_are_refused(path: Path, foreign: object) -> None:
    path.write_text("digits")
    if foreign is not None:
        torch.save(foreign, path)
    with pytest.raises(UserError, match=r"no(t a)? network of fsdd_lightning"):
        load_checkpoint(path)


def test_a_newer_version_is_refused_with_both_numbers(path: Path) -> None:
    torch.save({**content(path), "version": KIND.version + 1}, path)
    with pytest.raises(UserError, match=r"version 2; this program knows 1: update"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "change",
    [
        *({"version": version} for version in (None, "1", True, 0)),
        *({"shape": {"inputs": 13, "hidden_size": size, "layers": 2, "classes": 10}} for size in (6, 0)),
        {"shape": "large"},
        {"dropout": 0.5},
        *({"weight_code": code} for code in ("int8", None)),
        *({name: wrong} for name in ("weights", "float_weights") for wrong in ({}, None)),
        {"labels": ["0", "1"]},
        {"mean": torch.zeros(12)},
        *({"std": std} for std in (torch.ones(13), [1.0] * 13)),
        {"sha256": "0" * 64},
    ],
    ids=lambda change: str(*change),
)
def test_parts_that_do_not_belong_together_are_refused(path: Path, change: dict[str, object]) -> None:
    torch.save({**content(path), **change}, path)
    with pytest.raises(UserError, match=DAMAGED):
        load_checkpoint(path)


PARTS = ("version", "shape", "dropout", "weight_code", "labels", "mean", "std", "weights", "float_weights", "sha256")


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_refused(path: Path, part: str) -> None:
    torch.save({key: value for key, value in content(path).items() if key != part}, path)
    with pytest.raises(UserError, match=DAMAGED):
        load_checkpoint(path)


class Payload:
    """Unpickling it makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("save", ["torch", "torch_inside", "pickle"])
def test_code_in_a_file_is_never_executed(path: Path, tmp_path: Path, save: str) -> None:
    payload = Payload(tmp_path / "executed")
    if save == "torch":
        torch.save(payload, path)
    elif save == "torch_inside":
        torch.save({**content(path), "labels": payload}, path)
    else:
        path.write_bytes(pickle.dumps(payload))
    with pytest.raises(UserError, match="no network of fsdd_lightning"):
        load_checkpoint(path)
    assert not (tmp_path / "executed").exists()
