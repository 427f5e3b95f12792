"""Mean and deviation of the training clips' valid frames, and features standardized by them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from example_configs import feature_config

from fsdd_lightning.data.features import Features
from fsdd_lightning.data.statistics import SMALLEST_STD, training_statistics

CONFIG = feature_config()


@pytest.fixture
def mfcc() -> Features:
    """5 clips of 1..6 frames, with garbage after their ends that nothing may read."""
    rng = np.random.default_rng(0)
    values = rng.normal([-300.0, 20.0, 5.0], [80.0, 30.0, 1.0], size=(5, 6, 3)).astype(np.float32)
    lengths = np.array([6, 1, 4, 3, 5], np.int64)
    values[np.arange(6) >= lengths[:, None]] = 1e6
    return Features(values, lengths, trimmed=0)


def test_statistics_are_over_the_valid_frames_of_the_chosen_clips(mfcc: Features) -> None:
    statistics = training_statistics(CONFIG, mfcc, [3, 0])
    frames = np.concatenate([mfcc.values[3, :3], mfcc.values[0, :6]]).astype(np.float64)
    np.testing.assert_array_equal(statistics.mean, frames.mean(axis=0).astype(np.float32))
    np.testing.assert_array_equal(statistics.std, frames.std(axis=0).astype(np.float32))
    assert statistics.mean.dtype == statistics.std.dtype == np.float32


def test_other_clips_do_not_affect_the_statistics(mfcc: Features) -> None:
    changed = mfcc.values.copy()
    changed[[1, 4]] += 100.0
    ours = training_statistics(CONFIG, mfcc, np.array([0, 2, 3]))
    theirs = training_statistics(CONFIG, dataclasses.replace(mfcc, values=changed), np.array([0, 2, 3]))
    np.testing.assert_array_equal(ours.mean, theirs.mean)
    np.testing.assert_array_equal(ours.std, theirs.std)


def test_sums_are_float64() -> None:
    """In float32 the mean of 2**20 values of 1000.1 is off by far more than one rounding."""
    values = np.full((1024, 1024, 1), 1000.1, np.float32)
    values[::2] += 0.5
    statistics = training_statistics(CONFIG, Features(values, np.full(1024, 1024, np.int64), 0), range(1024))
    exact = values.astype(np.float64)
    assert statistics.mean[0] == np.float32(exact.mean())
    assert statistics.std[0] == np.float32(exact.std())


def test_standardized_training_frames_have_mean_0_and_deviation_1_and_padding_stays_0(mfcc: Features) -> None:
    standardized = training_statistics(CONFIG, mfcc, range(5)).standardize(mfcc)
    valid = np.arange(6) < mfcc.lengths[:, None]
    assert standardized.dtype == np.float32
    assert standardized.shape == mfcc.values.shape
    np.testing.assert_array_equal(standardized[~valid], 0.0)
    np.testing.assert_allclose(standardized[valid].mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(standardized[valid].std(axis=0), 1.0, atol=1e-5)


def test_arithmetic_is_float32_subtract_then_divide(mfcc: Features) -> None:
    """As on a device: not a multiplication by 1 / std, which rounds differently."""
    statistics = training_statistics(CONFIG, mfcc, [0, 2])
    expected = np.divide(np.subtract(mfcc.values[2, :4], statistics.mean), statistics.std, dtype=np.float32)
    np.testing.assert_array_equal(statistics.standardize(mfcc)[2, :4], expected)
    one_clip = statistics.standardize_clip(mfcc.values[2, :4])
    np.testing.assert_array_equal(one_clip, expected)
    assert one_clip.dtype == np.float32


def test_a_constant_coefficient_is_divided_by_the_smallest_std() -> None:
    values = np.full((2, 3, 2), 7.0, np.float32)
    values[1, 2, 1] = 8.0
    mfcc = Features(values, np.array([3, 3], np.int64), trimmed=0)
    statistics = training_statistics(CONFIG, mfcc, [0])
    np.testing.assert_array_equal(statistics.std, np.float32([SMALLEST_STD, SMALLEST_STD]))
    standardized = statistics.standardize(mfcc)
    assert standardized[0].tolist() == np.zeros((3, 2)).tolist()
    assert standardized[1, 2, 1] == np.float32(1.0) / np.float32(SMALLEST_STD)


def test_statistics_of_no_clips_are_an_error(mfcc: Features) -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        training_statistics(CONFIG, mfcc, [])
