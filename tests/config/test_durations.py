"""Durations of features: rounded half up to samples and frames, the same ones as in records of earlier versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from config_changes import changed
from example_configs import feature_config
from hypothesis import given
from hypothesis import strategies as st

from fsdd_lightning.config.durations import OLD_KEYS, milliseconds_of, samples_of, short_milliseconds_of, with_durations
from fsdd_lightning.config.load import config_from_mapping, content_hash, with_current_keys
from fsdd_lightning.config.schema import IntegerFeatureConfig
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import compose_config, compose_trials, hydra_errors

rates = st.integers(1, 2**20 - 1)


def error_of(*overrides: str, **options: Any) -> str:
    with pytest.raises(UserError) as caught, hydra_errors():
        compose_config(*overrides, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("ms", "rate_hz", "samples"),
    [(32.0, 8000, 256), (32.0, 16000, 512), (20.0, 11025, 221), (0.0625, 8000, 1), (0.06, 8000, 0), (23.2, 22050, 512)],
)
def test_samples_are_rounded_half_up(ms: float, rate_hz: int, samples: int) -> None:
    assert samples_of(ms, rate_hz) == samples


@given(st.integers(1, 2**20), rates)
def test_milliseconds_give_the_same_samples_again(samples: int, rate_hz: int) -> None:
    exact, short = milliseconds_of(samples, rate_hz), short_milliseconds_of(samples, rate_hz)
    assert samples_of(exact, rate_hz) == samples_of(short, rate_hz) == samples
    assert len(str(short)) <= len(str(exact))


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.72, 36), (1.0, 50), (0.73, 37), (0.7299, 36), (0.01, 1), (10.0, 500)]
)
def test_a_network_hears_as_many_hops_as_fill_its_seconds(seconds: float, frames: int) -> None:
    assert compose_config(f"features.max_seconds={seconds}").features.max_frames == frames


@given(
    st.integers(1, 1000).flatmap(lambda window: st.tuples(st.just(window), st.integers(1, window))),
    st.integers(0, 500),
    st.integers(1, 5000),
    st.integers(1000, 200_000),
)
def test_earlier_records_keep_their_samples_and_frames(
    window_and_hop: tuple[int, int], more: int, frames: int, rate_hz: int
) -> None:
    window, hop = window_and_hop
    lengths = {"n_fft": window + more, "win_length": window, "hop_length": hop, "max_frames": frames}
    config = feature_config(sample_rate_hz=rate_hz, **lengths)
    assert (config.n_fft, config.window, config.hop, config.max_frames) == (window + more, window, hop, frames)
    assert (config.fft_ms is None) == (more == 0)


@given(st.integers(1, 256), st.integers(1, 5000), st.integers(1, 100_000))
def test_other_distances_between_frames_leave_their_number(hop: int, frames: int, rate_hz: int) -> None:
    lengths = {"kind": "integer", "sample_rate_hz": rate_hz, "window": 256, "hop": 160, "max_frames": frames}
    rest = {"bands": 32, "coefficients": 13, "floor_octaves": 16, "quietest_level": 0, "decay": 0, "deltas": False}
    spaced = IntegerFeatureConfig(**with_durations(lengths | rest)).spaced(hop)
    assert (spaced.window, spaced.hop, spaced.max_frames) == (256, hop, frames)


@pytest.mark.parametrize(
    ("options", "lengths"),
    [
        ((), {"window": 256, "hop": 160, "max_frames": 36}),
        (("features=voices",), {"window": 256, "hop": 160, "max_frames": 50}),
        (("features=mfcc",), {"n_fft": 400, "win_length": None, "hop_length": 160, "max_frames": 36}),
        (("features=mfcc",), {"n_fft": 400, "win_length": 400, "hop_length": 160, "max_frames": 36}),
        (
            ("features=mfcc", "features.fft_ms=64", "features.window_ms=30.125"),
            {"n_fft": 512, "win_length": 241, "hop_length": 160, "max_frames": 36},
        ),
    ],
    ids=str,
)
def test_an_earlier_record_has_the_config_of_today(options: tuple[str, ...], lengths: dict[str, Any]) -> None:
    from fsdd_lightning.config.load import config_to_mapping

    today = config_to_mapping(compose_config(*options))
    kept = {key: value for key, value in today["features"].items() if key.rpartition("_")[2] not in ("ms", "seconds")}
    earlier = {**today, "features": kept | lengths}
    assert with_current_keys(earlier) == today
    assert content_hash(with_current_keys(earlier)) == content_hash(today)
    assert with_current_keys(today) == today


@pytest.mark.parametrize("wrong", ["256", None, 0, -1, 2.5, True])
def test_a_damaged_record_is_refused_not_converted(mapping: dict[str, Any], wrong: Any) -> None:
    features = {key: value for key, value in mapping["features"].items() if key != "window_ms"}
    earlier = {**mapping, "features": features | {"window": wrong}}
    with pytest.raises(UserError):
        config_from_mapping(with_current_keys(earlier))


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("features.max_frames=50",), "'features.max_frames' is called 'features.max_seconds' now (50 frames = 1 s)"),
        (
            ("features.max_frames=50", "features.hop_ms=10"),
            "'features.max_frames' is called 'features.max_seconds' now (50 frames = 0.5 s)",
        ),
        (
            ("features.window=512", "features.sample_rate_hz=16000"),
            "'features.window' is called 'features.window_ms' now (512 samples at 16000 Hz = 32 ms)",
        ),
        (("+features.hop=80",), "'features.hop' is called 'features.hop_ms' now (80 samples at 8000 Hz = 10 ms)"),
        (
            ("features=mfcc", "features.hop_length=80"),
            "'features.hop_length' is called 'features.hop_ms' now (80 samples at 8000 Hz = 10 ms)",
        ),
        (
            ("features=mfcc", "features.n_fft=512", "features.win_length=400"),
            "'features.n_fft' is called 'features.fft_ms' now (512 samples at 8000 Hz = 64 ms); "
            "'features.win_length' is called 'features.window_ms' now (400 samples at 8000 Hz = 50 ms)",
        ),
        (("features.max_frames=many",), "'features.max_frames' is called 'features.max_seconds' now"),
    ],
    ids=str,
)
def test_an_old_key_is_answered_with_the_new_one_and_its_value(overrides: tuple[str, ...], line: str) -> None:
    assert error_of(*overrides) == line


def test_old_keys_in_a_file_of_ones_own_are_answered_at_once(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    old = "kind: mfcc\nsample_rate_hz: 8000\nn_fft: 400\nwin_length: null\nhop_length: 160\nmax_frames: 50\n"
    (tmp_path / "features" / "mine.yaml").write_text(old)
    answer = error_of("features=mine", config_dir=str(tmp_path))
    assert [each.split("'")[1] for each in answer.split("; ")] == [
        "features.n_fft",
        "features.win_length",
        "features.hop_length",
        "features.max_frames",
    ]
    assert answer.endswith("(50 frames = 1 s)")


def test_an_old_key_in_any_trial_of_a_sweep_is_answered() -> None:
    with pytest.raises(UserError, match=r"\(36 frames = 0\.72 s\)$"):
        list(compose_trials(["features.max_frames=36,50", "seed=1,2"], multirun=True))


@pytest.mark.parametrize("key", OLD_KEYS)
def test_no_key_of_today_is_an_old_one(key: str, mapping: dict[str, Any], mfcc_mapping: dict[str, Any]) -> None:
    assert key not in mapping["features"] | mfcc_mapping["features"]


@pytest.mark.parametrize(
    ("rate_hz", "advice"),
    [
        (11025, "353 samples at 11025 Hz, .*: set window_ms=23.2 (256 samples), or sample_rate_hz=8000"),
        (12000, "384 samples at 12000 Hz, .*: set window_ms=21.3 (256 samples), or sample_rate_hz=8000"),
        (22050, "706 samples at 22050 Hz, .*: set window_ms=23.2 (512 samples), or sample_rate_hz=16000"),
        (44100, ".*: set window_ms=11.6 (512 samples) and hop_ms to no more than that, or sample_rate_hz=16000"),
    ],
)
def test_a_rate_that_the_front_end_cannot_hear_is_refused_with_what_it_can(rate_hz: int, advice: str) -> None:
    line = error_of(f"features.sample_rate_hz={rate_hz}")
    for part in advice.split(".*"):
        assert part in line
    assert line.startswith("features: window_ms=32 is ") and line.endswith(": recordings are resampled to it")


@pytest.mark.parametrize(("rate_hz", "window_ms"), [(11025, 23.2), (12000, 21.33), (22050, 23.2)])
def test_what_is_advised_works(rate_hz: int, window_ms: float) -> None:
    config = compose_config(f"features.sample_rate_hz={rate_hz}", f"features.window_ms={window_ms}").features
    assert config.window in (256, 512) and config.max_frames == 36
    assert replace(config, hop_ms=config.window_ms).hop == config.window


def test_mfcc_know_every_rate(mfcc_mapping: dict[str, Any]) -> None:
    for rate_hz in (8000, 11025, 16000, 44100):
        config = config_from_mapping(changed(mfcc_mapping, "features.sample_rate_hz", rate_hz)).features
        assert config.window == round(0.05 * rate_hz) and config.max_frames == 36
