"""Front ends and sounds, and what the scalar front end makes of them."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scalar_front_end


class Constants(NamedTuple):
    """The fields of FrontEnd."""

    sample_rate_hz: int = 8000
    window: int = 256
    hop: int = 160
    bands: int = 32
    coefficients: int = 13
    floor_octaves: int = 16
    quietest_level: int = 11264
    decay: int = 0
    deltas: bool = False

    def of(self, p: Any) -> Any:
        return p.front_end.FrontEnd(*self)

    @property
    def samples(self) -> int:
        """Three frames, and a few samples more."""
        return self.window + 2 * self.hop + 7


def levels_of_frames(module: Any, front_end: Any, frames: np.ndarray) -> np.ndarray:
    """(frames, window) int16 to (frames, bands): frames that need not overlap as those of a clip do."""
    levels: np.ndarray = module.levels_at(front_end, frames.ravel(), np.arange(len(frames)) * frames.shape[1])
    return levels


SIZES = [(window, bands) for window in (128, 256, 512) for bands in (8, 16, 32, 64) if 4 * bands <= window]
DEFAULT = Constants()
SMALL = Constants(window=128, hop=64, bands=8, coefficients=5, floor_octaves=9, quietest_level=9000)
WIDE = Constants(16000, 512, 320)
MOVING = SMALL._replace(decay=37, deltas=True, quietest_level=3000, floor_octaves=2)
VARIANTS = (
    DEFAULT,
    WIDE,
    MOVING,
    Constants(8000, 128, 128, 32, 32, 1, 0, 4096, True),
    Constants(11025, 256, 1, 64, 20, 8, 2**14, 5),
    Constants(48000, 512, 100, 16, 1, 32, 5000, 1, True),  # bands without a bin: their energy is 0
    Constants(1000, 128, 60, 8, 8, 64),
)


@cache
def signals(constants: Constants) -> dict[str, list[int]]:
    """Name to samples of three frames."""
    random = np.random.default_rng(sum(constants))
    n = np.arange(constants.samples)

    def cosine(k: float, phase: float = 0.3) -> np.ndarray:
        return np.cos(2 * np.pi * k * n / constants.window + phase)

    def noise(amplitude: int) -> np.ndarray:
        return random.integers(-amplitude, amplitude + 1, len(n))

    square = np.where(cosine(constants.window / 4, np.pi / 4) >= 0, 32767, -32768)
    arrays = {
        "silence": 0 * n,
        "one step": noise(1),
        "noise": noise(300),
        "loud noise": noise(32767),
        "two tones": np.round(9000 * cosine(5) + 700 * cosine(constants.window / 3.3)),
        "clipped": np.clip(noise(90000), -32768, 32767),
        "square": square,
        "square, negated": ~square,
        "slow square": np.where(cosine(1, -math.pi / 2) >= 0, 32767, -32768),
        "constant": 0 * n + 4000,
        "constant, negative": 0 * n - 32768,
        "constant and a step": np.where(n % 17 == 3, -3999, -4000),
        "one sample": np.where(n == constants.window // 2, -32768, 0),
        "growing": np.round(noise(32767) * 2.0 ** (-16 + 16 * n / len(n))),
    }
    return {name: samples.astype(int).tolist() for name, samples in arrays.items()}


class Steps(NamedTuple):
    """Every intermediate result of frames."""

    z: list[Any]
    bits: list[int]
    c: list[Any]
    p: list[Any]
    e: list[Any]
    level: list[Any]


@cache
def expected_steps(constants: Constants, name: str) -> Steps:
    samples = signals(constants)[name]
    starts = range(0, len(samples) - constants.window + 1, constants.hop)
    steps = Steps([], [], [], [], [], [])
    for start in list(starts)[:3]:
        x = samples[start : start + constants.window]
        z, bits = scalar_front_end.windowed(constants, x)
        c = scalar_front_end.transform(constants, z)
        p = scalar_front_end.power(constants, c)
        e = scalar_front_end.mel_energies(constants, p)
        for kept, value in zip(steps, (z, bits, c, p, e, scalar_front_end.frame_levels(constants, x)), strict=True):
            kept.append(value)
    return steps


@cache
def word_levels(constants: Constants, seed: int) -> list[list[int]]:
    """40 frames of levels that rise, fall and often tie with the loudest one so far."""
    random = np.random.default_rng(seed)
    loudness = 9000 + 3000 * np.sin(np.arange(40) / 3)[:, None] + 1000 * np.sin(np.arange(40) / 17)[:, None]
    levels = loudness + random.integers(-2000, 2000, (40, constants.bands))
    return (levels // 50 * 50).astype(int).tolist()
