"""Round trips, the byte count, and every way in which a file can be wrong."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_deployment import deployment_of

from fsdd_lightning.arithmetic import weight_codes
from fsdd_lightning.arithmetic.archive import ArchiveError, _digest, _npy_bytes, load_archive, save_archive
from fsdd_lightning.arithmetic.device_arrays import Deployment, device_arrays
from fsdd_lightning.arithmetic.integer_model import IntegerLayer, IntegerModel
from fsdd_lightning.arithmetic.ranges import RangeError

CODES = sorted(weight_codes.WEIGHT_CODES)


def equal_deployments(one: Deployment, other: Deployment) -> bool:
    arrays, others = device_arrays(one), device_arrays(other)
    return (
        list(arrays) == list(others)
        and all(np.array_equal(arrays[name], others[name]) for name in arrays)
        and (one.labels, one.feature_config) == (other.labels, other.feature_config)
        and (one.model.weight_code, one.model.output.scale)
        == (other.model.weight_code, other.model.output.scale)
        and all(
            np.array_equal(a.weights, b.weights)
            for a, b in zip(one.model.layers, other.model.layers, strict=True)
        )
    )


@pytest.mark.parametrize("code", CODES)
def test_round_trip(code: str, tmp_path: Path) -> None:
    deployment = deployment_of(code, layers=3, classes=4)
    save_archive(tmp_path / "model.npz", deployment)
    loaded = load_archive(tmp_path / "model.npz")
    assert equal_deployments(loaded, deployment)
    assert loaded.feature_config["band_pass_hz"] == [300.0, 3400.0]
    assert not list(tmp_path.glob(".*")), "no temporary file is left"


def test_same_content_same_bytes_same_digest(tmp_path: Path) -> None:
    one = save_archive(tmp_path / "a.npz", deployment_of())
    other = save_archive(tmp_path / "b.npz", deployment_of())
    assert one == other
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert save_archive(tmp_path / "c.npz", deployment_of("int4")) != one


def test_every_damaged_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    """One flipped bit anywhere: an ArchiveError, or (in zip fields that nobody reads) the very same
    deployment.
    """
    path = tmp_path / "model.npz"
    deployment = deployment_of(inputs=1, hidden=1, layers=1, classes=1)
    save_archive(path, deployment)
    intact = path.read_bytes()
    over_budget = 0
    for position in range(0, len(intact), 7):
        damaged = bytearray(intact)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        try:
            assert equal_deployments(load_archive(path), deployment)
        except ArchiveError:
            over_budget += 1
    assert over_budget > 0.5 * len(intact) / 7


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    save_archive(path, deployment_of())
    intact = path.read_bytes()
    for length in (0, 1, 100, len(intact) // 2, len(intact) - 1):
        path.write_bytes(intact[:length])
        with pytest.raises(ArchiveError, match=r"model\.npz: "):
            load_archive(path)


def rewrite(path: Path, change: Any, *, seal: bool = True, compression: int = zipfile.ZIP_STORED) -> None:
    """Writes a sound archive after `change(metadata, arrays)`; `seal` makes the checksum right again."""
    arrays = device_arrays(deployment_of())
    save_archive(path, deployment_of())
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("metadata.json"))
    change(metadata, arrays)
    if seal:
        metadata["sha256"] = _digest(metadata, arrays)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", _npy_bytes(array))


def replace(name: str, array: Any) -> Any:
    return lambda metadata, arrays: arrays.update({name: array})


def entry(array: np.ndarray, index: Any, value: int) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


REFUSED: dict[str, tuple[Any, str]] = {
    "newer": (lambda m, a: m.update(version=2), "update fsdd_lightning"),
    "older": (lambda m, a: m.update(version=0), "export the model again"),
    "foreign": (lambda m, a: m.update(format="else"), "is no fsdd_lightning integer model"),
    "unknown code": (lambda m, a: m.update(weight_code="int5"), "int5"),
    "other code": (lambda m, a: m.update(weight_code="int4"), "arrays are not those"),
    "other size": (lambda m, a: m.update(hidden_size=5), "arrays are not those"),
    "no size": (lambda m, a: m.pop("layers"), "layers"),
    "size of wrong type": (lambda m, a: m.update(layers="2"), "not an intact archive"),
    "labels missing": (lambda m, a: m.update(labels=["a"]), "labels"),
    "array missing": (lambda m, a: a.pop("layer1_bias"), "arrays are not those"),
    "array too many": (replace("extra", np.zeros(3)), "arrays are not those"),
    "wrong type": (replace("output_bias", np.zeros(3, np.int64)), "arrays are not those"),
    "no level": (
        lambda m, a: a.update(layer0_weights=entry(a["layer0_weights"], (0, 0), 128)),
        "no int8 level",
    ),
    "other table": (lambda m, a: a.update(tanh_table=entry(a["tanh_table"], 7, 1)), "tanh_table differs"),
    "overflow": (
        lambda m, a: a.update(layer1_bias=entry(a["layer1_bias"], 5, 2**31 - 1)),
        "layer 2, gate f, unit 1",
    ),
    "shift": (lambda m, a: a.update(layer_shifts=entry(a["layer_shifts"], 1, 33)), "shift 33"),
    "zero std": (lambda m, a: a.update(feature_std=a["feature_std"] * 0), "std must be positive"),
    "mean not finite": (lambda m, a: a.update(feature_mean=a["feature_mean"] * np.float32(np.nan)), "mean"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_content_is_refused_though_its_checksum_is_right(case: str, tmp_path: Path) -> None:
    change, message = REFUSED[case]
    rewrite(tmp_path / "model.npz", change)
    with pytest.raises(ArchiveError, match=message) as caught:
        load_archive(tmp_path / "model.npz")
    assert "\n" not in str(caught.value) and "model.npz: " in str(caught.value)


def test_rewritten_archive_is_the_positive_control(tmp_path: Path) -> None:
    rewrite(tmp_path / "model.npz", lambda metadata, arrays: None)
    assert equal_deployments(load_archive(tmp_path / "model.npz"), deployment_of())


@pytest.mark.parametrize(
    "change",
    [
        lambda m, a: m["labels"].reverse(),
        lambda m, a: m.update(feature_config={}),
        lambda m, a: m.update(logit_scale=1.0),
        lambda m, a: a.update(feature_mean=a["feature_mean"] + 1),
        lambda m, a: a.update(layer0_bias=a["layer0_bias"] + 1),
        lambda m, a: a.update(layer0_bias=a["layer1_bias"], layer1_bias=a["layer0_bias"]),
    ],
)
def test_content_without_its_checksum_is_refused(change: Any, tmp_path: Path) -> None:
    rewrite(tmp_path / "model.npz", change, seal=False)
    with pytest.raises(ArchiveError, match="checksum"):
        load_archive(tmp_path / "model.npz")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="No such file"):
        load_archive(tmp_path / "absent.npz")
    with pytest.raises(ArchiveError, match="directory"):
        load_archive(tmp_path)
    np.savez(tmp_path / "plain.npz", weights=np.ones(3))
    with pytest.raises(ArchiveError, match=r"metadata\.json is missing"):
        load_archive(tmp_path / "plain.npz")
    rewrite(tmp_path / "squeezed.npz", lambda m, a: None, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveError, match="compressed"):
        load_archive(tmp_path / "squeezed.npz")


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    save_archive(path, deployment_of())
    np.save(tmp_path / "evil.npy", np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("evil.npy", (tmp_path / "evil.npy").read_bytes())
    with pytest.raises(ArchiveError, match="unknown way"):
        load_archive(path)


def test_a_model_that_could_overflow_is_not_saved_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    good = deployment_of()
    save_archive(path, good)
    first = good.model.layers[0]
    bias = np.full_like(first.bias, 2**31 - 1)
    layers = (IntegerLayer(first.weights, bias, first.multiplier, 32), *good.model.layers[1:])
    bad = Deployment(
        IntegerModel(layers, good.model.output, "int8"), good.feature_mean, good.feature_std, {}, good.labels
    )
    with pytest.raises(RangeError, match="layer 1, gate i, unit 0"):
        save_archive(path, bad)
    assert equal_deployments(load_archive(path), good)


def test_a_failed_write_leaves_the_old_file_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.npz"
    save_archive(path, deployment_of())

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_archive(path, deployment_of("int4"))
    assert equal_deployments(load_archive(path), deployment_of())
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]
