"""How well a network bears what happens to recordings outside the laboratory: corrupted test clips, a row per level.

Clips are corrupted as waveforms, before the front end. What is pushed beyond `features.max_seconds` is lost, as ever.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.data import effects as sound
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.evaluation.backends import Backend
from fsdd_lightning.evaluation.clips import ClipMaker
from fsdd_lightning.evaluation.scores import wilson_interval
from fsdd_lightning.runs.folder import Run

SEED = 2024  # of all noise: it is the same for every network
BABBLING_VOICES = 10
TELEPHONE_LOW_HZ = 300


@dataclass(frozen=True)
class Scene:
    """What a clip is corrupted with: chance, and the other recordings of the corpus."""

    rng: np.random.Generator
    waveforms: Sequence[np.ndarray]
    position: int  # of the corrupted clip among the waveforms
    sample_rate_hz: int

    def voices(self) -> list[np.ndarray]:
        """BABBLING_VOICES other recordings, none twice; all others where there are fewer."""
        others = np.delete(np.arange(len(self.waveforms)), self.position)
        chosen = self.rng.choice(others, min(BABBLING_VOICES, len(others)), replace=False)
        return [self.waveforms[i] for i in chosen]

    def samples(self, milliseconds: float) -> int:
        return round(milliseconds * self.sample_rate_hz / 1000)


@dataclass(frozen=True)
class Corruption:
    """One kind of it at several levels; `apply(waveform, level, scene)` is a new waveform."""

    name: str
    unit: str
    levels: tuple[float, ...]
    apply: Callable[[np.ndarray, float, Scene], np.ndarray]


@dataclass(frozen=True)
class RobustnessRow:
    """What one corruption at one level leaves of the accuracy; `drop` is against the clean clips."""

    corruption: str
    level: float
    unit: str
    accuracy: float
    correct: int
    total: int
    ci95: tuple[float, float]
    drop: float


CLEAN = Corruption("none", "", (0,), lambda wave, _, scene: wave)
_SNR_DB, _SILENCE_MS = (20, 10, 5, 0), (50, 100, 200, 300)
CORRUPTIONS = (
    Corruption("white noise", "dB SNR", _SNR_DB, lambda wave, db, s: sound.white_noise(wave, db, s.rng)),
    Corruption("babble", "dB SNR", _SNR_DB, lambda wave, db, s: sound.babble_noise(wave, s.voices(), db, s.rng)),
    Corruption("gain", "dB", (-20, -10, -5, 3, 6), lambda wave, db, _: sound.gain(wave, db)),
    Corruption("clipping", "% of samples cut", (1, 5, 20), lambda wave, share, _: sound.clipping(wave, share / 100)),
    Corruption("silence before", "ms", _SILENCE_MS, lambda wave, ms, s: sound.leading_silence(wave, s.samples(ms))),
    Corruption("silence after", "ms", _SILENCE_MS, lambda wave, ms, s: sound.trailing_silence(wave, s.samples(ms))),
    Corruption(
        "silence around", "ms a side", _SILENCE_MS, lambda wave, ms, s: sound.surrounding_silence(wave, s.samples(ms))
    ),
    Corruption(
        "background before", "ms", _SILENCE_MS, lambda wave, ms, s: sound.leading_background(wave, s.samples(ms), s.rng)
    ),
    Corruption(
        "background after", "ms", _SILENCE_MS, lambda wave, ms, s: sound.trailing_background(wave, s.samples(ms), s.rng)
    ),
    Corruption(
        "speed",
        "% speed",
        (-10, -5, 5, 10),
        lambda wave, percent, _: sound.change_speed_percent(wave, 100 + int(percent)),
    ),
    Corruption("DC offset", "% of full scale", (1, 5, 20), lambda wave, share, _: sound.dc_offset(wave, share / 100)),
    Corruption(
        "telephone",
        "Hz upper edge",
        (3400,),
        lambda wave, high_hz, s: sound.band_limit(wave, TELEPHONE_LOW_HZ, high_hz, s.sample_rate_hz),
    ),
    Corruption(
        "low-pass",
        "Hz upper edge",
        (3000, 2000, 1000),
        lambda wave, high_hz, s: sound.band_limit(wave, 0, high_hz, s.sample_rate_hz),
    ),
)


def robustness(
    run: Run, data: PreparedData, backend: Backend, corruptions: Sequence[Corruption] = CORRUPTIONS
) -> tuple[RobustnessRow, ...]:
    """The test clips of `data` through `backend`, first as they are, then under every corruption and level."""
    clips_of = ClipMaker(run.config.features, run.statistics, run.config.listener)
    positions = data.split.test
    rows: list[RobustnessRow] = []
    for corruption in (CLEAN, *corruptions):
        for level in corruption.levels:
            logits = backend.logits(clips_of(list(_corrupted(corruption, level, data, positions))))
            correct, total = int((logits.argmax(axis=1) == data.labels[positions]).sum()), len(positions)
            accuracy, interval = correct / total, wilson_interval(correct, total)
            drop = rows[0].accuracy - accuracy if rows else 0.0
            rows.append(
                RobustnessRow(corruption.name, level, corruption.unit, accuracy, correct, total, interval, drop)
            )
    return tuple(rows)


def _corrupted(corruption: Corruption, level: float, data: PreparedData, positions: np.ndarray) -> Iterator[np.ndarray]:
    """Every clip's chance depends on the corruption, the level and the clip, and not on what else is computed."""
    name = zlib.crc32(f"{corruption.name} {level:g} {corruption.unit}".encode())
    recordings = data.recordings
    for position in map(int, positions):
        rng = np.random.default_rng([SEED, name, position])
        scene = Scene(rng, recordings.waveforms, position, recordings.sample_rate_hz)
        yield corruption.apply(recordings.waveforms[position], level, scene)
