"""Feature extraction of the whole dataset against one librosa call per recording; run with --benchmark-only.

Both are timed alternately in one process, with BLAS on one thread, and the median of the pairs' ratios
counts, so that what else the machine does meets both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from example_configs import feature_config

from fsdd_lightning.config.schema import IntegerFeatureConfig
from fsdd_lightning.data.feature_cache import cached_features
from fsdd_lightning.data.features import Features
from fsdd_lightning.data.integer_features import IntegerExtractor
from fsdd_lightning.data.mfcc import MfccExtractor

ROUNDS = 3
SMALLEST_RATIO = 12.0
LARGEST_INTEGER_RATIO = 4.0  # 2.5 to 3.7 measured; the aim is 2
CONFIG = feature_config(max_frames=64)
INTEGER = IntegerFeatureConfig(8000, 32.0, 20.0, 1.28, "integer", 32, 13, 16, 11264, 0, False)


@pytest.fixture(scope="module")
def waveforms(fsdd_root: Path) -> list[np.ndarray]:
    paths = sorted((fsdd_root / "recordings").glob("*.wav"))
    return [soundfile.read(path, dtype="float32")[0] for path in paths]


def librosa_per_file(waveforms: list[np.ndarray]) -> list[np.ndarray]:
    options = {"sr": 8000, "n_mfcc": 13, "n_mels": 40, "n_fft": 400, "hop_length": 160}
    return [librosa.feature.mfcc(y=waveform / np.abs(waveform).max(), **options) for waveform in waveforms]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.mark.fsdd
@pytest.mark.benchmark(group="mfcc")
def test_extraction_is_12_times_faster_than_librosa_per_file(
    benchmark, waveforms: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    librosa_per_file(waveforms[:20])  # its lazy imports and compilations are not what we measure
    extract = MfccExtractor(CONFIG)
    extract(waveforms)
    pairs = []  # (librosa, ours) in seconds
    for _ in range(ROUNDS):
        librosa_s = seconds(lambda: librosa_per_file(waveforms))
        pairs.append((librosa_s, np.median([seconds(lambda: extract(waveforms)) for _ in range(3)])))
    benchmark.pedantic(extract, args=(waveforms,), rounds=ROUNDS, iterations=1)
    librosa_s, ours_s = np.median(pairs, axis=0)
    ratio = float(np.median([theirs / ours for theirs, ours in pairs]))
    benchmark.extra_info.update(librosa_s=librosa_s, ours_s=ours_s, ratio=ratio)
    with capsys.disabled():
        print(f"\n{len(waveforms)} clips: librosa {librosa_s:.3f} s, ours {ours_s:.4f} s, {ratio:.1f} x faster")
    assert ratio >= SMALLEST_RATIO


@pytest.mark.fsdd
@pytest.mark.benchmark(group="mfcc")
def test_warm_cache(benchmark, waveforms: list[np.ndarray], tmp_path: Path) -> None:
    cached_features("digest", waveforms, CONFIG, tmp_path)

    def load() -> Features:
        return cached_features("digest", lambda: pytest.fail("the cache missed"), CONFIG, tmp_path)

    assert len(benchmark(load).lengths) == len(waveforms)


@pytest.mark.fsdd
@pytest.mark.benchmark(group="mfcc")
def test_the_integer_front_end_takes_a_few_times_as_long(
    benchmark, waveforms: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    mfcc, integer = MfccExtractor(CONFIG), IntegerExtractor(INTEGER)
    mfcc(waveforms), integer(waveforms)
    pairs = []  # (float, integer) in seconds
    for _ in range(3 * ROUNDS):
        pairs.append((seconds(lambda: mfcc(waveforms)), seconds(lambda: integer(waveforms))))
    benchmark.pedantic(integer, args=(waveforms,), rounds=ROUNDS, iterations=1)
    mfcc_s, integer_s = np.median(pairs, axis=0)
    ratio = float(np.median([ours / theirs for theirs, ours in pairs]))
    benchmark.extra_info.update(mfcc_s=mfcc_s, integer_s=integer_s, ratio=ratio)
    with capsys.disabled():
        print(f"\n{len(waveforms)} clips: MFCC {mfcc_s:.3f} s, integer front end {integer_s:.3f} s, {ratio:.2f} x")
    assert ratio <= LARGEST_INTEGER_RATIO
