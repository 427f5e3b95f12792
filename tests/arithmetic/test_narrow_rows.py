"""Rows stored in 16 bits, shifts in 8; networks that earlier versions stored in 32 bits; int8 as it always was."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_deployment import any_deployment
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdd_lightning.arithmetic import archive, integer_lstm, quantize, weight_codes
from fsdd_lightning.arithmetic.array_archive import ArchiveError, packed, unpacked
from fsdd_lightning.arithmetic.device_arrays import RowTypes, array_specs, device_arrays, planned_arrays
from fsdd_lightning.arithmetic.integer_model import IntegerLayer, IntegerModel
from fsdd_lightning.arithmetic.ranges import NarrowRowsError, check_model, require_narrow_rows

NARROW = sorted(name for name, code in weight_codes.WEIGHT_CODES.items() if code.narrow_rows)
EARLIER = Path(__file__).parent / "version_2"
FEATURES = ((np.arange(3 * 8 * 5).reshape(3, 8, 5) * 37) % 256 - 128).astype(np.int8)
LENGTHS = np.array([8, 5, 1])
# As the last version before narrow rows computed them.
EARLIER_LOGITS = {
    "int8": [[4420, 2550, -12185, -7691], [9916, 4993, -10916, -8576], [8910, 4003, -10426, -10798]],
    "int8_pot_scale": [[2512, 1436, -6936, -4467], [5652, 2888, -6315, -5047], [5135, 2328, -6003, -6235]],
    "int4": [[326, 216, -713, -455], [626, 328, -633, -509], [538, 245, -592, -628]],
    "pot": [[2820, 1749, -7780, -3042], [5772, 2901, -6868, -4882], [5444, 2581, -6708, -6802]],
    "ternary": [[134, 87, -147, -116], [142, 66, -120, -106], [103, 45, -105, -124]],
}
WIDE_DIGESTS = {
    "int8": "2723591d571e74ac8a22987101d9e4992f608436c2ec0883080d2fefff9e3833",
    "int8_pot_scale": "4ec81fe00190540a841b11dd7fd74b8e961154ba7c1ee92e97472985e70f706b",
}


def float_network() -> quantize.FloatModel:
    """Weights and biases of multiples of 2^-10, a row of zeros, one of tiny weights and one with a large bias."""
    random = np.random.default_rng(7)

    def of(*shape: int) -> np.ndarray:
        return (random.integers(-600, 601, shape) * 2.0**-10).astype(np.float32)

    layers = tuple(quantize.FloatLayer(of(24, inputs), of(24, 6), of(24), of(24)) for inputs in (5, 6))
    layers[0].weight_ih[3] = layers[0].weight_hh[3] = 0.0
    layers[1].weight_ih[9] *= np.float32(2.0**-20)
    layers[1].weight_hh[9] *= np.float32(2.0**-20)
    layers[1].bias_ih[4] = 100.0
    return quantize.FloatModel(layers, of(4, 6), of(4))


def converted(code: str) -> IntegerModel:
    return quantize.convert(float_network(), weight_codes.weight_code(code))


def of_an_earlier_version(code: str, monkeypatch: pytest.MonkeyPatch) -> IntegerModel:
    """The same network with the wide rows that every code once had."""
    monkeypatch.setattr(quantize, "narrow_rescaling", quantize.wide_rescaling)
    monkeypatch.setattr(quantize, "require_narrow_rows", lambda model: None)
    return converted(code)


def wide_arrays(model: IntegerModel) -> dict[str, np.ndarray]:
    """The arrays of an archive of version 2, by hand."""
    arrays = device_arrays(any_deployment(converted(model.weight_code)))
    code = weight_codes.weight_code(model.weight_code)
    for k, layer in enumerate(model.layers):
        arrays[f"layer{k}_weights"] = code.pack(layer.weights)
        arrays[f"layer{k}_bias"] = layer.bias.astype("<i4")
        arrays[f"layer{k}_multiplier"] = layer.multiplier.astype("<i4")
    return arrays | {"layer_shifts": np.array([layer.shift for layer in model.layers], np.uint8)}


def metadata_of(code: str, version: int) -> dict[str, Any]:
    metadata, _ = unpacked(archive.archive_bytes(any_deployment(converted(code))), lambda metadata: None)
    return metadata | {"version": version}


def logits(model: IntegerModel) -> list[list[int]]:
    found: list[list[int]] = integer_lstm.network_logits(model, FEATURES, LENGTHS).tolist()
    return found


# --- what is stored ---


@pytest.mark.parametrize("name", weight_codes.WEIGHT_CODES)
def test_types_and_numbers_of_stored_rows(name: str) -> None:
    code, model = weight_codes.weight_code(name), converted(name)
    arrays = device_arrays(any_deployment(model))
    for k, layer in enumerate(model.layers):
        bias, multiplier = arrays[f"layer{k}_bias"], arrays[f"layer{k}_multiplier"]
        assert bias.dtype.str == ("<i2" if code.narrow_rows else "<i4")
        np.testing.assert_array_equal(bias, layer.bias)
        if code.narrow_rows:
            assert multiplier.dtype.str == "<i2"
            np.testing.assert_array_equal(multiplier.astype(np.int64) << 16, layer.multiplier)
        elif code.stores_shifts:
            assert multiplier.dtype.str == "|i1"
            np.testing.assert_array_equal(2.0 ** (layer.shift - multiplier.astype(int)), layer.multiplier)
        else:
            assert multiplier.dtype.str == "<i4"
            np.testing.assert_array_equal(multiplier, layer.multiplier)


def test_every_shift_of_a_row_is_restored() -> None:
    """Also those further left than a device shifts: -29 ... 32."""
    for shift in (1, 20, 32):
        powers = 2 ** np.arange(31)
        rows = np.append(powers, [1]).astype(np.int32)  # 32 rows
        layer = IntegerLayer(np.zeros((32, 9), np.int8), np.zeros(32, np.int32), rows, shift)
        output = converted("int8_pot_scale").output
        output = type(output)(np.zeros((2, 8), np.int8), np.zeros(2, np.int32), 1.0)
        deployment = any_deployment(IntegerModel((layer,), output, "int8_pot_scale"))
        loaded = archive.restore_archive(archive.archive_bytes(deployment)).model.layers[0]
        np.testing.assert_array_equal(loaded.multiplier, rows)
        assert loaded.shift == shift and loaded.multiplier.dtype == np.int32


@pytest.mark.parametrize("wrong", [-128, -1, 34, 127])
def test_a_shift_that_no_multiplier_equals_is_refused(wrong: int) -> None:
    arrays = device_arrays(any_deployment(converted("int8_pot_scale")))
    assert arrays["layer_shifts"][1] in range(30, 33)
    arrays["layer1_multiplier"][5] = wrong
    with pytest.raises(ArchiveError, match="row shift"):
        archive.restore_archive(packed(metadata_of("int8_pot_scale", archive.VERSION), arrays))


@pytest.mark.parametrize("m", [0, -1, -(2**15)])
def test_a_multiplier_that_is_not_positive_is_refused(m: int) -> None:
    arrays = device_arrays(any_deployment(converted("int4")))
    arrays["layer1_multiplier"][5] = m
    with pytest.raises(ArchiveError, match=f"layer 2, gate i, unit 5: the multiplier {m * 2**16} is not positive"):
        archive.restore_archive(packed(metadata_of("int4", archive.VERSION), arrays))


# --- properties of narrow rows ---


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    code=st.sampled_from(NARROW),
    seed=st.integers(0, 10**6),
    spread=st.integers(-24, 12),
    bias_spread=st.integers(-30, 20),
    rows_differ=st.booleans(),
)
def test_every_row_fits_and_is_nearly_right(
    code: str, seed: int, spread: int, bias_spread: int, rows_differ: bool
) -> None:
    """m is at least 64, a bias is off by at most half a step of its own row, and within 32,256."""
    random = np.random.default_rng(seed)
    factors = 2.0 ** random.integers(-20, 1, (12, 1)) if rows_differ else np.ones((12, 1))
    bias = random.normal(0, 2.0**bias_spread, 12) * random.integers(0, 2, 12)
    weights = random.normal(0, 2.0**spread, (12, 7)) * factors
    floats = quantize.FloatLayer(weights[:, :4], weights[:, 4:], bias, np.zeros(12))
    layer = quantize.quantize_layer(floats, weight_codes.weight_code(code), 0)
    assert (layer.multiplier % 2**16 == 0).all() and layer.multiplier.min() >= 64 << 16
    assert np.abs(layer.bias).max() <= 32_256
    step = layer.multiplier * 2.0 ** -(4 + layer.shift) / 128
    assert (np.abs(layer.bias * step - bias) <= step / 2 * (1 + 1e-9)).all()


@pytest.mark.parametrize("code", NARROW)
def test_a_larger_scale_than_its_weights_want_keeps_a_row_in_range(code: str) -> None:
    """Rows of zeros among ordinary ones: half a step of z, and half a step of the bias."""
    model = float_network()
    biases = [0.0, 1.0, -3.7, 100.0]
    for row, bias in enumerate(biases):
        model.layers[0].weight_ih[row] = model.layers[0].weight_hh[row] = model.layers[0].bias_hh[row] = 0.0
        model.layers[0].bias_ih[row] = bias
    layer = quantize.convert(model, weight_codes.weight_code(code)).layers[0]
    zeros = np.zeros(layer.weights.shape[1], np.int16)
    z = integer_lstm.lstm_gate(layer, 0, zeros)[:4] / 2048
    for got, bias in zip(z, biases, strict=True):
        expected = min(np.float32(bias), 32767 / 2048)
        step = max(abs(bias) / 250, np.abs(layer.multiplier).max() * 2.0 ** -(4 + layer.shift) / 256) / 128
        assert abs(got - expected) <= 2.0**-12 + step
    assert not layer.weights[:4].any()


@pytest.mark.parametrize("code", NARROW)
def test_a_scale_that_was_raised_still_is_no_smaller_than_the_weights_want(code: str) -> None:
    """Weights of a row with a large bias are rounded to its scale, others keep the scale of the search within 1 %."""
    chosen = weight_codes.weight_code(code)
    floats = float_network().layers[1]
    layer = quantize.quantize_layer(floats, chosen, 1)
    weights = np.concatenate([floats.weight_ih, floats.weight_hh], axis=1).astype(np.float64)
    bias = floats.bias_ih.astype(np.float64) + floats.bias_hh
    least = np.maximum(chosen.row_scales(weights), np.abs(bias) / 250)
    least = np.maximum(least, max(2.0**-14, least.max() / 256))
    scales = layer.multiplier * 2.0 ** -(4 + layer.shift)
    assert (np.abs(scales / least - 1) < 0.01).all()
    np.testing.assert_array_equal(layer.weights, chosen.quantize(weights, scales))


def test_a_layer_of_zeros_converts() -> None:
    floats = quantize.FloatLayer(*(np.zeros(shape, np.float32) for shape in ((4, 2), (4, 1), 4, 4)))
    layer = quantize.quantize_layer(floats, weight_codes.weight_code("ternary"), 0)
    assert (layer.multiplier == 64 << 16).all() and layer.shift == 32 and not layer.bias.any()


# --- earlier versions ---


@pytest.mark.parametrize("code", ["int4", "int8_pot_scale"])
def test_a_file_of_an_earlier_version_computes_what_it_did(code: str) -> None:
    deployment = archive.restore_archive((EARLIER / f"{code}.npz").read_bytes())
    assert logits(deployment.model) == EARLIER_LOGITS[code]


@pytest.mark.parametrize("code", weight_codes.WEIGHT_CODES)
@pytest.mark.parametrize("version", [1, 2])
def test_wide_rows_are_restored(code: str, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = of_an_earlier_version(code, monkeypatch)
    monkeypatch.undo()
    arrays = wide_arrays(model)
    assert array_specs(arrays) == planned_arrays(weight_codes.weight_code(code), 5, 6, 2, 4, types=RowTypes())
    loaded = archive.restore_archive(packed(metadata_of(code, version), arrays)).model
    check_model(loaded)
    for ours, theirs in zip(loaded.layers, model.layers, strict=True):
        np.testing.assert_array_equal(ours.multiplier, theirs.multiplier)
        np.testing.assert_array_equal(ours.bias, theirs.bias)
    assert logits(loaded) == EARLIER_LOGITS[code]


@pytest.mark.parametrize(("code", "version"), [("int4", 3), ("int8_pot_scale", 3)])
def test_wide_rows_are_no_archive_of_today(code: str, version: int) -> None:
    content = packed(metadata_of(code, version), wide_arrays(converted(code)))
    with pytest.raises(ArchiveError, match="arrays are not those"):
        archive.restore_archive(content)


@pytest.mark.parametrize("code", NARROW)
def test_narrow_rows_are_no_archive_of_an_earlier_version(code: str) -> None:
    content = packed(metadata_of(code, 2), device_arrays(any_deployment(converted(code))))
    with pytest.raises(ArchiveError, match="arrays are not those"):
        archive.restore_archive(content)


def test_a_network_of_an_earlier_version_is_not_stored_again() -> None:
    """Its rows are wider than a device now has them; one line says so, and how to mend it."""
    deployment = archive.restore_archive((EARLIER / "int4.npz").read_bytes())
    for store in (lambda: device_arrays(deployment), lambda: archive.archive_bytes(deployment)):
        with pytest.raises(
            NarrowRowsError, match=r"layer 1, gate i, unit 0: bias .* of an earlier version.*: run it again"
        ) as caught:
            store()
        assert "\n" not in str(caught.value)


def test_shifts_of_an_earlier_version_are_stored_in_eight_bits() -> None:
    content = (EARLIER / "int8_pot_scale.npz").read_bytes()
    earlier = archive.restore_archive(content)
    again = archive.archive_bytes(earlier)
    assert len(content) - len(again) == 2 * 24 * 3
    assert logits(archive.restore_archive(again).model) == EARLIER_LOGITS["int8_pot_scale"]


# --- int8 ---


@pytest.mark.parametrize("code", WIDE_DIGESTS)
def test_codes_of_eight_bits_have_the_numbers_that_they_always_had(code: str) -> None:
    model = converted(code)
    require_narrow_rows(model)
    parts = [model.output.weights, model.output.bias.astype("<i4"), np.array([model.output.scale], "<f8")]
    rows: list[np.ndarray] = []
    for layer in model.layers:
        shift = np.array([layer.shift], "<i4")
        rows += [layer.weights, layer.bias.astype("<i4"), layer.multiplier.astype("<i4"), shift]
    features = np.random.default_rng(8).integers(-128, 128, (9, 12, 5)).astype(np.int8)
    parts.append(integer_lstm.network_logits(model, features, np.full(9, 12)).astype("<i4"))
    digest = hashlib.sha256(b"".join(part.tobytes() for part in [*rows, *parts])).hexdigest()
    assert digest == WIDE_DIGESTS[code]
