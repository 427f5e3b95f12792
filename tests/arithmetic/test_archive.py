"""Round trips, and every way in which the content of a file can be wrong."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from example_deployment import deployment_of

from fsdd_lightning.arithmetic import weight_codes
from fsdd_lightning.arithmetic.archive import ArchiveError, UnknownFormatError, archive_bytes, restore_archive
from fsdd_lightning.arithmetic.array_archive import digest as _digest
from fsdd_lightning.arithmetic.array_archive import npy_bytes as _npy_bytes
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
        and (one.model.weight_code, one.model.output.scale) == (other.model.weight_code, other.model.output.scale)
        and all(np.array_equal(a.weights, b.weights) for a, b in zip(one.model.layers, other.model.layers, strict=True))
    )


@pytest.mark.parametrize("code", CODES)
def test_round_trip(code: str) -> None:
    deployment = deployment_of(code, layers=3, classes=4)
    loaded = restore_archive(archive_bytes(deployment))
    assert equal_deployments(loaded, deployment)
    assert loaded.feature_config["band_pass_hz"] == [300.0, 3400.0]


def test_same_content_same_bytes() -> None:
    assert archive_bytes(deployment_of()) == archive_bytes(deployment_of())
    assert archive_bytes(deployment_of("int4")) != archive_bytes(deployment_of())


def test_every_damaged_byte_is_noticed_or_harmless() -> None:
    """One flipped bit anywhere: an ArchiveError, or (in zip fields that nobody reads) the very same deployment."""
    deployment = deployment_of(inputs=1, hidden=1, layers=1, classes=1)
    intact = archive_bytes(deployment)
    noticed = 0
    for position in range(0, len(intact), 7):
        damaged = bytearray(intact)
        damaged[position] ^= 1 << (position % 8)
        try:
            assert equal_deployments(restore_archive(bytes(damaged)), deployment)
        except ArchiveError:
            noticed += 1
    assert noticed > 0.5 * len(intact) / 7


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9999])
def test_truncated_content_is_refused(share: float) -> None:
    intact = archive_bytes(deployment_of())
    with pytest.raises(ArchiveError):
        restore_archive(intact[: int(share * len(intact))])


Change = Callable[[dict[str, Any], dict[str, Any]], object]


def rewritten(change: Change, *, seal: bool = True, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A sound archive after `change(metadata, arrays)`; `seal` makes the checksum right again."""
    arrays = device_arrays(deployment_of())
    with zipfile.ZipFile(io.BytesIO(archive_bytes(deployment_of()))) as archive:
        metadata = json.loads(archive.read("metadata.json"))
    change(metadata, arrays)
    if seal:
        metadata["sha256"] = _digest(metadata, arrays)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", _npy_bytes(array))
    return stream.getvalue()


def replace(name: str, array: Any) -> Change:
    return lambda metadata, arrays: arrays.update({name: array})


def entry(array: np.ndarray, index: Any, value: int) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


REFUSED: dict[str, tuple[Change, str]] = {
    "newer": (lambda m, a: m.update(version=4), "update fsdd_lightning"),
    "older": (lambda m, a: m.update(version=0), "this code reads 1 to 3: run it again"),
    "foreign": (lambda m, a: m.update(format="else"), "is no fsdd_lightning integer model"),
    "unknown code": (lambda m, a: m.update(weight_code="int5"), "int5"),
    "other code": (lambda m, a: m.update(weight_code="int4"), "arrays are not those"),
    "other size": (lambda m, a: m.update(hidden_size=5), "arrays are not those"),
    "no size": (lambda m, a: m.pop("layers"), "layers"),
    "size of wrong type": (lambda m, a: m.update(layers="2"), "arrays are not those"),
    "a billion layers": (lambda m, a: m.update(layers=10**9), "arrays are not those"),
    "a billion units": (lambda m, a: m.update(hidden_size=10**9), "arrays are not those"),
    "no number of layers": (lambda m, a: m.update(layers=True), "arrays are not those"),
    "no scale": (lambda m, a: m.update(logit_scale=float("nan")), "logit_scale"),
    "a negative scale": (lambda m, a: m.update(logit_scale=-1.0), "logit_scale"),
    "a scale without end": (lambda m, a: m.update(logit_scale=float("inf")), "logit_scale"),
    "settings of another type": (lambda m, a: m.update(feature_settings=3), "not an intact archive"),
    "a code of another type": (lambda m, a: m.update(weight_code=[]), "not an intact archive"),
    "labels missing": (lambda m, a: m.update(labels=["a"]), "labels"),
    "array missing": (lambda m, a: a.pop("layer1_bias"), "arrays are not those"),
    "array too many": (replace("extra", np.zeros(3)), "arrays are not those"),
    "wrong type": (replace("output_bias", np.zeros(3, np.int64)), "arrays are not those"),
    "no level": (lambda m, a: a.update(layer0_weights=entry(a["layer0_weights"], (0, 0), 128)), "no int8 level"),
    "other table": (lambda m, a: a.update(tanh_table=entry(a["tanh_table"], 7, 1)), "tanh_table differs"),
    "overflow": (lambda m, a: a.update(layer1_bias=entry(a["layer1_bias"], 5, 2**31 - 1)), "layer 2, gate f, unit 1"),
    "shift": (lambda m, a: a.update(layer_shifts=entry(a["layer_shifts"], 1, 33)), "shift 33"),
    "zero std": (lambda m, a: a.update(feature_std=a["feature_std"] * 0), "std must be positive"),
    "mean not finite": (lambda m, a: a.update(feature_mean=a["feature_mean"] * np.float32(np.nan)), "mean"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_content_is_refused_though_its_checksum_is_right(case: str) -> None:
    change, message = REFUSED[case]
    with pytest.raises(ArchiveError, match=message) as caught:
        restore_archive(rewritten(change))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UnknownFormatError) == (case in ("newer", "older", "foreign"))


def test_a_rewritten_archive_is_the_positive_control() -> None:
    assert equal_deployments(restore_archive(rewritten(lambda metadata, arrays: None)), deployment_of())


@pytest.mark.parametrize(
    "change",
    [
        lambda m, a: m["labels"].reverse(),
        lambda m, a: m.update(feature_settings={}),
        lambda m, a: m.update(logit_scale=1.0),
        lambda m, a: a.update(feature_mean=a["feature_mean"] + 1),
        lambda m, a: a.update(layer0_bias=a["layer0_bias"] + 1),
        lambda m, a: a.update(layer0_bias=a["layer1_bias"], layer1_bias=a["layer0_bias"]),
    ],
)
def test_content_without_its_checksum_is_refused(change: Change) -> None:
    with pytest.raises(ArchiveError, match="checksum"):
        restore_archive(rewritten(change, seal=False))


def test_other_content_is_refused() -> None:
    plain = io.BytesIO()
    np.savez(plain, weights=np.ones(3))
    with pytest.raises(UnknownFormatError, match=r"metadata\.json is missing"):
        restore_archive(plain.getvalue())
    with pytest.raises(ArchiveError, match="compressed"):
        restore_archive(rewritten(lambda m, a: None, compression=zipfile.ZIP_DEFLATED))


def test_no_more_is_read_than_the_file_holds() -> None:
    """Headers that claim more, entries that share their bytes, more entries than any network has arrays."""
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with pytest.raises(ArchiveError, match="another size than its header"):
        restore_archive(with_members({"evil.npy": array}))
    with pytest.raises(ArchiveError, match="more than 4,096 members"):
        restore_archive(with_members({f"{number}.npy": b"" for number in range(5000)}))
    large = with_members({"evil.npy": bytes(10**5)})
    entry_at = large.rindex(b"PK\x01\x02")  # the last one of the directory; each claims the whole file
    claimed = large[: entry_at + 20] + (10**9).to_bytes(4, "little") * 2 + large[entry_at + 28 :]
    with pytest.raises(ArchiveError, match="more than the file"):
        restore_archive(claimed)


def with_members(members: dict[str, bytes]) -> bytes:
    """A sound archive with more members."""
    stream = io.BytesIO(archive_bytes(deployment_of()))
    with zipfile.ZipFile(stream, "a") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def test_pickled_arrays_are_never_loaded() -> None:
    stream, pickled = io.BytesIO(archive_bytes(deployment_of())), io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("evil.npy", pickled.getvalue())
    with pytest.raises(ArchiveError, match="unknown way"):
        restore_archive(stream.getvalue())


def test_a_model_that_could_overflow_has_no_archive() -> None:
    good = deployment_of()
    first = good.model.layers[0]
    bias = np.full_like(first.bias, 2**31 - 1)
    layers = (IntegerLayer(first.weights, bias, first.multiplier, 32), *good.model.layers[1:])
    bad = Deployment(IntegerModel(layers, good.model.output, "int8"), good.input, {}, good.labels)
    with pytest.raises(RangeError, match="layer 1, gate i, unit 0"):
        archive_bytes(bad)
