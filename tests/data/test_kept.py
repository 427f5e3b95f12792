"""Trials of one process share the data as long as no file and no setting of theirs differs."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from sounds import tone, wav_bytes

from fsdd_lightning.config.load import register_resolvers
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.kept import DataKeeper
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.sweeps.compose import compose_trials


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Of a folder of own files."""
    (tmp_path / "own").mkdir()
    for word in range(10):
        for take in range(5):
            (tmp_path / "own" / f"{word}_ann_{take}.wav").write_bytes(wav_bytes(tone()))
    register_resolvers()
    words = [f"data.root={tmp_path}/own", f"data.cache_dir={tmp_path}/cache"]
    ((_, config),) = compose_trials(words, False)
    return config


def prepared(keeper: DataKeeper, config: Config) -> PreparedData:
    return keeper.prepare(config.data, config.split, config.features)


def test_equal_data_are_prepared_once(config: Config) -> None:
    keeper = DataKeeper()
    first = prepared(keeper, config)
    assert prepared(keeper, config) is first
    np.testing.assert_array_equal(first.features, prepare_data(config.data, config.split, config.features).features)


def test_another_split_is_prepared_again(config: Config) -> None:
    keeper = DataKeeper()
    first = prepared(keeper, config)
    other = dataclasses.replace(config, split=dataclasses.replace(config.split, seed=config.split.seed + 1))
    assert prepared(keeper, other).split.train.tolist() != first.split.train.tolist()


def test_a_file_that_changed_is_heard(config: Config) -> None:
    """Although its size and its times are what they were."""
    keeper = DataKeeper()
    first = prepared(keeper, config)
    path = first.recordings.recordings[0].path
    content, times = path.read_bytes(), path.stat()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1, content[-1]]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert prepared(keeper, config).recordings.digest != first.recordings.digest


def test_a_file_that_went_is_noticed(config: Config) -> None:
    keeper = DataKeeper()
    first = prepared(keeper, config)
    first.recordings.recordings[0].path.unlink()
    assert len(prepared(keeper, config).recordings.recordings) == len(first.recordings.recordings) - 1
