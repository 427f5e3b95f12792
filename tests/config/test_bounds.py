"""Upper bounds: a number or list beyond them is refused before anything is made of it, in a record as well."""

from __future__ import annotations

from typing import Any

import pytest
from config_changes import changed

from fsdd_lightning.config.load import config_from_mapping
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.plan import plan_run

HUGE = 10**9
TOO_MUCH: list[tuple[str, Any]] = [
    *((key, HUGE) for key in ("model.layers", "model.hidden_size", "torch_threads", "training.batch_size")),
    *((key, HUGE) for key in ("trainer.max_epochs", "trainer.overfit_batches", "quantization.epochs", "data.noise")),
    *((key, HUGE) for key in ("data.synthetic.speakers", "data.synthetic.takes", "waveform_augmentation.copies")),
    *((key, HUGE) for key in ("waveform_augmentation.slack_frames", "feature_augmentation.time_masks")),
    *((key, HUGE) for key in ("feature_augmentation.time_shift_frames", "text_to_speech.takes")),
    *((key, HUGE) for key in ("text_to_speech.copies", "features.sample_rate_hz", "features.bands")),
    *((key, HUGE) for key in ("features.coefficients", "listener.longest_frames", "listener.settle_frames")),
    *((key, HUGE) for key in ("split.test_takes", "logger.misclassified_clips", "logger.histogram_every_epochs")),
    *((key, 1e308) for key in ("optimizer.lr", "optimizer.weight_decay", "quantization.learning_rate")),
    *((key, 1e308) for key in ("features.window_ms", "features.hop_ms", "features.max_seconds")),
    *((key, 1e308) for key in ("feature_augmentation.noise_std", "waveform_augmentation.equalizer_db")),
    ("torch_threads", 100_000),
    ("memory_budget.flash_bytes", 2**40),
    ("waveform_augmentation.snr_db", [-1e308, 1e308]),
    ("data.labels", [f"w{number}" for number in range(1001)]),
    ("data.labels", ["a", "b" * 101]),
    ("data.other", [f"w{number}" for number in range(1001)]),
    ("data.others", ["folder"] * 101),
    ("text_to_speech.english", ["en"] * 101),
    ("name", "a" * 201),
    ("name", "\u00e4" * 101),  # in bytes
    ("name", "a\0b"),
    ("output_root", "a" * 256),
    ("output_root", "a/" * 2500),
    ("output_root", "a\0b"),
    ("output_root", "${x}"),
    ("data.root", "a" * 256),
    ("data.root", ["a", "b" * 256]),
    ("data.cache_dir", "a" * 256),
    ("data.others", ["a" * 256]),
]
MFCC_TOO_MUCH: list[tuple[str, Any]] = [
    ("features.n_mels", 513),
    ("features.fft_ms", 5000.0),
    ("features.window_ms", 1e6),
    ("features.sample_rate_hz", 10**12),
]
# Each alone is possible.
TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({"model.layers": 16, "model.hidden_size": 4096}, "model: layers=16 with hidden_size=4096 are 2,081,112,064 para"),
    ({"training.batch_size": 20_000}, "training.batch_size=20000 with 36 frames of a 2x24 network takes about 1.7 GB"),
    ({"features.max_seconds": 1e6}, "are 50,000,000 frames of 13 values"),
    ({"features.hop_ms": 0.1, "features.max_seconds": 2.0}, "are 16,000 frames of 13 values"),
    ({"data.synthetic.speakers": 1000, "data.synthetic.takes": 1000}, "are 10,000,000 clips"),
    (
        {"data.source": "synthetic", "data.synthetic.takes": 500, "waveform_augmentation.copies": 100},
        "30,000 clips with waveform_augmentation.copies=100 are 5.7 GB of features",
    ),
]
LARGEST: list[dict[str, Any]] = [
    {"model.layers": 1, "model.hidden_size": 2000},
    {"model.layers": 16, "model.hidden_size": 360},
    {"torch_threads": 256, "trainer.max_epochs": 100_000},
    {"model.hidden_size": "fit", "memory_budget.flash_bytes": 2**24},
    {"data.source": "synthetic", "data.synthetic.takes": 500},
    {"name": "a" * 200, "output_root": "/".join(["a" * 255] * 15)},
]


@pytest.mark.parametrize(("key", "value"), TOO_MUCH, ids=lambda value: str(value)[:30])
def test_what_is_beyond_a_bound_is_refused_in_one_line_that_can_be_read(
    mapping: dict[str, Any], key: str, value: Any
) -> None:
    with pytest.raises(UserError) as caught:
        config_from_mapping(changed(mapping, key, value))
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    assert key.split(".")[0] in message and key.split(".")[-1] in message


@pytest.mark.parametrize(("key", "value"), MFCC_TOO_MUCH, ids=str)
def test_bounds_hold_for_mfcc_too(mfcc_mapping: dict[str, Any], key: str, value: Any) -> None:
    with pytest.raises(UserError, match=r"^features.* (there may be|must be at most) "):
        config_from_mapping(changed(mfcc_mapping, key, value))


@pytest.mark.parametrize(("changes", "line"), TOGETHER, ids=str)
def test_values_that_take_too_much_together_are_refused_with_what_they_take(
    mapping: dict[str, Any], changes: dict[str, Any], line: str
) -> None:
    for key, value in changes.items():
        mapping = changed(mapping, key, value)
    with pytest.raises(UserError) as caught:
        config_from_mapping(mapping)
    assert line in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", LARGEST, ids=str)
def test_the_largest_possible_values_are_planned(mapping: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        mapping = changed(mapping, key, value)
    assert plan_run(config_from_mapping(mapping)).fits


def test_a_size_that_fits_its_budget_may_be_too_large_to_train(mapping: dict[str, Any]) -> None:
    large = changed(changed(mapping, "model.hidden_size", "fit"), "memory_budget.flash_bytes", 2**30)
    with pytest.raises(UserError, match=r"^model.hidden_size=fit is \d+ here, and model: layers=2 .* parameters"):
        plan_run(config_from_mapping(large))
