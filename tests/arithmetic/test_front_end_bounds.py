"""Nothing in the front end overflows: the proof of the specification in numbers, and the worst signals found."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from front_end_examples import DEFAULT, SIZES, Constants, signals

from fsdd_lightning.arithmetic import front_end as module
from fsdd_lightning.arithmetic.front_end import FrontEnd

DENSE = FrontEnd(*DEFAULT._replace(hop=1))  # of any window


def full_scale_squares(window: int) -> np.ndarray:
    """(frames, window) int16 of every frequency and 16 phases: the largest spectra that were found."""
    k, phase = np.arange(1, window // 2)[:, None, None], np.arange(16)[:, None] * np.pi / 16
    waves = np.cos(2 * np.pi * k * np.arange(window) / window + phase)
    return np.where(waves >= 0, 32767, -32768).astype(np.int16).reshape(-1, window)


def proven_bounds(front_end: FrontEnd) -> dict[str, float]:
    """The chain of the specification, with the actual table."""
    window, stages = front_end.window, front_end.window_bits - 1
    z = (16384.0 - front_end.tables.cosine_q14) * (1 - 2.0**-16) + 0.5
    total, unit = z.sum(), (1 + 2.0**-14) ** stages
    off = unit * (2.0**-14.5 * stages * total + math.sqrt(2) * 2**stages)
    off_2x = 4.001 * off + 2.0**-13.5 * 1.001 * total + math.sqrt(2)
    largest = math.sqrt(0.5) * 2.0**15 * window + 2 * window + off_2x
    root = math.sqrt(2 * window * (z**2).sum()) / (window / 2)
    root += math.sqrt(window / 2) * (off_2x / (window / 2) + math.sqrt(2))
    return {
        "z": total,
        "C": unit * total + math.sqrt(2) * 2.001**stages,
        "off": off_2x,
        "P": (largest / (window / 2) + math.sqrt(2)) ** 2,
        "sum of P": root**2,
    }


@pytest.mark.parametrize("window", [128, 256, 512])
def test_bounds_are_proven_as_stated(window: int) -> None:
    for rate in (8000, 16000):
        bounds = proven_bounds(replace(DENSE, sample_rate_hz=rate, window=window))
        assert bounds["z"] <= 2**14 * window + window / 4
        assert bounds["C"] < 1.001 * 2**14 * window
        assert bounds["off"] < bounds["z"] / 600
        assert bounds["P"] < 46402**2 < 2**31.01
        assert bounds["sum of P"] < 57700**2 < 2**31.7 and 256 * bounds["sum of P"] < 2**40


@pytest.mark.parametrize("window", [128, 256, 512])
def test_the_worst_signals_stay_within_the_bounds_and_come_near_what_is_stated(window: int) -> None:
    front_end = replace(DENSE, window=window)
    largest = {"z": 0.0, "C": 0.0, "P": 0.0, "E": 0.0}
    for block in np.array_split(full_scale_squares(window), window // 8):
        z, _ = module.windowed(front_end, block)
        c = module.transform(front_end, z)
        p = module.power(front_end, c)
        sizes = {
            "z": np.abs(z).max(),
            "C": np.abs([c.real, c.imag]).max(),
            "P": p.max(),
            "E": module.mel_energies(front_end, p).max(),
        }
        largest = {name: max(value, sizes[name]) for name, value in largest.items()}
    assert largest["z"] <= 2**15
    assert largest["C"] < 1.001 * 2**14 * window
    stated = {"C": {128: 19.4, 256: 20.4, 512: 21.4}[window], "P": 29.0, "E": 37.4}
    for name, bits in stated.items():
        assert bits - 0.3 < math.log2(largest[name]) < bits + 0.05, (name, math.log2(largest[name]))


def test_the_largest_difference_to_the_mean() -> None:
    """One sample at one end of the range, all others at the other: z reaches 2^15 less a 512th, and fits."""
    for window, widest in ((128, 65023), (256, 65279), (512, 65407)):
        x = np.full((1, window), -32768, np.int16)
        x[0, window // 2] = 32767
        z, bits = module.windowed(replace(DENSE, window=window), x)
        assert bits == 16
        assert z.max() == (widest * 32768 + 2**15) >> 16
        assert widest * 32768 + 2**15 < 2**31


def test_coefficients_reach_their_bound_and_changes_do_not_wrap() -> None:
    front_end = FrontEnd(*Constants(bands=64, floor_octaves=8, coefficients=64, deltas=True))
    level = np.array([[0] * 64, [20000] * 64], np.int32)
    channels = module.channels(front_end, level)
    assert channels[:, 0].tolist() == [-(2**30), 2**30]
    assert channels[1, 64] == 2**31
    assert np.abs(channels[:, :64]).max() == 2**30
    one = module.standardized(channels[1, 64:65], np.array([2**31 - 1], np.int32), np.array([2**30 - 1], np.int32))
    assert one.tolist() == [127]


@pytest.mark.parametrize(("window", "bands"), SIZES)
def test_levels_fit_16_bits(window: int, bands: int) -> None:
    for rate in (1, 8000, 2**20 - 1):
        constants = Constants(rate, window, window, bands, 1, 1)
        for name in ("silence", "square", "one step"):
            level = module.levels(FrontEnd(*constants), np.array(signals(constants)[name], np.int16))
            assert level.min() >= -1024 and level.max() <= 19600
