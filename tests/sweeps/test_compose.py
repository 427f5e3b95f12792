"""Hydra's command line: every option of every group composes, every bad trial is an error before the first run."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from fsdd_lightning.config.load import config_directory
from fsdd_lightning.config.schema import Config
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.sweeps.compose import check_command, compose_trials, expand_sweep, hydra_errors

CONF = config_directory()
# conf/GROUP/OPTION.yaml, whatever is there: a new file is tested without a change here.
OPTIONS = sorted(
    f"{path.parent.relative_to(CONF).as_posix()}={path.stem}" for path in CONF.rglob("*.yaml") if path.parent != CONF
)


@functools.cache
def composed(*overrides: str) -> Config:
    ((_, config),) = compose_trials(overrides, multirun=False)
    return config


def error_of(*arguments: str) -> str:
    """The error of a command line, always one line."""
    with pytest.raises(UserError) as caught, hydra_errors():
        check_command(arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_all_groups_are_found() -> None:
    groups = {option.partition("=")[0] for option in OPTIONS}
    assert groups >= {"data", "split", "features", "feature_augmentation", "model", "trainer", "callbacks", "logger"}
    assert groups >= {"experiment", "memory_budget", "quantization"} | NAMED_GROUPS
    assert "experiment=quickstart" in OPTIONS


NAMED_GROUPS = {"split", "feature_augmentation", "data", "quantization", "memory_budget"}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_of_every_group_is_a_trial_with_a_bill(option: str, tmp_path: Path) -> None:
    """All that is asked of an option stands here: every one is composed once for all workers."""
    config = composed(option)
    needs_budget = config.model.hidden_size == "fit" and option.startswith("model=")
    more = ["memory_budget=kb36"] if needs_budget else []
    if config.data.layout == "folders":
        more.append(f"data.root={tmp_path}")
        for word in (*(config.data.labels or ()), "hello", "goodbye"):
            (tmp_path / word).mkdir()
            (tmp_path / word / "ann_nohash_0.wav").touch()
    plan = plan_run(composed(option, *more))
    assert plan.bill.flash_bytes > 0 and plan.shape.hidden_size > 0
    falls_back = config.data.fallback != "none"
    assert falls_back == (option == "experiment=quickstart"), "only the quickstart goes on with synthetic data"
    group, _, name = option.partition("=")
    if group in NAMED_GROUPS:
        assert getattr(config, group).name == name, "an option carries its own name into records"
    if group == "experiment":
        assert config.name != "default"
        assert composed(option, "trainer.max_epochs=2", "seed=5").trainer.max_epochs == 2


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.startswith("quantization=")])
@pytest.mark.parametrize("budget", ["kb36", "kb36_per_layer", "kb16", "kb8"])
def test_every_mode_has_a_size_that_fits_every_budget(option: str, budget: str) -> None:
    model, memory_budget = composed("model=fit").model, composed(f"memory_budget={budget}").memory_budget
    assert plan_run(dataclasses.replace(composed(option), model=model, memory_budget=memory_budget)).fits


def test_tasks_b_and_c_fill_36_kilobytes() -> None:
    tasks = [plan_run(composed(f"experiment=task_{letter}")) for letter in "bc"]
    assert [task.config.quantization.weight_code for task in tasks] == ["int8", "pot"]
    assert [(task.budget.flash_bytes, task.fits) for task in tasks] == [(36_864, True)] * 2
    assert [task.shape.hidden_size for task in tasks] == [48, 71]


def test_the_default_is_the_network_of_8794_parameters_on_real_recordings() -> None:
    config = composed()
    assert (config.model.layers, config.model.hidden_size) == (2, 24)
    assert (config.data.source, config.data.fallback, config.split.seed) == ("fsdd", "none", 42)
    assert (config.quantization.name, config.memory_budget.name) == ("int8_ptq", "unlimited")


def test_task_a_is_the_notebooks_network() -> None:
    size = composed("experiment=task_a").model
    assert (size.layers, size.hidden_size) == (2, 128)


def test_a_sweep_is_expanded_in_order_the_last_override_fastest() -> None:
    assert expand_sweep(["model.hidden_size=16,24", "seed=range(1,3)", "name=grid"]) == [
        ["model.hidden_size=16", "seed=1", "name=grid"],
        ["model.hidden_size=16", "seed=2", "name=grid"],
        ["model.hidden_size=24", "seed=1", "name=grid"],
        ["model.hidden_size=24", "seed=2", "name=grid"],
    ]


def test_the_trials_of_a_sweep_come_with_their_config() -> None:
    trials = list(compose_trials(["model=tiny,large", "split=unseen_speaker", "split.held_out=theo"], multirun=True))
    assert [config.model.hidden_size for _, config in trials] == [16, 128]
    assert trials[0][0] == ["model=tiny", "split=unseen_speaker", "split.held_out=theo"]
    assert {config.split.held_out for _, config in trials} == {"theo"}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["seed=3"],
        ["-m", "seed=1,2", "model=tiny,small"],
        ["experiment=task_a", "hydra.run.dir=elsewhere"],
        ["-m", "experiment=task_a,quickstart", "hydra.sweep.dir=elsewhere"],
        ["--multirun", "split=unseen_speaker", "split.held_out=george,jackson"],
        ["features=mfcc", "features.band_pass_hz=[300,3000]"],
    ],
    ids=" ".join,
)
def test_a_good_command_passes(arguments: list[str]) -> None:
    check_command(arguments)


@pytest.mark.parametrize("flag", ["--help", "--hydra-help", "--cfg=job", "--info=config", "--shell-completion"])
def test_questions_are_left_to_hydra(flag: str) -> None:
    check_command([flag, "model.hidden_size=0"])


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["model.hidden_sise=3"], "unknown config key 'model.hidden_sise'; did you mean 'model.hidden_size'?"),
        (["sede=3"], "unknown config key 'sede'; did you mean 'seed'?"),
        (["+model.hidden_sise=3"], "unknown config key 'model.hidden_sise'; did you mean 'model.hidden_size'?"),
        (["+seed=3"], "'seed' exists already: write it without the +"),
        (["model.hidden_size=0"], "model.hidden_size must be at least 1 or 'fit', not 0"),
        (["model.hidden_size=many"], "model.hidden_size must be a valid integer or 'fit', not 'many'"),
        (["trainer.max_epochs=1.5"], "trainer.max_epochs must be a valid integer"),
        (["~seed"], "seed is missing"),
        (["model=smal"], "did you mean model=small?"),
        (["experiment=task_z"], "no option 'task_z' in group 'experiment' (there are: "),
        (["seed"], "can't read the override 'seed': write seed=VALUE"),
        (["seed=[1"], "can't read the override 'seed=[1': write key=value"),
        (["seed=1,2"], "put -m first: fsdd-train -m seed=1,2"),  # a sweep without -m
        (["optimizer.lr=.inf"], "optimizer.lr"),
        (["seed=???"], "seed"),
        (["seed=${nowhere}"], "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_command_is_an_error_of_one_line(arguments: list[str], answer: str) -> None:
    assert answer in error_of(*arguments)


def test_a_bad_trial_anywhere_in_a_sweep_is_rejected() -> None:
    assert "hidden_size" in error_of("-m", "model.hidden_size=16,24,0", "seed=1,2")
    assert "hop_ms" in error_of("-m", "features.hop_ms=20,10", "features.window_ms=32,16")


def test_composing_leaves_hydra_free_for_the_run_itself() -> None:
    from hydra.core.global_hydra import GlobalHydra

    error_of("-m", "model.hidden_size=16,0")
    check_command(["seed=1"])
    assert not GlobalHydra.instance().is_initialized()


def test_options_of_ones_own_folder_are_found(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("layers: 1\nhidden_size: 5\ndropout: 0.0\n")
    check_command(["--config-dir", str(tmp_path), "model=mine"])
    ((_, config),) = compose_trials(["model=mine"], multirun=False, config_dir=str(tmp_path))
    assert config.model.hidden_size == 5


def test_the_config_is_beside_or_in_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from fsdd_lightning.config import load

    find: Callable[[], Path] = load.config_directory
    package = tmp_path / "fsdd_lightning"
    (package / "config").mkdir(parents=True)
    monkeypatch.setattr(load, "__file__", str(package / "config" / "load.py"))
    assert find() == tmp_path / "conf"
    (package / "conf").mkdir()
    assert find() == package / "conf"
