"""The feature cache: computed once, never believed when damaged, never in the way of a run."""

from __future__ import annotations

import dataclasses
import errno
import logging
import multiprocessing
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from fsdd_lightning.config.schema import FeatureConfig
from fsdd_lightning.data import feature_cache
from fsdd_lightning.data.feature_cache import cache_key, cache_path, cached_mfcc
from fsdd_lightning.data.mfcc import Mfcc, MfccExtractor

SETTINGS = FeatureConfig(
    sample_rate_hz=8000,
    n_mfcc=13,
    n_mels=40,
    n_fft=400,
    win_length=None,
    hop_length=160,
    f_min_hz=0.0,
    f_max_hz=None,
    top_db=80.0,
    max_frames=10,
    peak_normalize=True,
    band_pass_hz=None,
    deltas=False,
)
OTHER_VALUES: dict[str, Any] = {
    "sample_rate_hz": 8001,
    "n_mfcc": 12,
    "n_mels": 41,
    "n_fft": 401,
    "win_length": 399,
    "hop_length": 161,
    "f_min_hz": 1.0,
    "f_max_hz": 3999.0,
    "top_db": None,
    "max_frames": 11,
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


def assert_same(ours: Mfcc, theirs: Mfcc) -> None:
    for name in ("values", "lengths"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert ours.trimmed == theirs.trimmed


@pytest.fixture(scope="module")
def expected() -> Mfcc:
    mfcc = MfccExtractor(SETTINGS)(Recordings()())
    assert mfcc.trimmed == 2
    return mfcc


def test_a_hit_gives_the_same_features_and_reads_no_recordings(tmp_path: Path, expected: Mfcc) -> None:
    recordings = Recordings()
    for _ in range(3):
        assert_same(cached_mfcc("digest", recordings, SETTINGS, tmp_path / "new" / "folder"), expected)
    assert recordings.calls == 1


def test_waveforms_may_be_given_themselves(tmp_path: Path, expected: Mfcc) -> None:
    assert_same(cached_mfcc("digest", Recordings()(), SETTINGS, tmp_path), expected)
    assert_same(cached_mfcc("digest", [], SETTINGS, tmp_path), expected)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(FeatureConfig)])
def test_every_setting_changes_the_key(name: str) -> None:
    changed = dataclasses.replace(SETTINGS, **{name: OTHER_VALUES[name]})
    assert cache_key("digest", changed) != cache_key("digest", SETTINGS)


def test_dataset_and_extractor_version_change_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = cache_key("digest", SETTINGS)
    assert key == cache_key("digest", dataclasses.replace(SETTINGS))
    assert key != cache_key("another digest", SETTINGS)
    monkeypatch.setattr(feature_cache, "EXTRACTOR_VERSION", feature_cache.EXTRACTOR_VERSION + 1)
    assert key != cache_key("digest", SETTINGS)


def test_other_settings_do_not_get_this_cache(tmp_path: Path) -> None:
    recordings = Recordings()
    cached_mfcc("digest", recordings, SETTINGS, tmp_path)
    other = dataclasses.replace(SETTINGS, max_frames=3)
    assert cached_mfcc("digest", recordings, other, tmp_path).values.shape == (5, 3, 13)
    assert recordings.calls == 2


def filled(cache_dir: Path) -> Path:
    cached_mfcc("digest", Recordings(), SETTINGS, cache_dir)
    return cache_path(cache_key("digest", SETTINGS), cache_dir)


def assert_rebuilt(path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture) -> None:
    """It is computed again, said once, and whole afterwards."""
    recordings = Recordings()
    caplog.clear()
    assert_same(cached_mfcc("digest", recordings, SETTINGS, path.parent), expected)
    assert recordings.calls == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "damaged and will be rebuilt" in caplog.text
    assert_same(cached_mfcc("digest", recordings, SETTINGS, path.parent), expected)
    assert recordings.calls == 1


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_rebuilt(
    tmp_path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture, part: float
) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    assert_rebuilt(path, expected, caplog)


def test_a_flipped_byte_anywhere_never_changes_the_features(tmp_path: Path, expected: Mfcc) -> None:
    """Bytes of the zip's dates may flip unseen, bytes of the content not."""
    path = filled(tmp_path)
    whole = path.read_bytes()
    recordings = Recordings()
    positions = range(0, len(whole), 41)
    for position in positions:
        damaged = bytearray(whole)
        damaged[position] ^= 0x5A
        path.write_bytes(damaged)
        assert_same(cached_mfcc("digest", recordings, SETTINGS, tmp_path), expected)
    assert recordings.calls > 0.6 * len(positions)


def replace_member(path: Path, **members: np.ndarray) -> None:
    """Write the file anew: a whole zip with right CRCs, as another program would leave it."""
    with np.load(path) as file:
        arrays = dict(file) | members
    np.savez(path, **arrays)  # type: ignore[arg-type]


def test_content_that_does_not_fit_its_checksum_is_rebuilt(
    tmp_path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture
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


def test_a_renamed_file_of_other_settings_is_rebuilt(
    tmp_path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture
) -> None:
    other = dataclasses.replace(SETTINGS, top_db=None)  # the same shapes
    cached_mfcc("digest", Recordings(), other, tmp_path)
    path = cache_path(cache_key("digest", SETTINGS), tmp_path)
    shutil.move(cache_path(cache_key("digest", other), tmp_path), path)
    assert_rebuilt(path, expected, caplog)


def test_a_pickle_in_the_file_is_not_opened(
    tmp_path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture
) -> None:
    path = filled(tmp_path)
    replace_member(path, lengths=np.array([Exploding()], dtype=object))
    assert_rebuilt(path, expected, caplog)


class Exploding:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle of the cache file was executed",)


def test_a_folder_that_cannot_be_made_does_not_stop_the_run(
    tmp_path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_same(cached_mfcc("digest", Recordings(), SETTINGS, tmp_path / "file" / "cache"), expected)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"cannot write to {tmp_path / 'file' / 'cache'}" in caplog.text


def test_a_read_only_folder_does_not_stop_the_run(
    tmp_path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that was filled before it became read-only is still used."""

    def record_over_budget(lock: object, *args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    recordings = Recordings()
    filled(tmp_path / "full")
    monkeypatch.setattr(feature_cache.FileLock, "acquire", record_over_budget)
    assert_same(cached_mfcc("digest", recordings, SETTINGS, tmp_path / "full"), expected)
    assert recordings.calls == 0
    assert_same(cached_mfcc("digest", recordings, SETTINGS, tmp_path / "empty"), expected)
    assert recordings.calls == 1
    assert "Read-only file system" in caplog.text
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_full_disk_does_not_stop_the_run_and_leaves_nothing_half_written(
    tmp_path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, **arrays: np.ndarray) -> None:
        file.write(b"PK the beginning")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert_same(cached_mfcc("digest", Recordings(), SETTINGS, tmp_path), expected)
    assert "No space left on device" in caplog.text
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_lock_that_is_never_released_does_not_stop_the_run(
    tmp_path: Path, expected: Mfcc, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "_LOCK_TIMEOUT_S", 0.1)
    path = cache_path(cache_key("digest", SETTINGS), tmp_path)
    with FileLock(f"{path}.lock"):
        assert_same(cached_mfcc("digest", Recordings(), SETTINGS, tmp_path), expected)
    assert "computed but not kept" in caplog.text
    assert not path.exists()


def test_an_error_while_reading_recordings_releases_the_lock(tmp_path: Path, expected: Mfcc) -> None:
    def unreadable() -> list[np.ndarray]:
        raise OSError("the drive is gone")

    with pytest.raises(OSError, match="the drive is gone"):
        cached_mfcc("digest", unreadable, SETTINGS, tmp_path)
    recordings = Recordings()
    for _ in range(2):
        assert_same(cached_mfcc("digest", recordings, SETTINGS, tmp_path), expected)
    assert recordings.calls == 1


def test_what_a_killed_job_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = cache_path(cache_key("digest", SETTINGS), tmp_path)
    abandoned = path.with_name(f"{path.name}.0123.tmp")
    abandoned.write_bytes(b"half")
    assert filled(tmp_path).is_file()
    assert not abandoned.exists()


def _job(cache_dir: Path, barrier: Any, results: Any) -> None:
    recordings = Recordings()

    def slow() -> list[np.ndarray]:
        time.sleep(0.5)  # so that without a lock the other one would begin too
        return recordings()

    barrier.wait(timeout=120)
    mfcc = cached_mfcc("digest", slow, SETTINGS, cache_dir)
    results.put((recordings.calls, mfcc))


def test_two_processes_at_once_compute_once(tmp_path: Path, expected: Mfcc) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    jobs = [context.Process(target=_job, args=(tmp_path, barrier, results)) for _ in range(2)]
    for job in jobs:
        job.start()
    done = [results.get(timeout=120) for _ in jobs]
    for job in jobs:
        job.join(timeout=60)
    assert [job.exitcode for job in jobs] == [0, 0]
    assert sum(calls for calls, _ in done) == 1
    for _, mfcc in done:
        assert_same(mfcc, expected)
