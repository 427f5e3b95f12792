"""Packing of any levels, and a new code in one class."""

from __future__ import annotations

from pathlib import Path

import example_models
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdd_lightning.arithmetic import archive, device_arrays, integer_lstm, quantize, weight_codes

CODES = sorted(weight_codes.WEIGHT_CODES)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(name=st.sampled_from(CODES), rows=st.integers(1, 5), columns=st.integers(1, 40), seed=st.integers(0, 99))
def test_unpack_undoes_pack(name: str, rows: int, columns: int, seed: int) -> None:
    code = weight_codes.weight_code(name)
    levels = np.random.default_rng(seed).choice(code.levels, (rows, columns)).astype(np.int8)
    packed = code.pack(levels)
    assert packed.shape == (rows, code.row_bytes(columns))
    np.testing.assert_array_equal(code.unpack(packed, columns), levels)


@pytest.mark.parametrize("name", CODES)
def test_every_byte_is_unpacked_to_levels_or_refused(name: str) -> None:
    code = weight_codes.weight_code(name)
    accepted = 0
    for byte in range(256):
        packed = np.array([[byte]], np.uint8)
        try:
            levels = code.unpack(packed, 8 // code.bits)
        except ValueError:
            continue
        accepted += 1
        np.testing.assert_array_equal(code.pack(levels), packed)
    assert accepted == len(code.levels) ** (8 // code.bits)


@pytest.mark.parametrize("name", CODES)
def test_quantized_weights_are_levels_and_near_the_weights(name: str) -> None:
    code = weight_codes.weight_code(name)
    weights = np.random.default_rng(5).normal(0, 0.2, (20, 30)).astype(np.float32)
    scales = code.row_scales(weights)
    levels = code.quantize(weights, scales)
    code.require_levels(levels)
    error = np.square(code.dequantize(levels, scales) - weights).mean() / np.square(weights).mean()
    assert error < {"int8": 1e-4, "int8_pot_scale": 2e-4, "int4": 0.02, "pot": 0.04, "ternary": 0.25}[name]


def test_a_code_is_frozen() -> None:
    with pytest.raises(AttributeError):
        weight_codes.weight_code("int8").bits = 4  # type: ignore[misc]


def test_a_new_code_is_one_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Converted, run, stored, billed: no other change is needed."""
    monkeypatch.setattr(weight_codes, "WEIGHT_CODES", dict(weight_codes.WEIGHT_CODES))

    @weight_codes.register
    class Binary(weight_codes.WeightCode):
        name = "sign"
        bits = 1
        levels = (-1, 0)  # one bit of two's complement
        scale_ratios = (0.5, 1.0)

        @property
        def largest(self) -> int:
            return 1

        def nearest_levels(self, ratios: np.ndarray) -> np.ndarray:
            return np.where(ratios < -0.5, -1.0, 0.0)

    floats = example_models.random_float_model(quantize, 6, inputs=5)
    model = quantize.convert(floats, weight_codes.weight_code("sign"))
    ones = np.ones(5, np.float32)
    deployment = device_arrays.Deployment(model, device_arrays.FloatInput(ones, ones), {}, ("a", "b", "c"))
    loaded = archive.restore_archive(archive.archive_bytes(deployment)).model
    clips = example_models.clips(1, 6, 5)
    logits = [integer_lstm.network_logits(m, clips, np.full(6, 5)) for m in (model, loaded)]
    np.testing.assert_array_equal(*logits)
    assert device_arrays.device_arrays(deployment)["layer0_weights"].shape == (16, 2)
