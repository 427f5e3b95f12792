"""Front ends, deployments that hear samples, and the sounds that try them."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache

import example_models
import numpy as np

from fsdd_lightning.arithmetic import quantize
from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.arithmetic.front_end import FrontEnd, Standardization, channels, levels
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.listener import Listening
from fsdd_lightning.arithmetic.weight_codes import weight_code

DEFAULT = FrontEnd(8000, 256, 160, 32, 13, 16, 11264, 0, deltas=False)
FRONT_ENDS = {
    "default": DEFAULT,
    "deltas": replace(DEFAULT, deltas=True),
    "decay": replace(DEFAULT, decay=37, quietest_level=9000),
    "128": FrontEnd(8000, 128, 80, 32, 12, 10, 9000, 1, deltas=True),
    "128, no overlap": FrontEnd(8000, 128, 128, 8, 8, 64, 0, 4096, deltas=True),
    "256, 64 bands": FrontEnd(11025, 256, 101, 64, 64, 8, 11264, 0, deltas=False),
    "512": FrontEnd(16000, 512, 320, 64, 13, 8, 11264, 0, deltas=False),
    "512, 16 bands": FrontEnd(48000, 512, 511, 16, 1, 32, 16384, 3, deltas=True),  # bands without a bin
}
ENDPOINTER = Endpointer(768, 96, 128, 8, 1, 8, 16, 9, 4, 60)


@cache
def standardization(front_end: FrontEnd) -> Standardization:
    """Of sounds with pauses: features of all sizes, and some that saturate."""
    heard = channels(front_end, levels(front_end, words(front_end, 12, seed=99)))
    return Standardization.from_statistics(heard.mean(axis=0), heard.std(axis=0) / 2 + 1e4)


def extreme_standardization(front_end: FrontEnd) -> Standardization:
    """The largest multipliers and biases, of both signs, and the smallest."""
    k = np.arange(front_end.channels)
    multiplier = np.where(k % 3 == 0, 2**31 - 1, np.where(k % 3 == 1, 1, 1 << (k % 20 + 10)))
    bias = np.where(k % 4 == 0, 2**30 - 1, np.where(k % 4 == 1, -(2**30) + 1, 5 * k - 30))
    return Standardization(multiplier.astype(np.int32), bias.astype(np.int32))


def sensitive_standardization(front_end: FrontEnd, sound: np.ndarray) -> Standardization:
    """One step more in a channel of a frame of this sound is one step more of its feature."""
    heard = channels(front_end, levels(front_end, sound)).astype(object)
    multiplier = 2**31 - 1
    scaled, one_more = ((values * multiplier + 2**31) // 2**32 for values in (heard, heard + 1))
    bias = 127 - scaled  # half a step of a feature, less one: rounded down
    usable = (scaled != one_more) & (abs(bias) < 2**30)
    frame = np.argmax(usable.astype(bool), axis=0)
    chosen = np.where(usable.any(axis=0), bias[frame, np.arange(front_end.channels)], 0)
    return Standardization(np.full(front_end.channels, multiplier, np.int32), chosen.astype(np.int32))


def model(front_end: FrontEnd, seed: int = 2, *, code: str = "int8", **shape: int) -> IntegerModel:
    floats = example_models.random_float_model(quantize, seed, inputs=front_end.channels, **shape)
    return quantize.convert(floats, weight_code(code))


def deployment(
    network: IntegerModel,
    front_end: FrontEnd = DEFAULT,
    endpointer: Endpointer = ENDPOINTER,
    *,
    least_margin: int = 0,
    standard: Standardization | None = None,
) -> Deployment:
    listening = Listening(front_end, standard or standardization(front_end), endpointer, least_margin)
    labels = tuple(f"word {k}" for k in range(network.classes))
    return Deployment(network, listening, {"kind": "integer", **asdict(front_end)}, labels)


# ---- sounds, all (samples,) int16


def to_int16(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), -32768, 32767).astype(np.int16)


def words(front_end: FrontEnd, count: int, seed: int = 0, noise: float = 12.0) -> np.ndarray:
    """Chords that swell and fade, of many lengths, loudnesses and pauses, in noise; some are clicks, some too long."""
    random = np.random.default_rng(seed)
    pieces = []
    for _ in range(count):
        frames = random.choice([0, 1, 2, 3, 5, 12, 20, 30, 75], p=[0.1, 0.05, 0.05, 0.05, 0.15, 0.2, 0.2, 0.15, 0.05])
        n = np.arange(max(3, frames * front_end.hop))
        tones = [np.sin(n * random.uniform(0.02, 2.5) + random.uniform(0, 6)) for _ in range(5)]
        swell = np.sin(np.pi * (n + 0.5) / len(n)) ** 0.3 * 10 ** random.uniform(1.5, 3.8)
        pause = int(random.integers(0, 25 * front_end.hop))
        pieces += [np.zeros(pause), np.sum(tones, axis=0) * swell]
    sound = np.concatenate([np.zeros(3 * front_end.hop), *pieces, np.zeros(15 * front_end.hop)])
    return to_int16(sound + random.normal(0, noise, len(sound)))


def zeros_then_noise(front_end: FrontEnd, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Digital silence, then the noise of a microphone of one step up and down, without and with a word in it."""
    hop, random = front_end.hop, np.random.default_rng(seed)
    zeros, noise = np.zeros(100 * hop), random.integers(-1, 2, 200 * hop)
    spoken = noise.astype(np.float64)
    n = np.arange(25 * hop)
    spoken[150 * hop : 175 * hop] += (
        2000 * np.sin(np.pi * n / len(n)) * np.sin(n[:, None] * [0.2, 0.7, 1.3]).sum(axis=1)
    )
    return to_int16(np.concatenate([zeros, noise])), to_int16(np.concatenate([zeros, spoken]))


@cache
def hard_sounds(window: int, frames: int = 4) -> dict[str, np.ndarray]:
    """Name to samples; the squares come nearest to the proven bounds."""
    random = np.random.default_rng(window)
    n = np.arange(frames * window)
    noise = random.normal(0, 1, len(n))
    sounds = {
        "silence": 0 * n,
        "one step": n % 7 == 0,
        "one sample": np.where(n == window + 9, -32768, 0),
        "constant": 0 * n + 4000,
        "lowest": 0 * n - 32768,
        "highest": 0 * n + 32767,
        "all but one lowest": np.where(n % window == window // 2, 32767, -32768),
        "all but one highest": np.where(n % window == window // 2, -32768, 32767),
        "noise": 300 * noise,
        "loud noise": 9000 * noise,
        "clipped": 90000 * noise,
        "quantized": np.round(20 * noise) * 256,
        "constant and noise": 4000 + 5 * noise,
        "growing": noise * 2.0 ** (16 * n / len(n) - 1),
        "fading": noise * 2.0 ** (15 - 16 * n / len(n)),
        "two tones": 9000 * np.cos(0.11 * n) + 700 * np.cos(1.7 * n),
    }
    for k in (1, 2, 5, window // 8, window // 4 - 1, window // 4, window // 4 + 1, window // 2 - 1):
        for phase in (0.0, 0.3, np.pi / 4, np.pi / 2):
            square = np.cos(2 * np.pi * k * n / window + phase) >= 0
            sounds[f"square {k}, {phase:.1f}"] = np.where(square, 32767, -32768)
    return {name: to_int16(np.asarray(values, np.float64)) for name, values in sounds.items()}


def pieces(samples: np.ndarray, random: np.random.Generator, longest: int = 5000) -> list[np.ndarray]:
    """The samples in pieces of random sizes, most of them small."""
    cuts, at = [], 0
    while at < len(samples):
        at += int(np.exp(random.uniform(0, np.log(longest))))
        cuts.append(at)
    return np.split(samples, [cut for cut in cuts if cut < len(samples)])
