"""Every impossible value is refused in one line that names its key."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from config_changes import changed

from fsdd_lightning.config.load import config_from_mapping, config_keys, config_to_mapping
from fsdd_lightning.config.schema import Config, TrainerConfig
from fsdd_lightning.errors import UserError


def cases(values: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(key, value) for key, of_key in values.items() for value in of_key]


IMPOSSIBLE = cases(
    {
        "name": ["", "a/b", ".."],
        "output_root": [""],
        "seed": [-1, 2**32],
        "data.source": ["librispeech"],
        "data.fallback": ["maybe"],
        "data.on_bad_file": ["ignore"],
        "data.synthetic.speakers": [1],
        "data.synthetic.takes": [5],
        "data.synthetic.seed": [-1],
        "split.name": ["sorted"],
        "split.seed": [-1, 2**32],
        "split.test_fraction": [0.0, 1.0],
        "split.validation_fraction": [0.0, -0.1],
        "split.test_takes": [0],
        "split.validation_speakers": [-1],
        "features.sample_rate_hz": [0],
        "features.n_mfcc": [0, 41],
        "features.n_mels": [12],
        "features.fft_ms": [0.0, 49.0],  # the last is shorter than the window
        "features.window_ms": [0.0, 25.0, 128.0],  # of the integer front end 128, 256 or 512 samples
        "features.hop_ms": [0.0, 0.05, 32.1],
        "features.max_seconds": [0.0, 0.009],
        "features.kind": ["cepstrum"],
        "features.bands": [12, 128],
        "features.coefficients": [0, 33],
        "features.floor_octaves": [0, 17],
        "features.quietest_level": [-1, 2**15],
        "features.decay": [-1, 2**13],
        "listener.margin": [-1, 2**15],
        "listener.quiet": [-1, 200],  # the last is more than loud
        "listener.settle_frames": [0],
        "listener.hangover_frames": [80],
        "listener.shortest_frames": [0, 80],
        "listener.longest_frames": [4],
        "listener.false_reject_rate": [-0.1, 1.0],
        "memory_budget.front_end": [1],
        "waveform_augmentation.endpointed": [1],
        "waveform_augmentation.slack_frames": [-1],
        "features.f_min_hz": [-1.0, 4000.0],
        "features.f_max_hz": [4000.5, 0.0],
        "features.top_db": [0.0],
        "features.band_pass_hz": [[0.0, 3000.0], [3000.0, 300.0], [300.0, 4000.0], [300.0]],
        "feature_augmentation.noise_std": [-0.1, float("inf"), float("nan")],
        "feature_augmentation.gain_std": [-0.1],
        "feature_augmentation.offset_std": [-0.1],
        "feature_augmentation.time_shift_frames": [-1],
        "feature_augmentation.time_masks": [-1],
        "feature_augmentation.time_mask_frames": [-1],
        "feature_augmentation.frequency_masks": [-1],
        "feature_augmentation.frequency_mask_channels": [-1],
        "waveform_augmentation.copies": [-1],
        "waveform_augmentation.seed": [-1],
        "waveform_augmentation.speed": [-0.1, 0.71],
        "waveform_augmentation.tempo": [-0.1, 0.71],
        "waveform_augmentation.equalizer_db": [-0.1],
        "waveform_augmentation.clean_share": [-0.1, 1.1],
        "waveform_augmentation.room_share": [-0.1, 1.1],
        "waveform_augmentation.babble_share": [-0.1, 1.1],
        "waveform_augmentation.snr_db": [[20.0, 10.0]],
        "text_to_speech.share": [-0.1, 1.0],
        "text_to_speech.takes": [0],
        "text_to_speech.copies": [0],
        "text_to_speech.seed": [-1],
        "text_to_speech.english": [[], [""]],
        "text_to_speech.accented_share": [-0.1, 1.1],
        "text_to_speech.accents": [{"de": ["null"]}, {"de": ["null"] * 9 + [""]}, None],
        "model.layers": [0],
        "model.hidden_size": [0, -1, "largest"],
        "memory_budget.flash_bytes": [0],
        "memory_budget.scope": ["clip"],
        "quantization.start": ["later", "never"],  # the last with a weight code
        "quantization.weight_code": [None],  # with a start
        "quantization.baseline": ["torch_static"],  # with a weight code
        "quantization.learning_rate": [0.0],
        "model.dropout": [-0.1, 1.0],
        "trainer.max_epochs": [0],
        "training.batch_size": [0],
        "torch_threads": [0],
        "optimizer.lr": [0.0, float("inf")],
        "optimizer.weight_decay": [-0.01],
        "training.label_smoothing": [-0.1, 1.0],
        "trainer.gradient_clip_val": [0.0],
        "trainer.accelerator": ["auto", "tpu"],
        "trainer.devices": [0, 2, -1, [0, 1], []],
        "trainer.precision": ["64-true", "16-true", 16, "16-mixed"],  # the last on a CPU
        "trainer.fast_dev_run": [0, "yes"],
        "trainer.limit_train_batches": [0, 1.5, 0.0],
        "trainer.limit_val_batches": [0, -0.1],
        "trainer.overfit_batches": [-1],
        "trainer.accumulate_grad_batches": [0],
        "trainer.min_epochs": [0, 61],
        "trainer.profiler": ["fast"],
        "trainer.portable": [1],
        "optimizer._target_": ["adamw", "os. system", ""],
        "optimizer._partial_": [False],
        "scheduler.interval": ["batch"],
        "callbacks.mine": [False, {}, {"_target_": "Mine"}],
        "logger.mine": [False, {}, {"_target_": "Mine"}],
        "training.checkpoint": ["first_epoch"],
        "training.weight_averaging": [-0.1, 1.0],
        "logger.histogram_every_epochs": [-1],
        "logger.misclassified_clips": [-1],
        "data.others": ["faraway", [""]],
        "evaluation.unheard_speaker": [""],
    }
)
EDGES = cases(
    {
        "seed": [0, 2**32 - 1],
        "split.seed": [0],
        "features.n_mfcc": [40],
        "features.coefficients": [32],
        "features.hop_ms": [32.0, 0.1875],
        "features.window_ms": [64.0, 31.95],
        "features.max_seconds": [0.01],
        "listener.false_reject_rate": [0.0],
        "features.fft_ms": [50.0, 64.0],
        "features.f_max_hz": [4000.0],
        "features.top_db": [None],
        "features.band_pass_hz": [[300.0, 3000.0]],
        "split.validation_speakers": [0],
        "waveform_augmentation.clean_share": [0.0],
        "waveform_augmentation.snr_db": [None, [10.0, 10.0]],
        "waveform_augmentation.tempo": [0.7],
        "text_to_speech.share": [0.0, 0.99],
        "text_to_speech.accented_share": [0.0, 1.0],
        "model.dropout": [0.0],
        "model.hidden_size": [1, "fit"],
        "memory_budget.flash_bytes": [1, None],
        "training.label_smoothing": [0.0],
        "optimizer.weight_decay": [0.0],
        "trainer.limit_train_batches": [1, 1.0],
        "trainer.devices": [[1]],
        "trainer.fast_dev_run": [True, 3],
        "callbacks": [{}, {"any": None}],
        "logger": [{}, {"mine": {"_target_": "my.Logger", "any": 1}}, {"mine": None}],
        "logger.histogram_every_epochs": [0],
        "data.others": [[], ["a", "b"], "nearby"],
        "evaluation.unheard_speaker": [None, "any"],
    }
)
WRONG_TYPES = cases(
    {
        "seed": ["one", 1.5, True, None],
        "name": [3],
        "model.hidden_size": ["24"],
        "optimizer.lr": ["fast"],
        "trainer.max_epochs": [2.0],
        "features.peak_normalize": [1],
        "features.band_pass_hz": [300.0],
        "callbacks.progress_bar": ["yes", False],
        "trainer.enable_progress_bar": ["no"],
        "split.held_out": [7],
        "data.others": [7, "faraway"],
        "evaluation.unheard_speaker": [7],
        "memory_budget.flash_bytes": ["36k", 36864.0],
        "quantization.weight_code": [8],
        "quantization.epochs": ["8"],
    }
)


def value_at(config: Config, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


@pytest.mark.parametrize(("key", "value"), IMPOSSIBLE, ids=str)
def test_an_impossible_value_is_refused_in_one_line_that_names_its_key(
    mapping_with: dict[str, Any], key: str, value: Any
) -> None:
    with pytest.raises(UserError) as caught:
        config_from_mapping(changed(mapping_with, key, value))
    message = str(caught.value)
    assert "\n" not in message
    assert key.split(".")[0] in message and key.split(".")[-1] in message


@pytest.mark.parametrize(("key", "value"), EDGES, ids=str)
def test_the_last_possible_value_is_accepted(mapping_with: dict[str, Any], key: str, value: Any) -> None:
    config = config_from_mapping(changed(mapping_with, key, value))
    assert value_at(config, key) == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(("key", "value"), WRONG_TYPES, ids=str)
def test_a_wrong_type_is_refused_and_its_key_named(mapping_with: dict[str, Any], key: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"^{key}") as caught:
        config_from_mapping(changed(mapping_with, key, value))
    assert repr(value) in str(caught.value)


def test_all_problems_are_named_at_once(mapping: dict[str, Any]) -> None:
    wrong = changed(changed(mapping, "model.hidden_size", 0), "trainer.max_epochs", "many")
    with pytest.raises(UserError, match=r"^model\.hidden_size must be .*; trainer\.max_epochs must be [^;]*$"):
        config_from_mapping(wrong)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("model.layers", 0, "model.layers must be at least 1, not 0"),
        ("model.hidden_size", 0, "model.hidden_size must be at least 1 or 'fit', not 0"),
        ("model.hidden_size", "24", "model.hidden_size must be a valid integer or 'fit', not '24'"),
        ("split.test_fraction", 0.0, "split.test_fraction must be greater than 0.0, not 0.0"),
        ("waveform_augmentation.speed", 0.8, "waveform_augmentation.speed must be at most 0.7, not 0.8"),
        ("seed", 2**32, "seed must be less than 4294967296, not 4294967296"),
        ("output_root", "", "output_root must be at least 1 character long, not ''"),
        ("data.others", "faraway", "data.others must be a valid array or 'nearby', not 'faraway'"),
        ("data.fallback", "maybe", "data.fallback must be 'none' or 'synthetic', not 'maybe'"),
        ("features.n_mfcc", 41, "features: n_mfcc 41 exceeds n_mels 40"),
        ("name", "a/b", "name must be usable as a folder name, not 'a/b'"),
        ("text_to_speech.share", 1.0, "text_to_speech.share must be less than 1.0, not 1.0"),
        ("text_to_speech.english", [], "text_to_speech.english must be at least 1 long, not []"),
        (
            "text_to_speech.accents",
            {"de": ["null", "eins"]},
            "text_to_speech: accents.de spells 2 words, but there are 10",
        ),
    ],
)
def test_the_line_states_key_what_is_allowed_and_what_was_given(
    mapping_with: dict[str, Any], key: str, value: Any, line: str
) -> None:
    with pytest.raises(UserError) as caught:
        config_from_mapping(changed(mapping_with, key, value))
    assert str(caught.value) == line


# Lightning's own defaults, and arguments that not every tool takes.
OPTIONAL = {
    *(f"trainer.{field.name}" for field in dataclasses.fields(TrainerConfig) if field.name != "max_epochs"),
    *("optimizer.weight_decay", "scheduler.frequency", "scheduler.monitor"),
    *("logger.histogram_every_epochs", "logger.misclassified_clips"),
}


@pytest.mark.parametrize("key", [key for key in config_keys() if key not in OPTIONAL])
def test_every_key_is_required_since_defaults_are_in_conf(mapping_with: dict[str, Any], key: str) -> None:
    def without(node: dict[str, Any], parts: list[str]) -> dict[str, Any]:
        kept = {name: value for name, value in node.items() if parts != [name]}
        return {**kept, parts[0]: without(node[parts[0]], parts[1:])} if len(parts) > 1 else kept

    with pytest.raises(UserError, match=rf"{key} is missing"):
        config_from_mapping(without(mapping_with, key.split(".")))


def test_a_root_for_the_synthetic_corpus_is_refused(mapping: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"data: root .* source=synthetic"):
        config_from_mapping(changed(changed(mapping, "data.source", "synthetic"), "data.root", "voices"))


def test_an_unseen_speaker_must_be_named(mapping: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="held_out"):
        config_from_mapping(changed(mapping, "split.name", "unseen_speaker"))


def test_synthetic_speakers_say_some_words(mapping: dict[str, Any]) -> None:
    """Where they speak; the words of none count. How many there must be, the data decide."""
    none = changed(mapping, "text_to_speech.words", [])
    assert config_from_mapping(none).text_to_speech.words == ()
    assert config_from_mapping(changed(none, "text_to_speech.words", "labels")).text_to_speech.words == "labels"
    with pytest.raises(UserError, match=r"^text_to_speech: words must name the words of the data, or be labels$"):
        config_from_mapping(changed(none, "text_to_speech.share", 0.3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": []}, "labels must name words, or be null"),
        ({"labels": ["a", "b", "a"]}, "labels names a twice"),
        ({"labels": [True, "b"]}, "YAML reads yes, no, on and off as true and false: quote them"),
        ({"labels": None, "other": "rest"}, "other=rest are the words that labels does not list"),
        ({"labels": ["a", "b"], "other": ["b"]}, "b can't be in labels and in other"),
        ({"labels": ["a", "noise"], "noise": 3}, "'noise' in labels is the class that noise makes"),
        ({"labels": ["a", "other"], "other": ["b"]}, "'other' in labels is the class that other makes"),
        ({"speaker_pattern": "(.*)"}, r"speaker_pattern must have a group \(\?P<speaker>"),
        ({"speaker_pattern": "("}, "speaker_pattern is no regular expression"),
        ({"layout": "folder"}, "data.layout must be 'fsdd' or 'folders', not 'folder'"),
        ({"noise": -1}, "data.noise must be at least 0"),
    ],
)
def test_words_that_cannot_be_are_refused(mapping: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    for key, value in changes.items():
        mapping = changed(mapping, f"data.{key}", value)
    with pytest.raises(UserError, match=message):
        config_from_mapping(mapping)


def test_digits_may_be_numbers(mapping: dict[str, Any]) -> None:
    assert config_from_mapping(changed(mapping, "data.labels", [3, "five", 0])).data.labels == ("3", "five", "0")


def test_synthetic_speakers_need_no_augmentation_of_recordings(mapping: dict[str, Any]) -> None:
    spoken = changed(mapping, "text_to_speech.share", 0.3)
    assert config_from_mapping(changed(spoken, "waveform_augmentation.copies", 0)).text_to_speech.share == 0.3


def test_training_speakers_are_for_unseen_speakers_alone(mapping: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"split: train_speakers=2 is for split=unseen_speaker: set it to null"):
        config_from_mapping(changed(mapping, "split.train_speakers", 2))


@pytest.mark.parametrize(
    ("key", "value"), [("epochs", 0), ("start_epoch", -1), ("start_epoch", 8), ("epochs", 5)], ids=str
)
def test_quantized_training_starts_within_its_epochs(mapping_with: dict[str, Any], key: str, value: int) -> None:
    trained = changed(changed(mapping_with, "quantization.start", "epoch"), "quantization.start_epoch", 7)
    with pytest.raises(UserError, match=r"^quantization: (epochs must be|start_epoch must lie in 0\.\.)"):
        config_from_mapping(changed(trained, f"quantization.{key}", value))
    assert config_from_mapping(trained).quantization.start_epoch == 7
    unused = changed(mapping_with, f"quantization.{key}", value)  # of a mode that does not train
    assert getattr(config_from_mapping(unused).quantization, key) == value


def test_a_config_cannot_be_changed_after_its_checks(mapping: dict[str, Any]) -> None:
    config = config_from_mapping(mapping)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.model.hidden_size = 0  # type: ignore[misc]


def test_mapping_and_config_are_inverse(mapping: dict[str, Any], mfcc_mapping: dict[str, Any]) -> None:
    assert config_to_mapping(config_from_mapping(mapping)) == mapping
    full = changed(mfcc_mapping, "features.band_pass_hz", [300.0, 3000.0])
    assert config_to_mapping(config_from_mapping(full)) == full
