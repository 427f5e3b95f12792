"""The feature cache: computed once, never believed when damaged, never in the way of a run."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_configs import feature_config

from fsdd_lightning.config.schema import MfccConfig
from fsdd_lightning.data import feature_cache
from fsdd_lightning.data.feature_cache import cache_key, cache_path, cached_features
from fsdd_lightning.data.features import Features
from fsdd_lightning.data.mfcc import MfccExtractor

CONFIG = feature_config(max_frames=10)
OTHER_VALUES: dict[str, Any] = {
    "sample_rate_hz": 8001,
    "n_mfcc": 12,
    "n_mels": 41,
    "window_ms": 49.9,
    "fft_ms": 50.1,
    "hop_ms": 20.1,
    "f_min_hz": 1.0,
    "f_max_hz": 3999.0,
    "top_db": None,
    "max_seconds": 0.22,
    "peak_normalize": False,
    "band_pass_hz": (300.0, 3000.0),
    "deltas": True,
}


class Recordings:
    """Five clips, two of them longer than max_frames; counts how often somebody asks for them."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> list[np.ndarray]:
        self.calls += 1
        rng = np.random.default_rng(0)
        return [rng.standard_normal(count).astype(np.float32) for count in (500, 1200, 1439, 1600, 4000)]


def assert_same(ours: Features, theirs: Features) -> None:
    for name in ("values", "lengths"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert ours.trimmed == theirs.trimmed


@pytest.fixture(scope="module")
def expected() -> Features:
    mfcc = MfccExtractor(CONFIG)(Recordings()())
    assert mfcc.trimmed == 2
    return mfcc


def test_a_hit_gives_the_same_features_and_reads_no_recordings(tmp_path: Path, expected: Features) -> None:
    recordings = Recordings()
    for _ in range(3):
        assert_same(cached_features("digest", recordings, CONFIG, tmp_path / "new" / "folder"), expected)
    assert recordings.calls == 1


def test_waveforms_may_be_given_themselves(tmp_path: Path, expected: Features) -> None:
    assert_same(cached_features("digest", Recordings()(), CONFIG, tmp_path), expected)
    assert_same(cached_features("digest", [], CONFIG, tmp_path), expected)


@pytest.mark.parametrize("name", list(OTHER_VALUES))
def test_every_field_changes_the_key(name: str) -> None:
    assert {field.name for field in dataclasses.fields(MfccConfig)} == {"kind", *OTHER_VALUES}
    changed = dataclasses.replace(CONFIG, **{name: OTHER_VALUES[name]})
    assert cache_key("digest", changed) != cache_key("digest", CONFIG)


def test_dataset_and_extractor_version_change_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = cache_key("digest", CONFIG)
    assert key == cache_key("digest", dataclasses.replace(CONFIG))
    assert key != cache_key("another digest", CONFIG)
    monkeypatch.setattr(feature_cache, "EXTRACTOR_VERSION", feature_cache.EXTRACTOR_VERSION + 1)
    assert key != cache_key("digest", CONFIG)


def test_another_config_does_not_get_this_cache(tmp_path: Path) -> None:
    recordings = Recordings()
    cached_features("digest", recordings, CONFIG, tmp_path)
    other = dataclasses.replace(CONFIG, max_seconds=0.06)
    assert cached_features("digest", recordings, other, tmp_path).values.shape == (5, 3, 13)
    assert recordings.calls == 2


def filled(cache_dir: Path) -> Path:
    cached_features("digest", Recordings(), CONFIG, cache_dir)
    return cache_path(cache_key("digest", CONFIG), cache_dir)


def assert_rebuilt(path: Path, expected: Features, caplog: pytest.LogCaptureFixture) -> None:
    """It is computed again, with one warning, and whole afterwards."""
    recordings = Recordings()
    caplog.clear()
    assert_same(cached_features("digest", recordings, CONFIG, path.parent), expected)
    assert recordings.calls == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "damaged and will be rebuilt" in caplog.text
    assert_same(cached_features("digest", recordings, CONFIG, path.parent), expected)
    assert recordings.calls == 1


def test_a_flipped_byte_anywhere_never_changes_the_features(tmp_path: Path, expected: Features) -> None:
    """Bytes of the zip's dates may flip unseen, bytes of the content not."""
    path = filled(tmp_path)
    whole = path.read_bytes()
    recordings = Recordings()
    positions = range(0, len(whole), 41)
    for position in positions:
        damaged = bytearray(whole)
        damaged[position] ^= 0x5A
        path.write_bytes(damaged)
        assert_same(cached_features("digest", recordings, CONFIG, tmp_path), expected)
    assert recordings.calls > 0.6 * len(positions)


def replace_member(path: Path, **members: np.ndarray) -> None:
    """Write the file anew: a whole zip with right CRCs, as another program would leave it."""
    with np.load(path) as file:
        arrays = dict(file) | members
    np.savez(path, **arrays)  # type: ignore[arg-type]


def test_content_that_does_not_fit_its_checksum_is_rebuilt(
    tmp_path: Path, expected: Features, caplog: pytest.LogCaptureFixture
) -> None:
    path = filled(tmp_path)
    with np.load(path) as file:
        frames, lengths, trimmed = file["frames"], file["lengths"], file["trimmed"]
    for members in (
        {"frames": frames + np.float32(1.0)},
        {"frames": frames.astype(np.float64)},
        {"lengths": lengths[::-1]},
        {"trimmed": trimmed + 1},
    ):
        replace_member(path, **members)
        assert_rebuilt(path, expected, caplog)


def test_a_renamed_file_of_another_config_is_rebuilt(
    tmp_path: Path, expected: Features, caplog: pytest.LogCaptureFixture
) -> None:
    other = dataclasses.replace(CONFIG, top_db=None)  # the same shapes
    cached_features("digest", Recordings(), other, tmp_path)
    path = cache_path(cache_key("digest", CONFIG), tmp_path)
    shutil.move(cache_path(cache_key("digest", other), tmp_path), path)
    assert_rebuilt(path, expected, caplog)


def test_a_pickle_in_the_file_is_not_opened(
    tmp_path: Path, expected: Features, caplog: pytest.LogCaptureFixture
) -> None:
    path = filled(tmp_path)
    replace_member(path, lengths=np.array([Exploding()], dtype=object))
    assert_rebuilt(path, expected, caplog)


class Exploding:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle of the cache file was executed",)
