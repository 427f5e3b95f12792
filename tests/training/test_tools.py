"""Optimizer, schedule, callbacks, loggers and debug runs: made of what was composed, one's own classes, too."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from commands import Call
from torch import nn

import fsdd_lightning.report
import fsdd_lightning.train
from fsdd_lightning.config.load import config_from_mapping
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.run import open_run
from fsdd_lightning.model.checkpoint import load_checkpoint
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.sweeps.compose import compose_config
from fsdd_lightning.training.loggers import make_loggers
from fsdd_lightning.training.optimization import Optimization
from fsdd_lightning.training.trainer import make_callbacks, steps_per_epoch, trainer_arguments

RunTrial = Callable[[Sequence[str], Path], RunRecord]

MINE = """
from pathlib import Path
import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

class MyCallback(pl.Callback):
    def __init__(self, path, times):
        self.path, self.times = Path(path), times
    def on_train_epoch_end(self, trainer, module):
        with self.path.open("a") as file:
            file.write(f"epoch {trainer.current_epoch} " * self.times + "\\n")

class MyLogger(Logger):
    name, version = "mine", 0
    def __init__(self, folder):
        self.path = Path(folder) / "mine.txt"
    def log_hyperparams(self, params):
        self.path.write_text(f"lr {params['optimizer.lr']}\\n")
    def log_metrics(self, metrics, step=None):
        with self.path.open("a") as file:
            file.write(f"{step} {sorted(metrics)}\\n")
    def finalize(self, status):
        with self.path.open("a") as file:
            file.write(f"{status}\\n")
"""


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a module and a folder of YAML files, as a user has them."""
    (tmp_path / "my_module.py").write_text(MINE)
    conf = tmp_path / "my_conf"
    for group in ("callbacks", "logger", "local"):
        (conf / group).mkdir(parents=True)
    (conf / "callbacks" / "mine.yaml").write_text(
        "mine:\n  _target_: my_module.MyCallback\n  path: ${run_folder:}/mine.log\n  times: 2\n"
    )
    (conf / "logger" / "mine.yaml").write_text("mine:\n  _target_: my_module.MyLogger\n  folder: ${run_folder:}\n")
    (conf / "local" / "default.yaml").write_text("# @package _global_\nseed: 7\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(tmp_path))])
    monkeypatch.delitem(sys.modules, "my_module", raising=False)
    return tmp_path


# --- one's own ---


def test_an_own_callback_an_own_logger_and_local_settings_come_from_config_dir_alone(
    workshop: Path, tiny_overrides: list[str], call: Call
) -> None:
    words = [word for word in tiny_overrides if not word.startswith(("callbacks", "logger"))]
    chosen = ["callbacks=[quiet,mine]", "logger=mine", "quantization=int8_qat", "quantization.epochs=1"]
    done = call(fsdd_lightning.train, "--config-dir", "my_conf", *words, *chosen, "trainer.max_epochs=2")
    assert done.code == 0, done.err
    (folder,) = (workshop / "multirun" / "single").iterdir()
    assert (folder / "mine.log").read_text().split("\n") == [f"epoch {n} epoch {n} " for n in (0, 1, 0)] + [""]
    lines = (folder / "mine.txt").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("lr 0.05", "success")
    assert "accuracy/c" in lines[-2]
    steps = [int(line.partition(" ")[0]) for line in lines[1:-3] if "train/loss" in line]
    assert len(steps) == 3 and steps == sorted(set(steps))  # the quantized stage goes on where the float one ended
    record = read_record(folder)
    assert record.config["seed"] == 7
    assert record.config["callbacks"]["mine"]["path"] == "{run_folder}/mine.log"
    assert str(folder) not in json.dumps(record.config)


def test_the_hash_does_not_depend_on_a_logger_and_does_on_an_own_callback(workshop: Path) -> None:
    conf = str(workshop / "my_conf")
    hashes = [
        record_hash("--none"),
        record_hash("logger=mine", config_dir=conf),
        record_hash("callbacks=mine", config_dir=conf),
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def record_hash(*words: str, config_dir: str | None = None) -> str:
    from fsdd_lightning.config.load import config_to_mapping, content_hash

    config = compose_config(*(word for word in words if word != "--none"), "seed=7", config_dir=config_dir)
    return content_hash(config_to_mapping(config))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["+callbacks.mine._target_=no_such_module.Any"], r"^callbacks\.mine: No module named 'no_such_module'$"),
        (["+callbacks.mine._target_=torch.nn.Nothing"], r"^callbacks\.mine: .*Nothing"),
        (["+callbacks.mine._target_=torch.nn.ReLU"], r"^callbacks\.mine: torch\.nn\.ReLU is no pytorch_\w+ Callback$"),
        (["+callbacks.mine._target_=os.system", "+callbacks.mine.command=false"], r"^callbacks\.mine: .*os\.system"),
        (
            ["+callbacks.mine._target_=pytorch_lightning.callbacks.EarlyStopping"],
            r"^callbacks\.mine: TypeError: .*missing 1 required positional argument: 'monitor'$",
        ),
    ],
)
def test_a_callback_that_cannot_be_made_is_named_in_one_line(tmp_path: Path, words: list[str], line: str) -> None:
    with pytest.raises(UserError, match=line):
        make_callbacks(compose_config(*words), tmp_path)


@pytest.mark.parametrize("package", ["mlflow", "wandb"])
def test_a_logger_whose_package_is_missing_names_the_command(tmp_path: Path, package: str) -> None:
    if find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    with pytest.raises(UserError, match=rf"^logger\.{package}: needs a package .*: pip install {package}$"):
        make_loggers(compose_config(f"logger={package}"), tmp_path)


def test_a_run_with_a_missing_package_ends_before_any_data_are_read(tiny_overrides: list[str], call: Call) -> None:
    done = call(fsdd_lightning.train, *tiny_overrides, "+logger.mine._target_=no_such_module.Any", "data.root=null")
    assert (done.code, done.err) == (2, "error: logger.mine: No module named 'no_such_module'\n")
    assert "data:" not in done.out


def test_csv_metrics_lie_in_the_run_folder(tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial) -> None:
    run_trial([*tiny_overrides, "logger=csv", f"output_root={tmp_path}/output"], tmp_path)
    table = pd.read_csv(tmp_path / "csv" / "metrics.csv")
    assert len(table["val/loss"].dropna()) == 3
    assert table["accuracy/c"].dropna().tolist() == [read_record(tmp_path).views["c"]["accuracy"]]


# --- a record is plain data ---


def test_opening_and_reporting_a_run_makes_no_tool(finished_run: Path, tmp_path: Path, call: Call) -> None:
    content = json.loads((finished_run / "run.json").read_text())
    trap = {"_target_": "pathlib.Path.touch", "self": str(tmp_path / "made")}
    poison = {"_target_": "os.mkdir", "path": str(tmp_path / "made"), "module": "no_such_module.Any"}
    content["config"]["callbacks"] = {"mine": poison, "other": trap}
    content["config"]["optimizer"] = {**poison, "_partial_": True, "lr": 1}
    content["config"]["scheduler"] = {**poison, "_partial_": True, "interval": "step"}
    content["config"]["logger"] = {"mine": poison}
    folder = tmp_path / "sweep" / "run"
    folder.mkdir(parents=True)
    for path in finished_run.iterdir():
        if path.is_file() and path.name != "run.json":
            os.link(path, folder / path.name)
    (folder / "run.json").write_text(json.dumps(content))
    run = open_run(folder)
    assert run.record.config["callbacks"]["mine"] == poison
    assert config_from_mapping(run.record.config).optimizer["_target_"] == "os.mkdir"
    assert call(fsdd_lightning.report, str(tmp_path / "sweep"), "--output", str(tmp_path / "report")).code == 0
    assert not (tmp_path / "made").exists()


# --- optimizers and schedules ---


def rates(*words: str, steps: int = 10, epochs: int = 5) -> list[float]:
    """The learning rate at every step."""
    made = Optimization.of(compose_config(*words)).configure([nn.Parameter(torch.ones(2))], steps, epochs)
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]
    found = []
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule["interval"] == "step" or step % (steps // epochs) == 1:
            schedule["scheduler"].step(*([0.5] if "monitor" in schedule else []))
    return found


def test_the_cosine_falls_to_nothing_over_the_steps_or_epochs_that_there_are() -> None:
    by_step, by_epoch = rates("scheduler=cosine"), rates("scheduler=cosine", "scheduler.interval=epoch")
    assert by_step == pytest.approx([0.003 * (1 + np.cos(np.pi * step / 10)) for step in range(10)])
    assert by_epoch == pytest.approx([0.003 * (1 + np.cos(np.pi * (step // 2) / 5)) for step in range(10)])


def test_the_constant_stays() -> None:
    assert set(rates("scheduler=constant", "optimizer=sgd")) == {0.3}


def test_a_plateau_halves_the_rate() -> None:
    assert rates("scheduler=plateau", "scheduler.patience=0", steps=10)[-1] == pytest.approx(0.006 / 2**3)


def test_the_highest_rate_is_that_of_the_stage_unless_it_is_given() -> None:
    assert max(rates("optimizer.lr=0.1")) == pytest.approx(0.1, rel=0.05)
    assert max(rates("+scheduler.max_lr=0.2")) == pytest.approx(0.2, rel=0.05)
    config = compose_config()
    made = Optimization.of(config, 0.001).configure([nn.Parameter(torch.ones(2))], 10, 5)
    assert made["optimizer"].param_groups[0]["max_lr"] == 0.001


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("scheduler", ["constant", "cosine", "one_cycle", "plateau"])
def test_every_optimizer_goes_with_every_schedule(optimizer: str, scheduler: str) -> None:
    Optimization.of(compose_config(f"optimizer={optimizer}", f"scheduler={scheduler}")).check()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["+optimizer.betaz=1"], r"^optimizer: .*unexpected keyword argument 'betaz'"),
        (["optimizer._target_=torch.optim.Adamm"], r"^optimizer: .*Adamm"),
        (["optimizer._target_=torch.nn.Nothing"], r"^optimizer: .*Nothing"),
        (["+scheduler.gama=1"], r"^scheduler: .*unexpected keyword argument 'gama'"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(words: list[str], line: str) -> None:
    with pytest.raises(UserError, match=line):
        Optimization.of(compose_config(*words)).check()


# --- arguments of the trainer ---


def data_of(train: int, val: int) -> Any:
    split = SimpleNamespace(train=np.arange(train), val=np.arange(val))
    return SimpleNamespace(split=split, synthetic=None)


@pytest.mark.parametrize(
    ("words", "epochs", "train", "val", "steps"),
    [
        ([], 60, 34, 1, 34),
        (["trainer.limit_train_batches=0.1"], 60, 3, 1, 3),
        (["trainer.limit_train_batches=0.001"], 60, 1, 1, 1),
        (["trainer.limit_train_batches=100", "trainer.accumulate_grad_batches=4"], 60, 34, 1, 9),
        (["trainer.fast_dev_run=true"], 1, 1, 1, 1),
        (["trainer.fast_dev_run=3"], 1, 3, 1, 3),
        (["trainer.overfit_batches=2"], 60, 2, 2, 2),
    ],
)
def test_lightning_gets_whole_batches(words: list[str], epochs: int, train: int, val: int, steps: int) -> None:
    config, data = compose_config(*words).trainer, data_of(2160, 240)
    found = trainer_arguments(config, epochs, data, 64)
    assert (found["limit_train_batches"], found["limit_val_batches"]) == (train, val)
    assert steps_per_epoch(config, data, 64) == steps
    assert not {"portable", "fast_dev_run", "overfit_batches", "enable_progress_bar"} & set(found)


def test_a_fast_development_run_goes_through_everything(
    tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial
) -> None:
    words = [*tiny_overrides, "quantization=int8_qat", "quantization.start_epoch=3", "debug=fdr"]
    record = run_trial([*words, f"output_root={tmp_path}/output"], tmp_path)
    assert (record.training["float"]["epochs"], record.training["quantized"]["epochs"]) == (1, 1)
    assert "trainer.fast_dev_run=True: to look for errors; its numbers are no result" in record.notes
    assert record.views["integer"]["total"] == record.split["test"]


def test_overfitting_learns_its_batch_by_heart(tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial) -> None:
    words = [*tiny_overrides, "quantization=float32", "debug=overfit", "trainer.max_epochs=100", "optimizer.lr=0.03"]
    run_trial([*words, "trainer.profiler=simple", f"output_root={tmp_path}/output"], tmp_path)
    best = torch.load(tmp_path / "checkpoints" / "best_float.ckpt", weights_only=True)
    assert best["metrics"]["val/accuracy"] == 1.0  # of the batch that it was trained on
    assert list(tmp_path.glob("*profile_float*"))


def test_mixed_precision_trains(tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial) -> None:
    words = [*tiny_overrides, "trainer.precision=bf16-mixed", "quantization=int8_qat", "quantization.epochs=1"]
    record = run_trial([*words, f"output_root={tmp_path}/output"], tmp_path)
    weights = load_checkpoint(tmp_path / "network.npz").network.state_dict()
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert record.views["integer"]["accuracy"] == record.views["c"]["accuracy"]
