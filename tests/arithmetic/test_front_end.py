"""The front end: equal to a scalar one for every window and number of bands, and what is exact in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scalar_front_end
from front_end_examples import (
    DEFAULT,
    SIZES,
    SMALL,
    WIDE,
    Constants,
    expected_steps,
    levels_of_frames,
    signals,
    word_levels,
)

from fsdd_lightning.arithmetic import front_end as module
from fsdd_lightning.arithmetic.front_end import FrontEnd, Standardization

SHIPPED = [FrontEnd(*DEFAULT), FrontEnd(*WIDE)]
DENSE = FrontEnd(*DEFAULT._replace(hop=1))  # of any window


def of_size(window: int, bands: int) -> Constants:
    """Constants that differ in everything else, too."""
    rate = {128: 8000, 256: 11025, 512: 16000}[window]
    odd = bands in (8, 32)
    return Constants(rate, window, window * 5 // 8 - 3, bands, bands - 3, 512 // bands, 9000 + bands, bands // 4, odd)


@pytest.mark.parametrize(("window", "bands"), SIZES)
def test_levels_and_features_are_those_of_the_scalar_front_end(window: int, bands: int) -> None:
    constants = of_size(window, bands)
    front_end = FrontEnd(*constants)
    multiplier = [20000 * (k + 1) for k in range(front_end.channels)]
    bias = [2000 - 311 * k for k in range(front_end.channels)]
    standardization = Standardization(np.array(multiplier, np.int32), np.array(bias, np.int32))
    for name, samples in signals(constants).items():
        expected = expected_steps(constants, name).level
        x = np.array(samples, np.int16)
        np.testing.assert_array_equal(module.levels(front_end, x), expected, name)
        word = scalar_front_end.Word(constants)
        channels = np.array([word.channels(level) for level in expected], np.int64)
        np.testing.assert_array_equal(module.channels(front_end, np.array(expected, np.int32)), channels, name)
        features = [
            [scalar_front_end.standardized(*row) for row in zip(frame, multiplier, bias, strict=True)]
            for frame in channels.tolist()
        ]
        np.testing.assert_array_equal(module.features(front_end, standardization, x), features, name)


def test_features_take_both_ends_and_the_middle() -> None:
    """The comparison above is of numbers that differ, not of saturated ones alone."""
    constants = of_size(256, 32)
    front_end = FrontEnd(*constants)
    standardization = Standardization(
        np.full(front_end.channels, 200000, np.int32), np.zeros(front_end.channels, np.int32)
    )
    level = np.array([word_levels(constants, seed) for seed in range(4)], np.int32)
    features = standardization(module.channels(front_end, level))
    assert features.min() == -128 and features.max() == 127
    assert len(np.unique(features)) > 120


# --- sweeps ---


def test_the_logarithm_of_every_16_bit_number_and_beside_every_step_up_to_48_bits() -> None:
    steps = [(128 + i) << (e - 7) for e in range(7, 48) for i in range(128)]
    values = [*range(2**16), *(value + d for value in steps for d in (-1, 0, 1)), 2**48 - 1]
    got = module.log2_q8(SHIPPED[0], np.array(values, np.float64))
    assert got.tolist() == [scalar_front_end.log2_q8(DEFAULT, value) for value in values]


def test_the_logarithm_never_falls_and_is_near_the_true_one() -> None:
    values = np.unique(np.round(2.0 ** np.linspace(0, 47.9, 40000)))
    got = module.log2_q8(SHIPPED[0], values)
    assert (np.diff(got) >= 0).all()
    assert np.abs(got - 256 * np.log2(values))[values >= 128].max() < 2


@pytest.mark.parametrize(("multiplier", "bias"), [(2**30, 0), (3 * 2**25 + 1, -12345), (2**31 - 1, 2**30 - 1)])
def test_standardization_beside_every_tie(multiplier: int, bias: int) -> None:
    """Between any two features, and beyond both ends of int8."""
    ties = np.array([((256 * k + 128 - bias) << 32) // multiplier for k in range(-131, 131)])
    values = (ties[:, None] + np.arange(-60, 61)).ravel()
    got = module.standardized(values[:, None], np.array([multiplier], np.int32), np.array([bias], np.int32))[:, 0]
    assert got.tolist() == [scalar_front_end.standardized(value, multiplier, bias) for value in values.tolist()]
    assert sorted(set(got.tolist())) == list(range(-128, 128))


# --- tables ---


def distance_to_tie(values: np.ndarray) -> float:
    return float(np.abs(values - np.floor(values) - 0.5).min())


@pytest.mark.parametrize("front_end", SHIPPED, ids=["8000 Hz", "16000 Hz"])
def test_no_entry_of_a_table_in_use_lies_near_a_tie(front_end: FrontEnd) -> None:
    window, k = front_end.window, np.arange(front_end.points)
    p = module._mel_points(front_end.sample_rate_hz, window, front_end.bands)
    segment = np.searchsorted(p[1:-1], k, side="right")
    unrounded = (
        2**14 * np.cos(2 * np.pi * np.arange(window) / window),
        256 * (k - p[segment]) / (p[segment + 1] - p[segment]),
        256 * np.log2(p[2:] - p[:-2]),
        256 * np.log2(1 + (np.arange(128) + 0.5) / 128),
    )
    assert min(map(distance_to_tie, unrounded)) > 0.0004
    assert np.abs(p[1:-1] - np.round(p[1:-1])).min() > 0.005


@pytest.mark.parametrize("window", [128, 256, 512])
def test_the_cosine_table_is_symmetric_and_exact_at_the_quarters(window: int) -> None:
    cosine = replace(DENSE, window=window).tables.cosine_q14.astype(int)
    n = np.arange(window)
    assert [cosine[window * k // 4] for k in range(4)] == [16384, 0, -16384, 0]
    np.testing.assert_array_equal(cosine, cosine[-n % window])
    np.testing.assert_array_equal(cosine, -cosine[(n + window // 2) % window])
    assert (16384 - cosine).sum() == 2**14 * window


@pytest.mark.parametrize(("window", "bands"), SIZES)
def test_tables_fit_their_types_at_every_sample_rate(window: int, bands: int) -> None:
    """From where the scale is all linear to where low bands have no bin of their own."""
    for rate in (1, 400, 2000, 8000, 16000, 48000, 2**17, 2**20 - 1):
        constants = Constants(rate, window, 1, bands, 1, 1)
        tables, expected = FrontEnd(*constants).tables, scalar_front_end.tables_of(constants)
        assert tables.segment_bins.sum() == window // 2 and tables.segment_bins[-1] > 0
        assert np.bincount(expected.segment).max() < 256
        assert tables.width_q8.tolist() == expected.width
        assert min(expected.width) >= -1106 and max(expected.width) <= 2048
        assert min(expected.rise) >= 0


# --- what is exact ---


def noise(seed: int, amplitude: int, shape: Any) -> np.ndarray:
    return np.random.default_rng(seed).integers(-amplitude, amplitude + 1, shape)


@pytest.mark.parametrize("front_end", SHIPPED, ids=["8000 Hz", "16000 Hz"])
def test_a_constant_offset_changes_nothing_as_long_as_bits_stays(front_end: FrontEnd) -> None:
    x = noise(1, 3000, (20, front_end.window))
    x[:, 7] = 16000  # 14 bits and one more
    levels = levels_of_frames(module, front_end, x.astype(np.int16))
    for offset in (-4000, -1, 1, 77, 383):
        np.testing.assert_array_equal(levels_of_frames(module, front_end, (x + offset).astype(np.int16)), levels)
    wider = levels_of_frames(module, front_end, (x + 384).astype(np.int16))  # 16384 needs 15 bits
    assert 0 < np.abs(wider - levels).max() <= 30


@pytest.mark.parametrize("front_end", SHIPPED, ids=["8000 Hz", "16000 Hz"])
def test_twice_the_amplitude_is_two_octaves_of_power_more(front_end: FrontEnd) -> None:
    """The mean of frames whose sum is a multiple of the window is not rounded."""
    x = noise(2, 700, (20, front_end.window))
    x[:, 0] -= x.sum(axis=1) % front_end.window
    levels = [levels_of_frames(module, front_end, (x << octave).astype(np.int16)) for octave in range(5)]
    for octave in range(1, 5):
        np.testing.assert_array_equal(levels[octave], levels[0] + 512 * octave)
    rounded = x + (np.arange(front_end.window) < front_end.window // 2)  # the mean is now 1/2 more
    assert (levels_of_frames(module, front_end, 2 * rounded.astype(np.int16)) != levels[1]).any()


def test_a_gain_cancels_in_the_features_where_the_reference_follows() -> None:
    front_end = FrontEnd(*SMALL._replace(quietest_level=0, deltas=True))
    x = noise(3, 2000, 128 * 12).reshape(12, 128)
    x[:, 0] -= x.sum(axis=1) % 128
    channels = [
        module.channels(front_end, levels_of_frames(module, front_end, (g * x).astype(np.int16))) for g in (1, 8)
    ]
    np.testing.assert_array_equal(*channels)


def test_silence_and_constants_sound_the_same_but_for_their_bits() -> None:
    front_end = SHIPPED[0]
    for value, bits in ((0, 2), (-1, 2), (4000, 13), (32767, 16), (-32768, 16)):
        level = module.levels(front_end, np.full(256, value, np.int16))
        np.testing.assert_array_equal(level[0], 512 * bits - front_end.tables.width_q8)


def test_frames_do_not_depend_on_where_pieces_of_the_stream_begin() -> None:
    front_end = FrontEnd(*SMALL)
    x = noise(4, 20000, 64 * 30 + 128).astype(np.int16)
    whole = module.levels(front_end, x)
    for first in (1, 5, 17):
        np.testing.assert_array_equal(module.levels(front_end, x[first * 64 :]), whole[first:])
    pieces = [module.levels(front_end, x[t * 64 : t * 64 + 128]) for t in range(len(whole))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


# --- the same definition in float64 ---


def float_levels(front_end: FrontEnd, frames: np.ndarray) -> np.ndarray:
    """(frames, window) to (frames, bands) without a table and with no rounding but the mean's."""
    window, k = front_end.window, np.arange(front_end.points + 1)
    x = frames - np.floor(frames.mean(axis=1, keepdims=True) + 0.5)
    hann = (1 - np.cos(2 * np.pi * np.arange(window) / window)) / 2
    spectrum = np.abs(np.fft.rfft(2**15 * hann * x) / (window / 4)) ** 2
    spectrum[:, [0, -1]] = 0
    p = module._mel_points(front_end.sample_rate_hz, window, front_end.bands)
    rising = (k - p[:-2, None]) / (p[1:-1] - p[:-2])[:, None]
    falling = (p[2:, None] - k) / (p[2:] - p[1:-1])[:, None]
    bank = np.maximum(np.minimum(rising, falling), 0)
    return 256 * (np.log2(256 * spectrum @ bank.T) - np.log2(p[2:] - p[:-2]))


@pytest.mark.parametrize("front_end", SHIPPED, ids=["8000 Hz", "16000 Hz"])
@pytest.mark.parametrize("amplitude", [1, 30, 1000, 32767])
def test_levels_are_close_to_those_of_float64(front_end: FrontEnd, amplitude: int) -> None:
    frames = noise(5, amplitude, (600, front_end.window)).astype(np.int16)
    error = levels_of_frames(module, front_end, frames) - float_levels(front_end, frames.astype(np.float64))
    assert np.abs(error).max() < 12
    assert 0.5 < np.sqrt((error**2).mean()) < 1
