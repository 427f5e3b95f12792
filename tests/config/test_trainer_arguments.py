"""Arguments of pl.Trainer: which are known, and which are refused, with the reason."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
import pytorch_lightning as pl

from fsdd_lightning.config.load import unknown_key
from fsdd_lightning.config.schema import TrainerConfig
from fsdd_lightning.config.trainer import REFUSED
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import compose_config

TAKEN = {field.name for field in dataclasses.fields(TrainerConfig)}
OURS = {"portable"}


def test_every_argument_of_lightnings_trainer_is_taken_or_refused() -> None:
    lightnings = set(inspect.signature(pl.Trainer).parameters)
    assert lightnings == (TAKEN - OURS) | set(REFUSED)
    assert not TAKEN & set(REFUSED)


def test_trainer_default_lists_every_argument_so_that_none_needs_a_plus() -> None:
    config = compose_config()
    assert config.trainer == TrainerConfig(max_epochs=60, gradient_clip_val=1.0)
    for name in TAKEN - {"max_epochs"}:
        default = next(field.default for field in dataclasses.fields(TrainerConfig) if field.name == name)
        value = "null" if default is None else str(default).lower()
        compose_config(f"trainer.{name}={value}")


@pytest.mark.parametrize("name", sorted(REFUSED))
@pytest.mark.parametrize("plus", ["", "+"])
def test_an_argument_that_would_break_the_promise_is_refused_by_name_with_the_reason(name: str, plus: str) -> None:
    with pytest.raises(UserError) as caught:
        compose_config(f"{plus}trainer.{name}=1")
    assert str(caught.value) == f"trainer.{name} is not for use here: {REFUSED[name]}"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["logger=null"], "logger=null: a group takes an option or a list of them; ~logger leaves it out"),
        (["trainer=ddp"], "no option 'ddp' in group 'trainer' (there are: default, gpu, voices)"),
        (["trainer.precison=16"], "unknown config key 'trainer.precison'; did you mean 'trainer.precision'?"),
        (["+trainer.precison=16"], "unknown config key 'trainer.precison'; did you mean 'trainer.precision'?"),
        (["trainer.batch_size=3"], "'trainer.batch_size' is called 'training.batch_size' now"),
        (["trainer.learning_rate=1"], "'trainer.learning_rate' is called 'optimizer.lr' now"),
        (["trainer.fast_dev_run=0"], "trainer.fast_dev_run must be a valid boolean or at least 1, not 0"),
        (["trainer.precision=16-mixed"], "trainer: precision=16-mixed is for a GPU; a CPU has bf16-mixed"),
        (["optimizer=lion"], "no option 'lion' in group 'optimizer' (there are: adam, adamw, sgd)"),
        (
            ["optimizer.weight_decy=1"],
            "unknown config key 'optimizer.weight_decy'; did you mean 'optimizer.weight_decay'? "
            "(+optimizer.weight_decy adds an argument)",
        ),
        (
            ["callbacks.progress_bar=false"],
            "callbacks.progress_bar must be a _target_ and its arguments, or null, not False",
        ),
        (["+logger.mine=1"], "logger: mine must be a _target_ and its arguments, or null, not 1"),
        (
            ["callbacks.early_stopping.patience=3"],
            "unknown config key 'callbacks.early_stopping.patience': choose callbacks=... first (default, "
            "early_stopping, learning_rate_monitor, model_summary, progress_bar, quiet), or add it as "
            "+callbacks.early_stopping.patience",
        ),
    ],
)
def test_a_slip_is_answered_in_one_line(words: list[str], line: str) -> None:
    with pytest.raises(UserError) as caught:
        compose_config(*words)
    assert str(caught.value) == line


def test_two_devices_are_refused_with_what_to_do() -> None:
    with pytest.raises(UserError, match=r"^trainer: devices must be 1, or \[N\] .*, not 2: .*hydra/launcher=joblib"):
        compose_config("trainer.devices=2")


def test_groups_of_tools_are_composed_as_lists_and_may_be_empty() -> None:
    config = compose_config("callbacks=[early_stopping,learning_rate_monitor]", "logger=[csv]")
    assert list(config.callbacks) == ["progress_bar", "model_summary", "early_stopping", "learning_rate_monitor"]
    assert set(config.logger) == {"histogram_every_epochs", "misclassified_clips", "csv"}
    nothing = compose_config("callbacks=[]", "~logger")
    assert (nothing.callbacks, nothing.logger) == ({}, {})


def test_an_old_patience_is_answered_with_the_callback() -> None:
    assert unknown_key("callbacks.early_stopping_patience").endswith("'callbacks.early_stopping.patience' now")
