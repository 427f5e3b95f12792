"""Small checks of every constant of the front end, in the style of directed_checks.py."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import scalar_front_end
from directed_checks import equal, refuses
from front_end_examples import (
    DEFAULT,
    MOVING,
    SMALL,
    VARIANTS,
    WIDE,
    Constants,
    expected_steps,
    levels_of_frames,
    signals,
    word_levels,
)

# --- samples to levels ---


def check_every_step_of_a_frame(p: Any) -> None:
    for constants in VARIANTS:
        front_end = constants.of(p)
        for name, samples in signals(constants).items():
            expected = expected_steps(constants, name)
            x = np.array(samples, np.int16)
            frames = np.stack([x[t * constants.hop :][: constants.window] for t in range(3)])
            z, bits = p.front_end.windowed(front_end, frames)
            equal(z, expected.z)
            equal(bits, expected.bits)
            c = p.front_end.transform(front_end, z)
            equal(np.stack([c.real, c.imag], -1).swapaxes(0, 1), expected.c)
            power = p.front_end.power(front_end, c)
            equal(power[1:].T, np.array(expected.p)[:, 1:])
            equal(power[0], 0)
            power[0] = 1000  # is in no band
            equal(p.front_end.mel_energies(front_end, power).T, expected.e)
            equal(levels_of_frames(p.front_end, front_end, frames), expected.level)
            equal(p.front_end.levels(front_end, x)[:3], expected.level)


@cache
def expected_bits() -> list[int]:
    return [scalar_front_end.bits_of([x, 0]) for x in range(-32768, 32768)]


def check_bits(p: Any) -> None:
    every = np.arange(-32768, 32768)
    equal(p.front_end.frame_bits(np.stack([every, 0 * every], 1).astype(np.int16)), expected_bits())
    equal(p.front_end.frame_bits(np.array([[1, -1], [2, 0], [0, -3], [32767, 5]], np.int16)), [2, 3, 3, 16])


def check_logarithm(p: Any) -> None:
    front_end = DEFAULT.of(p)
    values = {2**e + d for e in range(1, 49) for d in (-1, 0, 1)} | set(range(300))
    values |= {2**e + k * 2 ** (e - 7) + d for e in (7, 30, 46) for k in range(128) for d in (-1, 0)}
    ordered = sorted(values)
    got = p.front_end.log2_q8(front_end, np.array(ordered, np.float64))
    equal(got, [scalar_front_end.log2_q8(DEFAULT, value) for value in ordered])


def check_tables(p: Any) -> None:
    for constants in (*VARIANTS, SMALL._replace(sample_rate_hz=2**20 - 1), SMALL._replace(sample_rate_hz=2000)):
        tables, expected = constants.of(p).tables, scalar_front_end.tables_of(constants)
        equal(tables.cosine_q14, expected.cosine)
        equal(tables.rise_q8, expected.rise)
        equal(np.repeat(np.arange(constants.bands + 1), tables.segment_bins), expected.segment)
        equal(tables.width_q8, expected.width)
        equal(tables.log_q8, expected.log)
        arrays = tables.arrays()
        assert [(name, array.dtype.str, len(array)) for name, array in arrays.items()] == [
            ("front_end_cosine", "<i2", constants.window),
            ("front_end_width", "<i2", constants.bands),
            ("front_end_rise", "|u1", constants.window // 2),
            ("front_end_segment_bins", "|u1", constants.bands + 1),
            ("front_end_log", "|u1", 128),
        ]
        stored = (tables.cosine_q14, tables.rise_q8, tables.segment_bins, tables.width_q8, tables.log_q8)
        assert not any(array.flags.writeable for array in stored)


def check_mel_scale(p: Any) -> None:
    for value in (0.0, 1.0, 999.5, 1000.0, 1000.5, 4000.0, 500000.0):
        mel = scalar_front_end.mel(value)
        assert math.isclose(p.front_end._mel(value), mel, rel_tol=1e-14)
        assert math.isclose(p.front_end._hertz(mel), scalar_front_end.hertz(mel), rel_tol=1e-14)
        assert math.isclose(scalar_front_end.hertz(mel), value, rel_tol=1e-12)


def check_frame_counts(p: Any) -> None:
    for constants in (DEFAULT, SMALL, WIDE, SMALL._replace(hop=128), SMALL._replace(hop=1)):
        front_end = constants.of(p)
        for samples in (0, 1, constants.window - 1, constants.window, constants.window + constants.hop - 1, 4000):
            starts = range(0, samples - constants.window + 1, constants.hop)
            assert front_end.frames(samples) == len(starts)
            assert len(p.front_end.levels(front_end, np.zeros(samples, np.int16))) == len(starts)
        for frames in (1, 2, 30):
            needed = front_end.samples(frames)
            assert (front_end.frames(needed - 1), front_end.frames(needed)) == (frames - 1, frames)
        assert p.front_end.levels(front_end, np.zeros(5, np.int16)).shape == (0, constants.bands)
    for wrong in (np.zeros(300), np.zeros(300, np.int32), np.zeros((2, 300), np.int16)):
        refuses(ValueError, "samples must be int16 (samples,)", p.front_end.levels, DEFAULT.of(p), wrong)


def check_derived_sizes(p: Any) -> None:
    assert (DEFAULT.of(p).channels, MOVING.of(p).channels, WIDE.of(p).depth) == (13, 10, 4096)
    sizes = [(c.of(p).points, c.of(p).window_bits) for c in (SMALL, DEFAULT, WIDE)]
    assert sizes == [(64, 7), (128, 8), (256, 9)]


def check_many_frames(p: Any) -> None:
    """Blocks and threads change nothing: more than 8 blocks of 256 frames, then fewer."""
    front_end = SMALL.of(p)
    frames = np.array(signals(SMALL)["growing"], np.int16)[:256].reshape(2, 128)
    expected = [scalar_front_end.frame_levels(SMALL, frame.tolist()) for frame in frames]
    for count in (2 * 1100, 2 * 150):
        got = levels_of_frames(p.front_end, front_end, np.tile(frames, (count // 2, 1)))
        equal(got, np.tile(expected, (count // 2, 1)))
        assert got.dtype == np.int32


# --- levels to features ---


@cache
def expected_word(constants: Constants, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """y and channels of the levels of a word."""
    scalar, again = scalar_front_end.Word(constants), scalar_front_end.Word(constants)
    word = word_levels(constants, seed)
    return np.array([scalar.relative(level) for level in word]), np.array([again.channels(level) for level in word])


def check_channels(p: Any) -> None:
    for constants in VARIANTS:
        front_end, halves = constants.of(p), constants.floor_octaves * 128
        words = [word_levels(constants, seed) for seed in (1, 2)]
        level = np.array(words, np.int32)
        channels = p.front_end.channels(front_end, level)
        for k, seed in enumerate((1, 2)):
            relative, expected = expected_word(constants, seed)
            equal(p.front_end.relative(front_end, level)[k], relative)
            assert np.abs(relative).max() <= halves
            equal(channels[k], expected)
            equal(p.front_end.channels(front_end, level[k]), expected)


def check_references(p: Any) -> None:
    front_end = SMALL._replace(quietest_level=100, decay=10).of(p)
    highest = [50, 99, 101, 95, 90, 300, 289, 280, 281, 0, 0]
    level = np.full((len(highest), 8), -500, np.int32)
    level[:, 3] = highest
    equal(p.front_end.references(front_end, level), [100, 100, 101, 100, 100, 300, 290, 280, 281, 271, 261])
    equal(p.front_end.relative(front_end, level)[5:7, 3], [1152, 1151])
    equal(p.front_end.relative(front_end, level)[0, 3:5], [1102, 552])
    half = np.full((1, 8), -9000, np.int32)
    equal(p.front_end.relative(front_end, half), np.full((1, 8), -1152))


def check_audible(p: Any) -> None:
    """Not below 8 octaves under the quietest level, which may lie below 0."""
    for quietest, least in ((16384, 14336), (100, -1948), (0, -2048)):
        front_end = SMALL._replace(quietest_level=quietest).of(p)
        assert front_end.least_audible == least
        level = np.array([[-30000, least - 1, least, least + 1, 0, quietest, 20479, 32767]], np.int32)
        heard = p.front_end.audible(front_end, level)
        equal(heard, [[max(one, least) for one in level[0].tolist()]])
        assert heard.dtype == np.int32
        equal(p.front_end.audible(front_end, level[0, 1:3]), [least, least])


@cache
def expected_standardized(multiplier: int, bias: int) -> tuple[np.ndarray, np.ndarray]:
    """(ties, values around them) int64 channel values, and their features."""
    ties = [(256 * k + 128 - bias << 32) // multiplier for k in (-130, -129, -128, -127, -1, 0, 1, 126, 127, 128)]
    values = np.clip(np.array(ties)[:, None] + np.arange(-600, 601), -(2**31), 2**31)
    features = [scalar_front_end.standardized(value, multiplier, bias) for value in values.ravel().tolist()]
    return values, np.array(features).reshape(values.shape)


def check_standardized(p: Any) -> None:
    """Ties of both divisions, and both ends of int8."""
    for multiplier, bias in ((2**31 - 1, 0), (2**30, 3), (2**20, -129), (3 * 2**22, 128), (1, 127), (7, 2**30 - 1)):
        values, expected = expected_standardized(multiplier, bias)
        got = p.front_end.standardized(values, np.array([multiplier], np.int32), np.array([bias], np.int32))
        equal(got, expected)
        assert got.dtype == np.int8


def check_statistics(p: Any) -> None:
    standard = p.front_end.Standardization.from_statistics
    std = np.array([2.0**14, 2.0**44, 2.0**45, 2.0**44 / 2.5, 1e8])
    mean = np.array([2.5 * 2**2, -2.5 * 2**32, 0.0, 0.0, 1e5])
    made = standard(mean, std)
    equal(made.multiplier, [2**30, 1, 1, 3, math.floor(2.0**44 / 1e8 + 0.5)])
    equal(made.bias, [-2, 3, 0, 0, -4])
    assert made.multiplier.dtype == made.bias.dtype == np.int32
    edge = 2.0**44 / (2**31 - 1)
    equal(standard(np.array([0.0]), np.array([edge])).multiplier, [2**31 - 1])
    one = np.array([1.0])
    for wrong, multiplier in ((0.5, 2**45), (2.0**44 / 2.0**31, 2**31), (2.0**46, 0)):
        message = f"multiplier {multiplier} must lie in 1..2^31 - 1"
        refuses(p.front_end.FrontEndError, message, standard, 0 * one, wrong * one)
        refuses(p.front_end.FrontEndError, message, p.front_end.Standardization, np.array([multiplier]), 0 * one)
    for sign in (1, -1):
        most = sign * (2**30 - 1) / 2.0**12 * 2.0**20
        equal(standard(-most * one, 2.0**20 * one).bias, [sign * (2**30 - 1)])
        refuses(p.front_end.FrontEndError, "within +-2^30", standard, -sign * 2.0**38 * one, 2.0**20 * one)
    for mean_value, std_value in ((0.0, 0.0), (0.0, -1.0), (np.nan, 1.0), (np.inf, 1.0), (0.0, np.nan), (0.0, np.inf)):
        refuses(p.front_end.FrontEndError, "finite", standard, mean_value * one, std_value * one)


def check_features(p: Any) -> None:
    for constants in (DEFAULT, MOVING):
        front_end = constants.of(p)
        multiplier = [5000 * (k + 1) for k in range(front_end.channels)]
        bias = [300 - 57 * k for k in range(front_end.channels)]
        standardization = p.front_end.Standardization(np.array(multiplier, np.int32), np.array(bias, np.int32))
        for name in ("two tones", "growing", "silence"):
            samples = signals(constants)[name]
            got = p.front_end.features(front_end, standardization, np.array(samples, np.int16))
            equal(got, scalar_front_end.features(constants, multiplier, bias, samples))
            assert got.dtype == np.int8


# --- constants that are refused ---

LIMITS = {  # field: (allowed ends, refused neighbors, message)
    "window": ((128, 256, 512), (64, 127, 129, 255, 257, 511, 513, 1024), "window must be one of 128, 256, 512"),
    "hop": ((1, 256), (0, -1, 257), "hop must lie in 1..256"),
    "bands": ((8, 16, 32, 64), (4, 7, 9, 15, 17, 31, 33, 63, 65, 128), "bands must be 8, 16, 32 or 64"),
    "coefficients": ((1, 32), (0, 33, 65), "coefficients must lie in 1..32 (the bands)"),
    "floor_octaves": ((1, 16), (0, -1, 17), "floor_octaves must lie in 1..16 with 32 bands"),
    "decay": ((0, 4096), (-1, 4097), "decay must lie in 0..4096"),
    "quietest_level": ((0, 16384), (-1, 16385), "quietest_level must lie in 0..16384"),
    "sample_rate_hz": ((1, 2**20 - 1), (0, -1, 2**20), "sample_rate_hz must lie in 1..1048575"),
}


def check_limits(p: Any) -> None:
    plain = DEFAULT._replace(hop=100, coefficients=8, floor_octaves=8)
    for name, (allowed, refused, message) in LIMITS.items():
        for value in allowed:
            plain._replace(**{name: value}).of(p)
        for value in refused:
            refuses(p.front_end.FrontEndError, message, plain._replace(**{name: value}).of, p)
    refuses(p.front_end.FrontEndError, "a quarter of the window of 128", plain._replace(window=128, bands=64).of, p)
    for bands in (8, 16, 32, 64):
        most = Constants(bands=bands, coefficients=bands, floor_octaves=512 // bands)
        most.of(p)
        refuses(p.front_end.FrontEndError, "coefficients", most._replace(coefficients=bands + 1).of, p)
        refuses(p.front_end.FrontEndError, "floor_octaves", most._replace(floor_octaves=512 // bands + 1).of, p)


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_"))
