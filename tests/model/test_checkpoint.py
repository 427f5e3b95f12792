"""`network.npz`: exact, whole or refused, and never a program."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fsdd_lightning.arithmetic.array_archive import METADATA, packed, unpacked
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.checkpoint import (
    EARLIER_NETWORK_FILE,
    KIND,
    NETWORK_FILE,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from fsdd_lightning.model.network import LSTMClassifier

LABELS = tuple("0123456789")
DAMAGED = r"network\.npz (can't be read \(.*\); run it again|is not a network of fsdd_lightning)"
Arrays = dict[str, np.ndarray]
Change = Callable[[dict[str, Any], Arrays], object]


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


def content(path: Path) -> tuple[dict[str, Any], Arrays]:
    return unpacked(path.read_bytes(), lambda metadata: None)


def change(path: Path, edit: Change) -> None:
    """Write the file anew with a checksum that is right."""
    metadata, arrays = content(path)
    edit(metadata, arrays)
    metadata.pop("sha256", None)
    path.write_bytes(packed(metadata, arrays))


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
    save_checkpoint(once, tmp_path / "once.npz")
    loaded = load_checkpoint(tmp_path / "once.npz")
    assert loaded.float_network is loaded.network
    assert loaded.weight_code == code
    assert not [name for name in content(tmp_path / "once.npz")[1] if name.startswith("float_weights")]


def test_the_same_network_gives_the_same_bytes_and_numpy_reads_them(checkpoint: Checkpoint, path: Path) -> None:
    before = path.read_bytes()
    save_checkpoint(checkpoint, path)
    assert path.read_bytes() == before
    with np.load(path) as stored:
        assert np.array_equal(stored["weights.output.bias"], checkpoint.network.output.bias.detach().numpy())


def test_a_network_of_another_place_is_refused(checkpoint: Checkpoint, path: Path) -> None:
    save_checkpoint(checkpoint, path, key="0123")
    load_checkpoint(path)
    load_checkpoint(path, "0123")
    with pytest.raises(UserError, match="it belongs to '0123', not here"):
        load_checkpoint(path, "4567")


def test_a_network_of_an_earlier_version_is_named(path: Path) -> None:
    path.rename(path.with_name(EARLIER_NETWORK_FILE))
    with pytest.raises(UserError, match=r"was made by an earlier version, which wrote network\.pt: run it again"):
        load_checkpoint(path)


def test_a_code_that_is_not_known_yet_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(dataclasses.replace(checkpoint, weight_code="int2"), tmp_path / "later.npz")
    with pytest.raises(UserError, match=r"unknown code, 'int2': update"):
        load_checkpoint(tmp_path / "later.npz")


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


@pytest.mark.parametrize("foreign", ["digits", "PK", "pickle", "zip", "array", "other metadata", "other format"])
def test_foreign_files_are_refused(path: Path, foreign: str) -> None:
    if foreign == "pickle":
        torch.save([1, 2], path)
    elif foreign == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", b"")
    elif foreign == "array":
        with path.open("wb") as file:
            np.savez(file, a=np.zeros(3))
    elif foreign == "other metadata":
        path.write_bytes(zip_of({METADATA: b"[1, 2]"}))
    elif foreign == "other format":
        path.write_bytes(packed({"format": "else", "version": 1}, {}))
    else:
        path.write_text(foreign)
    with pytest.raises(UserError, match=DAMAGED) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def zip_of(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def test_a_newer_version_is_refused_with_both_numbers(path: Path) -> None:
    change(path, lambda metadata, arrays: metadata.update(version=KIND.version + 1))
    with pytest.raises(UserError, match=r"version 3; this program knows 2: update"):
        load_checkpoint(path)


def shaped(**sizes: Any) -> Change:
    return lambda metadata, arrays: metadata["shape"].update(sizes)


def described(**values: Any) -> Change:
    return lambda metadata, arrays: metadata.update(values)


def stored(**new: np.ndarray) -> Change:
    return lambda metadata, arrays: arrays.update({name.replace("__", "."): array for name, array in new.items()})


BIAS = np.zeros(10, np.float32)
WRONG: dict[str, Change] = {
    **{f"version {version!r}": described(version=version) for version in (None, "1", True, 0)},
    **{f"{name} {size!r}": shaped(**{name: size}) for name in ("hidden_size", "layers") for size in (6, 0, True, 5.0)},
    **{f"{name} too large": shaped(**{name: 10**9}) for name in ("inputs", "hidden_size", "layers", "classes")},
    "shape of text": described(shape="large"),
    "shape without a size": lambda metadata, arrays: metadata["shape"].pop("inputs"),
    **{f"dropout {share!r}": described(dropout=share) for share in (1.0, -0.1, "half", None, True, float("nan"))},
    **{f"code {code!r}": described(weight_code=code) for code in (8, ["int8"], {})},
    **{f"labels {labels!r}": described(labels=labels) for labels in (["0"], "0123456789", list(range(10)), None)},
    "mean too short": stored(mean=np.zeros(12, np.float32)),
    "std of doubles": stored(std=np.ones(13)),
    "std not finite": stored(std=np.full(13, np.inf, np.float32)),
    "bias of text": stored(weights__output__bias=np.array(["0"] * 10)),
    "bias of another size": stored(weights__output__bias=BIAS[:9]),
    "bias not finite": stored(weights__output__bias=BIAS + np.float32("nan")),
    "big-endian": stored(weights__output__bias=BIAS.astype(">f4")),
    "an array too many": stored(extra=BIAS),
    "half of the float network": lambda metadata, arrays: arrays.pop("float_weights.output.bias"),
}


@pytest.mark.parametrize("case", WRONG)
def test_parts_that_do_not_belong_together_are_refused_with_little_memory(path: Path, case: str) -> None:
    change(path, WRONG[case])
    with little_memory(), pytest.raises(UserError, match=DAMAGED) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


class little_memory:  # noqa: N801
    """Fails where more than 20 MB were taken at once."""

    def __enter__(self) -> None:
        tracemalloc.start()

    def __exit__(self, *_: object) -> None:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 20e6


def test_a_changed_checksum_is_refused(path: Path) -> None:
    metadata, _ = content(path)
    path.write_bytes(path.read_bytes().replace(metadata["sha256"].encode(), b"0" * 64))
    with pytest.raises(UserError, match=DAMAGED):
        load_checkpoint(path)


PARTS = ("format", "version", "shape", "dropout", "weight_code", "labels")
ARRAYS = ("mean", "std", "weights.lstm.weight_ih_l0", "weights.output.bias", "float_weights.lstm.bias_hh_l1")


@pytest.mark.parametrize("part", PARTS + ARRAYS)
def test_a_missing_part_is_refused(path: Path, part: str) -> None:
    change(path, lambda metadata, arrays: (metadata if part in PARTS else arrays).pop(part))
    with pytest.raises(UserError, match=DAMAGED):
        load_checkpoint(path)


def header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": dtype})
    return stream.getvalue()


def many_times(path: Path) -> bytes:
    """A directory that lists one member again and again, under other names: 1 MB that claims to be 2 GB."""
    one = zip_of({"0000.npy": bytes(2**20)})
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entries = b"".join(one[start:end].replace(b"0000.npy", f"{number:04}.npy".encode()) for number in range(2_000))
    sizes = (2_000).to_bytes(2, "little") * 2 + len(entries).to_bytes(4, "little") + start.to_bytes(4, "little")
    return one[:start] + entries + one[end : end + 8] + sizes + b"\0\0"


BOMBS: dict[str, Callable[[Path], bytes]] = {
    "compressed": lambda path: zip_of({METADATA: b" " * 10**8}, zipfile.ZIP_DEFLATED),
    "an array of 37 GB": lambda path: zip_of(
        {METADATA: json.dumps(content(path)[0]).encode(), "mean.npy": header((10**10,))}
    ),
    "an array of nothing, 10^9 times": lambda path: zip_of(
        {METADATA: json.dumps(content(path)[0]).encode(), "mean.npy": header((10**9, 0))}
    ),
    "nested": lambda path: zip_of({METADATA: b"[" * 10**6}),
    "many members": lambda path: zip_of({METADATA: b"{}"} | {f"{number}.npy": b"" for number in range(5_000)}),
    "one member many times": many_times,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_never_takes_much_memory(path: Path, bomb: str) -> None:
    path.write_bytes(BOMBS[bomb](path))
    with little_memory(), pytest.raises(UserError, match=DAMAGED) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_file_of_gigabytes_and_a_pipe_are_refused_unread(path: Path) -> None:
    os.truncate(path, 2**36)  # sparse
    with little_memory(), pytest.raises(UserError, match="more than"):
        load_checkpoint(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match="not a regular file"):
        load_checkpoint(path)


class Payload:
    """Unpickling it makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("save", ["torch", "pickle", "array"])
def test_code_in_a_file_is_never_executed(path: Path, tmp_path: Path, save: str) -> None:
    payload = Payload(tmp_path / "executed")
    if save == "torch":
        torch.save(payload, path)
    elif save == "pickle":
        path.write_bytes(pickle.dumps(payload))
    else:
        objects = io.BytesIO()
        np.save(objects, np.array([payload], dtype=object), allow_pickle=True)
        path.write_bytes(zip_of({METADATA: json.dumps(content(path)[0]).encode(), "mean.npy": objects.getvalue()}))
    with pytest.raises(UserError, match=DAMAGED):
        load_checkpoint(path)
    assert not (tmp_path / "executed").exists()
