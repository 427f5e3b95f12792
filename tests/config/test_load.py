"""The identity of an experiment: which keys its hash covers, the name of its folder, unknown keys."""

from __future__ import annotations

import re
from typing import Any

import pytest
from config_changes import changed
from hypothesis import assume, example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from fsdd_lightning.config.load import (
    NO_SPEECH,
    OF_THE_SWEEP,
    RENAMED_KEYS,
    config_from_mapping,
    config_keys,
    config_to_mapping,
    content_hash,
    register_resolvers,
    run_name,
    short_override,
    to_config,
    unknown_key,
    with_current_keys,
)
from fsdd_lightning.errors import UserError

PRESENTATION = {
    "name",
    "output_root",
    "fail_fast",
    "quiet",
    "data.root",
    "data.cache_dir",
    "data.archive_url",
    "data.others",
    "trainer.num_sanity_val_steps",
    "trainer.log_every_n_steps",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.profiler",
    "trainer.detect_anomaly",
    "trainer.inference_mode",
    "logger.histogram_every_epochs",
    "logger.misclassified_clips",
}
LEAVES = [key for key in config_keys() if not any(other.startswith(f"{key}.") for other in config_keys())]


def test_the_presentation_keys_of_these_tests_exist() -> None:
    assert set(LEAVES) >= PRESENTATION


@pytest.mark.parametrize("key", sorted(set(LEAVES) - PRESENTATION - {"callbacks"}))
def test_the_hash_changes_with_a_key_that_influences_results(mapping: dict[str, Any], key: str) -> None:
    assert content_hash(changed(mapping, key, ["another value"])) != content_hash(mapping)


@pytest.mark.parametrize("key", sorted(PRESENTATION))
def test_the_hash_does_not_change_with_a_presentation_key(mapping: dict[str, Any], key: str) -> None:
    assert content_hash(changed(mapping, key, ["another value"])) == content_hash(mapping)


MINE = {"_target_": "my_module.MyCallback"}


@pytest.mark.parametrize(
    ("callbacks", "decides"),
    [
        ({}, False),
        ({"bar": {"_target_": "pytorch_lightning.callbacks.TQDMProgressBar", "refresh_rate": 3}}, False),
        ({"bar": {"_target_": "pytorch_lightning.callbacks.progress.TQDMProgressBar"}}, False),
        ({"bar": {"_target_": "my_module.pytorch_lightning.callbacks.TQDMProgressBar"}}, True),
        ({"rate": {"_target_": "pytorch_lightning.callbacks.LearningRateMonitor"}, "mine": None}, False),
        ({"mine": MINE}, True),
        ({"stop": {"_target_": "pytorch_lightning.callbacks.EarlyStopping", "monitor": "val/loss"}}, True),
        ({"limit": {"_target_": "pytorch_lightning.callbacks.Timer", "duration": "00:00:01:00"}}, True),
    ],
)
def test_the_hash_changes_with_callbacks_that_may_change_the_network(
    mapping: dict[str, Any], callbacks: dict[str, Any], decides: bool
) -> None:
    assert (content_hash({**mapping, "callbacks": callbacks}) != content_hash(mapping)) == decides


def test_the_hash_changes_with_the_arguments_of_a_callback(mapping: dict[str, Any]) -> None:
    one, other = ({**mapping, "callbacks": {"mine": {**MINE, "often": often}}} for often in (1, 2))
    assert content_hash(one) != content_hash(other)


def test_the_hash_does_not_depend_on_the_order_of_keys(mapping: dict[str, Any]) -> None:
    assert content_hash(dict(reversed(mapping.items()))) == content_hash(mapping)


def test_the_resolver_that_names_folders_gives_the_recorded_hash(mapping: dict[str, Any]) -> None:
    register_resolvers()
    config = OmegaConf.create({**mapping, "hydra": {"folder": "single-${config_hash:}"}})
    assert config.hydra.folder == f"single-{content_hash(mapping)[:8]}"


SAFE = re.compile(r"[A-Za-z0-9_.,=+\[\]-]{1,120}")
override = st.tuples(
    st.sampled_from(["", "+", "~", "++"]),
    st.sampled_from(["seed", "data.root", "model", "split.held_out", "experiment"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
).map(lambda parts: f"{parts[0]}{parts[1]}={parts[2]}")
trials = st.lists(override, max_size=5)


@given(trials)
def test_a_run_name_is_one_safe_folder_name(overrides: list[str]) -> None:
    name = run_name(overrides)
    assert SAFE.fullmatch(name)
    assert name not in (".", "..")
    assert run_name(overrides) == name


@given(trials, trials)
def test_different_trials_have_different_folders(one: list[str], other: list[str]) -> None:
    assert (run_name(one) == run_name(other)) == (one == other)


def test_what_concerns_a_sweep_as_a_whole_names_no_trial() -> None:
    assert (
        run_name(["seed=1", "name=a", "output_root=b", "fail_fast=true", "quiet=true", "data.others=[c,d]"]) == "seed=1"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["data.root=a/b"], ["data.root=a_b"]),
        (["data.root=a b"], ["data.root=a:b"]),
        (["split.held_out=jürgen"], ["split.held_out=jörgen"]),
        (["experiment=task_a"], ["experiment=quickstart"]),  # with one name= for both
        (["experiment=task_a"], []),
        (["~logger"], ["_logger"]),
        (["a=1,b=2"], ["a=1", "b=2"]),
        ([f"data.root={'x' * 300}1"], [f"data.root={'x' * 300}2"]),
        ([f"data.root={'ü' * 200}"], [f"data.root={'ö' * 200}"]),
    ],
)
def test_trials_with_equal_safe_characters_have_different_folders(one: list[str], other: list[str]) -> None:
    assert run_name(one) != run_name(other)


def test_ordinary_run_names_are_readable() -> None:
    assert run_name(["model.hidden_size=16", "seed=2"]) == "hidden_size=16,seed=2"
    assert run_name(["split.seed=3", "+trainer.learning_rate=1"]) == "split.seed=3,+trainer.learning_rate=1"
    assert run_name(["name=grid", "output_root=/tmp", "seed=2"]) == "seed=2"
    assert run_name([]) == "defaults"


def test_a_key_is_as_short_as_it_is_unambiguous() -> None:
    short = {key: short_override(key) for key in config_keys()}
    assert len(set(short.values())) == len(short)
    assert short["model.hidden_size"] == "hidden_size" and short["data.synthetic.takes"] == "synthetic.takes"
    assert [short[key] for key in ("seed", "split.seed", "quantization.name")] == [
        "seed",
        "split.seed",
        "quantization.name",
    ]


@given(st.lists(st.sampled_from(sorted(config_keys())), unique=True, min_size=1, max_size=8), st.integers(1, 300))
def test_no_key_is_lost_of_a_long_name(keys: list[str], length: int) -> None:
    name = run_name([f"{key}={'v' * length}" for key in keys if not f"{key}=".startswith(OF_THE_SWEEP)])
    assert len(name) <= 255
    assert all(f"{short_override(key)}=v" in name for key in keys if not f"{key}=".startswith(OF_THE_SWEEP))


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("model.hidden_sise", "model.hidden_size"),
        ("model.hiddensize", "model.hidden_size"),
        ("trainer.max_epoch", "trainer.max_epochs"),
        ("trainer.limit_train_batch", "trainer.limit_train_batches"),
        ("trainr.max_epochs", "trainer.max_epochs"),
        ("features.hop_sm", "features.hop_ms"),
        ("data.synthetic.take", "data.synthetic.takes"),
        ("sed", "seed"),
        ("modl", "model"),
    ],
)
def test_the_nearest_key_is_suggested(key: str, nearest: str) -> None:
    assert unknown_key(key) == f"unknown config key {key!r}; did you mean {nearest!r}?"


def test_a_key_unlike_all_others_is_answered_with_the_keys_of_its_group() -> None:
    assert unknown_key("model.q") == "unknown config key 'model.q'; group 'model' holds layers, hidden_size, dropout"
    assert "the config holds name, seed" in unknown_key("qqqqq")


@example("search.")
@given(st.text(max_size=40))
def test_every_unknown_key_gets_an_answer(key: str) -> None:
    assume(key not in config_keys())
    renamed = any(key == old or key.startswith(f"{old}.") for old in RENAMED_KEYS)
    assert unknown_key(key).startswith(f"{key!r} is called " if renamed else "unknown config key ")


def test_unknown_keys_in_a_mapping_are_refused(mapping: dict[str, Any]) -> None:
    config = OmegaConf.create({**mapping, "model": {**mapping["model"], "hidden_sise": 3}})
    with pytest.raises(UserError, match=r"unknown config key 'model.hidden_sise'; did you mean 'model.hidden_size'"):
        to_config(config)


@pytest.mark.parametrize("value", ["???", "${nowhere}", "${nowhere.at.all}", "${no_resolver:1}"])
def test_a_value_that_cannot_be_resolved_is_the_users_error(mapping: dict[str, Any], value: str) -> None:
    config = OmegaConf.create({**mapping, "seed": value})
    with pytest.raises(UserError, match=r"^seed: .+"):
        to_config(config)


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_a_key_of_an_earlier_version_is_answered_with_its_new_name(old: str, new: str) -> None:
    assert unknown_key(old) == f"{old!r} is called {new!r} now"
    assert unknown_key(f"{old}.inner") == f"'{old}.inner' is called '{new}.inner' now"


def earlier_than_tools(mapping: dict[str, Any]) -> dict[str, Any]:
    """The config as it was before optimizer, schedule and callbacks were groups."""
    earlier = {key: dict(value) if isinstance(value, dict) else value for key, value in mapping.items()}
    optimizer, training = earlier.pop("optimizer"), earlier.pop("training")
    del earlier["scheduler"]
    trainer = {key: earlier["trainer"][key] for key in ("max_epochs", "gradient_clip_val")}
    earlier["trainer"] = (
        trainer | training | {"learning_rate": optimizer["lr"], "weight_decay": optimizer["weight_decay"]}
    )
    earlier["callbacks"] = {"early_stopping_patience": None, "progress_bar": True, "model_summary": True}
    return earlier


def test_the_config_of_an_earlier_version_is_read_under_todays_keys(mapping: dict[str, Any]) -> None:
    earlier = earlier_than_tools(mapping)
    assert with_current_keys(earlier) == mapping
    del earlier["split"]["train_speakers"], earlier["evaluation"], earlier["text_to_speech"]
    earlier["augmentation"] = earlier.pop("feature_augmentation")
    earlier["perturbation"] = earlier.pop("waveform_augmentation")
    trainer = earlier["trainer"]
    trainer["epochs"], trainer["gradient_clip"] = trainer.pop("max_epochs"), trainer.pop("gradient_clip_val")
    trainer["threads"], trainer["keep"] = earlier.pop("torch_threads"), f"{trainer.pop('checkpoint')}_epoch"
    assert with_current_keys(mapping) == mapping
    assert with_current_keys(earlier) == {**mapping, "text_to_speech": NO_SPEECH}


def test_the_patience_of_an_earlier_version_is_a_callback(mapping: dict[str, Any]) -> None:
    earlier = earlier_than_tools(mapping)
    earlier["callbacks"] = {"early_stopping_patience": 3, "progress_bar": False, "model_summary": False}
    callbacks = config_from_mapping(with_current_keys(earlier)).callbacks
    shown = {name: tool["_target_"] for name, tool in callbacks.items() if tool is not None}
    assert shown == {"early_stopping": "pytorch_lightning.callbacks.EarlyStopping"}
    stopping: Any = callbacks["early_stopping"]
    assert stopping["patience"] == 3


def test_earlier_runs_had_no_synthetic_speakers(mapping: dict[str, Any]) -> None:
    earlier = {key: value for key, value in mapping.items() if key != "text_to_speech"}
    config = config_from_mapping(with_current_keys(earlier))
    assert (config.text_to_speech.name, config.text_to_speech.share) == ("none", 0.0)
    assert config_to_mapping(config) == with_current_keys(earlier)
