"""A run killed in mid-training resumes in the same folder, to the bits of an undisturbed one."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fsdd_lightning.runs.lock import claim
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.runs.record import RunRecord, new_record, read_record, write_record
from fsdd_lightning.sweeps.compose import compose_trials
from fsdd_lightning.training.experiment import fit, prepare, quantize
from fsdd_lightning.training.logger import DashboardLogger
from fsdd_lightning.training.module import WordClassifier
from fsdd_lightning.training.resume import CHECKPOINTS, LastEpoch, is_of_run
from fsdd_lightning.training.tensorboard import event_files

RunTrial = Callable[[Sequence[str], Path], RunRecord]
Once = Callable[[str, Callable[[Path], object]], Path]
Curves = dict[str, list[tuple[int, float]]]
Weights = dict[str, torch.Tensor]

SHORT = ("quantization.epochs=3", "model.dropout=0.3", "feature_augmentation=strong")
PATIENCE = "callbacks=early_stopping callbacks.early_stopping.patience"
QAT = ("quantization=int8_qat", "quantization.start_epoch=1")


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Kill:
    """In which epoch (from 0) of a stage: in its first step, or once its checkpoint is written."""

    stage: str
    epoch: int
    at_end: bool

    def __call__(self, run: Callable[[], object]) -> None:
        step, save = WordClassifier.training_step, LastEpoch.on_train_epoch_end

        def check(trainer: pl.Trainer) -> None:
            assert isinstance(trainer.logger, DashboardLogger)
            if (trainer.logger.stage, trainer.current_epoch) == (self.stage, self.epoch):
                raise Killed

        def killed_step(module: WordClassifier, *batch: Any) -> torch.Tensor:
            check(module.trainer)
            return step(module, *batch)

        def killed_save(last: LastEpoch, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            save(last, trainer, module)
            check(trainer)

        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            if self.at_end:
                patch.setattr(LastEpoch, "on_train_epoch_end", killed_save)
            else:
                patch.setattr(WordClassifier, "training_step", killed_step)
            run()


def curves(folder: Path) -> Curves:
    """All curves by tag, as steps and values; of histograms, the sums."""
    (file,) = event_files(folder)
    accumulator = EventAccumulator(str(file), {"scalars": 0, "histograms": 0}).Reload()
    tags = accumulator.Tags()
    found = {tag: [(point.step, point.value) for point in accumulator.Scalars(tag)] for tag in tags["scalars"]}
    return found | {
        tag: [(event.step, event.histogram_value.sum) for event in accumulator.Histograms(tag)]
        for tag in tags["histograms"]
    }


# --- whose a checkpoint is ---

KEY = "ab" * 32


def bomb(path: Path) -> None:
    """A key, and beside it a member that is inflated to 100 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", KEY.encode() + bytes(10**8))


class Payload:
    """Unpickling it makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


FOREIGN: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "another run's": lambda path: torch.save({"run_key": "cd" * 32}, path),
    "the key elsewhere": lambda path: torch.save({"run_key": "cd" * 32, "note": KEY}, path),
    "no key": lambda path: torch.save([KEY], path),
    "half": lambda path: (torch.save({"run_key": KEY}, path), os.truncate(path, 300)),
    "text": lambda path: path.write_text(KEY),
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "gigabytes": lambda path: (path.touch(), os.truncate(path, 2**36)),
    "inflated": bomb,
    "code": lambda path: torch.save({"run_key": KEY, "code": Payload(path.with_name("executed"))}, path),
}


def test_a_checkpoint_of_the_run_is_known(tmp_path: Path) -> None:
    torch.save({"run_key": KEY, "weights": torch.ones(3)}, tmp_path / "last_float.ckpt")
    assert is_of_run(tmp_path / "last_float.ckpt", KEY)


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_checkpoint_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = tmp_path / "last_float.ckpt"
    FOREIGN[kind](path)
    unpickled: list[object] = []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *words, **options: unpickled.append(words) or load(*words, **options))
    assert not is_of_run(path, KEY)
    assert not unpickled or kind in ("the key elsewhere", "no key", "code")
    assert not (tmp_path / "executed").exists()


# --- whole runs ---


@pytest.fixture(scope="module")
def words(tiny_overrides: list[str]) -> list[str]:
    return [*tiny_overrides, *SHORT, *QAT]


@pytest.fixture(scope="module")
def whole(words: list[str], run_trial: RunTrial, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run_trial([*words, f"output_root={tmp_path_factory.mktemp('output')}"], folder)
    return folder


def assert_alike(folder: Path, whole: Path) -> None:
    for name in ("network.npz", "integer_model.npz"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    resumed, expected = read_record(folder), read_record(whole)
    assert (resumed.status, resumed.views, resumed.notes) == ("done", expected.views, expected.notes)
    assert resumed.training["quantized"] == expected.training["quantized"]
    own = {"run", "reused"}
    assert {key: value for key, value in resumed.training["float"].items() if key not in own} == {
        key: value for key, value in expected.training["float"].items() if key not in own
    }
    assert curves(folder) == curves(whole)
    kept = sorted(path.name for path in (folder / CHECKPOINTS).iterdir())
    assert kept == ["best_float.ckpt", "best_quantized.ckpt"]


@pytest.mark.parametrize(
    "kill", [Kill("float", 1, False), Kill("float", 2, True), Kill("quantized", 0, False), Kill("quantized", 1, True)]
)
def test_a_killed_run_goes_on_to_the_same_bits(
    words: list[str], whole: Path, tmp_path: Path, run_trial: RunTrial, kill: Kill
) -> None:
    own = [*words, f"output_root={tmp_path / 'output'}"]
    folder = tmp_path / "run"
    folder.mkdir()
    kill(lambda: run_trial(own, folder))
    assert read_record(folder).status == "interrupted"
    torch.manual_seed(99)  # what the process drew before must not matter
    run_trial(own, folder)
    assert_alike(folder, whole)
    assert [step for step, _ in curves(folder)["loss/train"]] == list(range(6))


@pytest.mark.slow
def test_the_same_command_goes_on_after_a_kill(words: list[str], whole: Path, tmp_path: Path) -> None:
    """A SIGKILL, which our code can't handle; even twice."""
    program = """
import os, signal, sys
from fsdd_lightning import train
from fsdd_lightning.training.resume import LastEpoch
save, epochs = LastEpoch.on_train_epoch_end, []

def killed(last, trainer, module):
    save(last, trainer, module)
    epochs.append(trainer.current_epoch)
    if len(epochs) == int(os.environ["KILLED_AFTER"]):
        os.kill(os.getpid(), signal.SIGKILL)

LastEpoch.on_train_epoch_end = killed
train.main()
"""
    folder = tmp_path / "run"
    command = [sys.executable, "-c", program, *words, f"output_root={tmp_path}", f"hydra.run.dir={folder}"]
    ends = []
    for killed_after in (1, 3, 99):
        environment = {"KILLED_AFTER": str(killed_after)}
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
        ends.append(done.returncode)
    assert ends == [-9, -9, 0], done.stderr
    assert "note: quantized training goes on after epoch 1" in done.stdout
    assert_alike(folder, whole)


# --- stages alone ---


class Stages:
    """The training of a run, without what follows it."""

    def __init__(self, words: Sequence[str], output: Path) -> None:
        self.words, self.output = words, output

    def __call__(self, folder: Path, *changes: str) -> tuple[Weights, dict[str, Any]]:
        """Weights, and how they were trained."""
        folder.mkdir(exist_ok=True)
        ((_, config),) = compose_trials([*self.words, *changes, f"output_root={self.output}"], multirun=False)
        plan = plan_run(config)
        torch.manual_seed(99)  # what the process drew before must not matter
        record = new_record(plan, [])
        claim(record, folder)
        write_record(record, folder)
        with closing(DashboardLogger(folder)) as logger:
            context = prepare(plan, record, folder, logger)
            weights = quantize(fit(context), context).network.state_dict()
        return weights, context.record.training


@pytest.fixture
def stages(words: list[str], tmp_path: Path) -> Stages:
    return Stages(words, tmp_path / "output")


def equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_copied_checkpoint_is_what_lightning_would_write(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, copied = LastEpoch.on_train_epoch_end, []

    def compared(last: LastEpoch, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        save(last, trainer, module)
        if last.path.read_bytes() == (last.path.parent / f"best_{last.path.stem[5:]}.ckpt").read_bytes():
            copied.append(last.path.read_bytes())
            trainer.save_checkpoint(last.path)
            assert last.path.read_bytes() == copied[-1]

    monkeypatch.setattr(LastEpoch, "on_train_epoch_end", compared)
    stages(tmp_path / "run", "quantization=int8_qat")
    assert len(copied) >= 2  # the first epoch of each stage is its best one so far


OTHER_CODES = [("int8", 0), ("int8", 2), ("pot", 0), ("ternary", 1)]


@pytest.mark.parametrize(
    ("mode", "start"), [("int4", 1), *(pytest.param(*code, marks=pytest.mark.slow) for code in OTHER_CODES)]
)
def test_every_code_goes_on_exactly(stages: Stages, tmp_path: Path, once: Once, mode: str, start: int) -> None:
    stages.output = once("resumed-codes", lambda folder: None)  # one float network for all of them
    chosen = (f"quantization={mode}_qat", f"quantization.start_epoch={start}", "logger.histogram_every_epochs=0")
    expected, described = stages(tmp_path / "whole", *chosen)
    Kill("quantized", 1, True)(lambda: stages(tmp_path / "killed", *chosen))
    stored = torch.load(tmp_path / "killed" / CHECKPOINTS / "last_quantized.ckpt", weights_only=True)
    assert stored["weight_code"] == (mode if start <= 1 else None)  # a checkpoint knows its mode
    resumed, resumed_described = stages(tmp_path / "killed", *chosen)
    assert equal(resumed, expected)
    assert resumed_described["quantized"] == described["quantized"]


@pytest.mark.parametrize(
    "tools",
    [
        "optimizer=sgd scheduler=cosine trainer.limit_train_batches=3 trainer.accumulate_grad_batches=2",
        "optimizer=adam scheduler=plateau scheduler.patience=0 trainer.overfit_batches=2",
    ],
)
def test_with_other_tools_a_training_goes_on_exactly(stages: Stages, tmp_path: Path, tools: str) -> None:
    chosen = ("quantization=float32", "trainer.max_epochs=4", "logger.histogram_every_epochs=0", *tools.split())
    expected, described = stages(tmp_path / "whole", *chosen)
    again = Stages(stages.words, tmp_path / "another")  # without the trained network of the first
    Kill("float", 1, True)(lambda: again(tmp_path / "killed", *chosen))
    resumed, resumed_described = again(tmp_path / "killed", *chosen)
    assert equal(resumed, expected)
    assert resumed_described["float"]["val_loss"] == described["float"]["val_loss"]


class Decreed(WordClassifier):
    """Its validation losses are given."""

    losses = (0.1, 0.9, 0.05, 0.7)

    def log(self, name: str, value: Any, **options: Any) -> None:
        """Replace the validation loss."""
        loss = torch.tensor(self.losses[self.current_epoch])
        super().log(name, loss if name == "val/loss" else value, **options)


@pytest.mark.parametrize(
    ("change", "epochs", "best", "val_loss"),
    [
        (f"{PATIENCE}=1", 2, 0, 0.1),  # one epoch more would be better than the best
        (f"{PATIENCE}=2", 4, 2, 0.05),
        ("training.checkpoint=last", 4, 3, 0.7),
    ],
)
def test_a_training_that_had_ended_is_not_trained_any_further(
    stages: Stages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    epochs: int,
    best: int,
    val_loss: float,
) -> None:
    monkeypatch.setattr("fsdd_lightning.training.fit.WordClassifier", Decreed)
    words = ("quantization=float32", "trainer.max_epochs=4", *change.split())
    Kill("float", epochs - 1, True)(lambda: stages(tmp_path / "run", *words))
    _, described = stages(tmp_path / "run", *words)
    found = described["float"]
    assert (found["epochs"], found["best_epoch"], found["val_loss"]) == (epochs, best, pytest.approx(val_loss))


@pytest.mark.parametrize("changed", ["optimizer.lr=0.01", "damage", "folder", "best"])
def test_a_foreign_or_damaged_checkpoint_is_ignored_with_a_note(
    stages: Stages, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: str
) -> None:
    words = ["quantization=float32"]
    folder, checkpoint = tmp_path / "run", Path(CHECKPOINTS) / "last_float.ckpt"
    Kill("float", 1, True)(lambda: stages(folder, *words))
    if changed == "damage":
        (folder / checkpoint).write_bytes((folder / checkpoint).read_bytes()[:-100])
    elif changed == "best":  # of another run, whose weights would be taken where no later epoch is better
        best = torch.load(folder / CHECKPOINTS / "best_float.ckpt", weights_only=True)
        torch.save({**best, "run_key": "0" * 64}, folder / CHECKPOINTS / "best_float.ckpt")
    elif changed == "folder":
        folder = folder.rename(tmp_path / "moved")
    else:
        words.append(changed)
    resumed, _ = stages(folder, *words)
    assert "note: training starts from the first epoch: the checkpoint of the" in capsys.readouterr().out
    stages.output = tmp_path / "other"
    expected, _ = stages(tmp_path / "whole", *words)
    assert equal(resumed, expected)
    assert curves(folder) == curves(tmp_path / "whole")
