"""What the firmware tests share. They skip, with the remedy, where the compiler or the emulator is missing."""

from __future__ import annotations

import itertools
from pathlib import Path

import board_sounds as sounds
import numpy as np
import phone_numbers
import pytest
from streams import Clips
from vectors import VectorProgram, adversarial_models, vector_program

from fsdd_lightning.arithmetic.integer_lstm import quantize_features
from fsdd_lightning.data.audio import audio_paths
from fsdd_lightning.data.layouts import parse_name
from fsdd_lightning.data.mfcc import MfccExtractor
from fsdd_lightning.data.statistics import training_statistics
from fsdd_lightning.data.wav import decode_wav
from fsdd_lightning.sweeps.compose import compose_trials

CLIPS, FRAMES, INPUTS = 300, 36, 13
OFFICIAL_TEST_TAKES = 5  # of 6 speakers and 10 digits: 300 clips


@pytest.fixture(scope="session")
def adversarial(tmp_path_factory: pytest.TempPathFactory) -> VectorProgram:
    return vector_program(adversarial_models(), tmp_path_factory.mktemp("adversarial"), clips=4, frames=12)


@pytest.fixture(scope="session")
def digit_clips(request: pytest.FixtureRequest) -> Clips:
    """300 clips: the official test set of FSDD, or noise of as many lengths where it is not on this machine."""
    try:
        folder = request.getfixturevalue("fsdd_root")
    except pytest.skip.Exception:
        return noise_clips()
    return spoken_clips(folder / "recordings")


def spoken_clips(folder: Path) -> Clips:
    ((_, config),) = compose_trials(["features=mfcc"], multirun=False)
    paths = official_test_paths(folder)
    waveforms = [decode_wav(path.read_bytes(), config.features.sample_rate_hz).waveform for path in paths]
    mfcc = MfccExtractor(config.features)(waveforms)
    standardized = training_statistics(config.features, mfcc, range(len(paths))).standardize(mfcc)
    return Clips(quantize_features(standardized), mfcc.lengths)


def official_test_paths(folder: Path) -> list[Path]:
    return [path for path in audio_paths(folder) if parse_name(path.name)[2] < OFFICIAL_TEST_TAKES]


def noise_clips() -> Clips:
    random = np.random.default_rng(0)
    lengths = random.integers(1, FRAMES + 1, CLIPS)
    return Clips(quantize_features(random.normal(size=(CLIPS, FRAMES, INPUTS))), lengths)


@pytest.fixture(scope="session")
def heard_clips(request: pytest.FixtureRequest) -> list[np.ndarray]:
    """At least 200 clips, (samples,) int16 of at most 36 frames: the same ones, or synthetic digits."""
    try:
        folder = request.getfixturevalue("fsdd_root")
    except pytest.skip.Exception:
        return [clip[: sounds.MOST_SAMPLES] for clip in synthetic_clips()]
    paths = official_test_paths(folder / "recordings")
    return [phone_numbers.read_samples(path)[: sounds.MOST_SAMPLES] for path in paths]


def synthetic_clips() -> list[np.ndarray]:
    takes = itertools.product(range(2), range(10), range(10))
    return [phone_numbers.synthetic(digit, voice, take) for voice, digit, take in takes]
