"""The composed configs of the recipe for unheard voices and of its ablation."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from fsdd_lightning.config.load import config_directory, config_to_mapping
from fsdd_lightning.config.schema import Config
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.sweeps.compose import compose_trials

FSDD_SPEAKERS = "george,jackson,lucas,nicolas,theo,yweweler"
OPTIONS = sorted(path.stem for path in (config_directory() / "ablation").glob("*.yaml"))


@functools.cache
def composed(*words: str) -> Config:
    ((_, config),) = compose_trials(words, multirun=False)
    return config


def leaves(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"model.dropout": 0.4, ...}"""
    found: dict[str, Any] = {}
    for key, value in node.items():
        inner = leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        found |= inner
    return found


def sweep_of(experiment: str) -> dict[str, Any]:
    content = yaml.safe_load(Path(config_directory() / "experiment" / f"{experiment}.yaml").read_text())
    params = content["hydra"]["sweeper"]["params"]
    assert isinstance(params, dict)
    return params


def test_the_recipe_is_one_for_all_speakers_and_fits_36_kb() -> None:
    assert sweep_of("unseen_speaker") == {"split.held_out": FSDD_SPEAKERS, "seed": "1,2,3"}
    plan = plan_run(composed("experiment=unseen_speaker"))
    assert plan.fits and plan.budget.flash_bytes == 36864 and plan.config.quantization.weight_code == "int8"


def test_no_choice_depends_on_validation_clips_of_heard_voices() -> None:
    """Validation clips are of training speakers here, so they do not show which epoch is best."""
    config = composed("experiment=unseen_speaker")
    assert (config.split.validation_speakers, config.training.checkpoint) == (0, "last")
    assert "early_stopping" not in config.callbacks


def test_the_learning_curve_is_the_recipe_on_one_to_all_five_voices() -> None:
    params = sweep_of("learning_curve")
    assert params == {"split.train_speakers": "1,2,3,4,5", "split.held_out": FSDD_SPEAKERS, "seed": 1}
    recipe, curve = composed("experiment=unseen_speaker"), composed("experiment=learning_curve")
    assert dataclasses.replace(curve, name=recipe.name) == recipe


def test_the_ablation_sweeps_over_all_options() -> None:
    params = sweep_of("strangers_ablation")
    assert sorted(params["ablation"].split(",")) == OPTIONS
    assert params["seed"] == "1,2"


def test_ablation_nothing_is_the_recipe() -> None:
    recipe = dataclasses.replace(composed("experiment=flash"), name="strangers_ablation")
    assert composed("experiment=strangers_ablation", "ablation=nothing") == recipe


@pytest.mark.parametrize("option", [option for option in OPTIONS if option != "nothing"])
def test_an_option_changes_exactly_the_keys_of_its_file(option: str) -> None:
    content = yaml.safe_load((config_directory() / "ablation" / f"{option}.yaml").read_text())
    recipe, without = (
        leaves(config_to_mapping(composed("experiment=strangers_ablation", *words)))
        for words in ((), (f"ablation={option}",))
    )
    changed = {key: value for key, value in without.items() if value != recipe[key]}
    assert changed == leaves(content)
