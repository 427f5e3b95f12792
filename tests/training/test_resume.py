"""A run that is killed in mid-training goes on in the same folder, and ends with the bits of one that never was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.training.module import DigitClassifier
from fsdd_lightning.training.resume import CHECKPOINTS, LastEpoch

RunTrial = Callable[[Sequence[str], Path], RunRecord]
Curves = dict[str, list[tuple[int, float]]]

EPOCHS = ["trainer.max_epochs=4", "quantization.epochs=4", "model.dropout=0.3", "feature_augmentation=strong"]


class Killed(BaseException):
    """The process ends here."""


class Laboratory:
    """Runs one command line, to its end or to a kill, in a folder and with a store of float networks of its own."""

    def __init__(
        self, words: Sequence[str], folder: Path, run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.words, self.folder, self.run_trial, self.monkeypatch = words, folder, run_trial, monkeypatch

    def run(self, name: str, *changes: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(99)  # what the process drew before must not matter
        self.run_trial([*self.words, *changes, f"output_root={self.folder / name}-output"], folder)
        return folder

    def kill(self, name: str, stage: str, epoch: int, when: str, *changes: str) -> Path:
        """Kill it in this epoch (from 0) of a stage: "step" in its first step, "end" when its checkpoint is written."""
        step, save = DigitClassifier.training_step, LastEpoch.on_train_epoch_end

        def reached(trainer: pl.Trainer) -> bool:
            return trainer.current_epoch == epoch and trainer.logger.stage == stage  # type: ignore[union-attr]

        def killed_step(module: DigitClassifier, *arguments: object) -> object:
            if when == "step" and reached(module.trainer):
                raise Killed
            return step(module, *arguments)  # type: ignore[arg-type]

        def killed_save(last: LastEpoch, trainer: pl.Trainer, module: DigitClassifier) -> None:
            save(last, trainer, module)
            if when == "end" and reached(trainer):
                raise Killed

        with self.monkeypatch.context() as patch:
            patch.setattr(DigitClassifier, "training_step", killed_step)
            patch.setattr(LastEpoch, "on_train_epoch_end", killed_save)
            with pytest.raises(Killed):
                self.run(name, *changes)
        return self.folder / name


@pytest.fixture
def laboratory(
    tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch
) -> Laboratory:
    return Laboratory([*tiny_overrides, *EPOCHS], tmp_path, run_trial, monkeypatch)


def assert_alike(folder: Path, whole: Path) -> None:
    for name in ("network.pt", "integer_model.npz"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    one, other = read_record(folder), read_record(whole)
    assert (one.views, one.status) == (other.views, "done")
    assert one.training.get("quantized") == other.training.get("quantized")
    described = {"epochs", "best_epoch", "val_loss"}
    assert all(one.training["float"][key] == other.training["float"][key] for key in described)
    assert curves(folder) == curves(whole)
    assert not list((folder / CHECKPOINTS).glob("last_*")) and not list(
        (folder / CHECKPOINTS).glob("curves_*")
    )


def curves(folder: Path) -> Curves:
    """All curves by tag, as step and value; and the steps of all histograms."""
    (file,) = folder.glob("events.out.tfevents.*")
    accumulator = EventAccumulator(str(file), {"scalars": 0, "histograms": 0}).Reload()
    scalars = {
        tag: [(point.step, point.value) for point in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }
    return scalars | {
        tag: [(event.step, event.histogram_value.sum) for event in accumulator.Histograms(tag)]
        for tag in accumulator.Tags()["histograms"]
    }


@pytest.mark.parametrize(
    ("stage", "epoch", "when"),
    [("float", 2, "step"), ("float", 3, "end"), ("quantized", 0, "step"), ("quantized", 2, "end")],
)
@pytest.mark.parametrize("mode", ["int8_qat", "int4_qat"])
def test_a_killed_run_goes_on_to_the_same_bits(
    laboratory: Laboratory, mode: str, stage: str, epoch: int, when: str
) -> None:
    chosen = (f"quantization={mode}", "quantization.start_epoch=1")
    whole = laboratory.run("whole", *chosen)
    assert [step for step, _ in curves(whole)["train/loss"]] == list(range(8))
    folder = laboratory.kill("killed", stage, epoch, when, *chosen)
    assert read_record(folder).status == "interrupted"
    laboratory.run("killed", *chosen)
    assert_alike(folder, whole)
