"""Training tells the line on the progress of the run how far it is, in all of its stages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from fsdd_lightning.console.progress import RunProgress, line_of_run
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.training.progress import ProgressLine

RunTrial = Callable[[Sequence[str], Path], RunRecord]
QAT = ("quantization=int8_qat", "quantization.epochs=2", "quantization.start_epoch=1")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The line after every step, and at the beginning of what has none."""
    found: list[str] = []
    step, begin = RunProgress.step, RunProgress.begin

    def noted_step(progress: RunProgress, epochs: float) -> None:
        step(progress, epochs)
        found.append(progress.line())

    def noted_begin(progress: RunProgress, key: str, epochs: int = 0) -> None:
        begin(progress, key, epochs)
        found.append(progress.line())

    monkeypatch.setattr(RunProgress, "step", noted_step)
    monkeypatch.setattr(RunProgress, "begin", noted_begin)
    return found


def bare(line: str) -> str:
    """Without scores and time."""
    return line.removeprefix("2nd network, ").split(",")[0]


def test_a_run_goes_through_all_its_stages(
    tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial, lines: list[str]
) -> None:
    line = "callbacks.progress_bar={_target_: fsdd_lightning.training.progress.ProgressLine}"
    shown = [line, "evaluation.unheard_speaker=any", f"output_root={tmp_path / 'output'}"]
    run_trial([*tiny_overrides, *QAT, *shown], tmp_path)
    assert line_of_run() == ""  # it is over
    stages = [f"float epoch {epoch}/3" for epoch in (1, 2, 3)] + [f"int8_qat epoch {epoch}/2" for epoch in (1, 2)]
    network = [bare(line) for line in lines]
    assert list(dict.fromkeys(network)) == [*stages, "evaluation", "C files and pictures"]
    second = [line for line in lines if line.startswith("2nd network, ")]
    assert list(dict.fromkeys(map(bare, second))) == stages
    assert lines.index(second[0]) > network.index("evaluation")
    trained = [line for line in lines if "epoch 2/3" in line or "epoch 3/3" in line]
    assert trained and all(
        re.search(r", val loss \d+\.\d{3}, accuracy \d+\.\d %, \d+:\d\d left$", line) for line in trained
    )
    assert max(map(len, lines)) < 80


def test_a_run_without_a_progress_bar_tells_nothing_of_its_training(
    tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial, lines: list[str]
) -> None:
    run_trial([*tiny_overrides, f"output_root={tmp_path / 'output'}"], tmp_path)
    assert [line for line in lines if "epoch" in line] == []


class Tiny(pl.LightningModule):
    """A module of somebody else, which logs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_it_works_in_a_trainer_of_your_own(lines: list[str]) -> None:
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, callbacks=[ProgressLine()], enable_checkpointing=False
    )
    trainer.fit(Tiny(), torch.utils.data.DataLoader(torch.randn(3, 4, 2), batch_size=None))
    assert [bare(line) for line in lines] == ["float epoch 1/2"] * 4 + ["float epoch 2/2"] * 3
