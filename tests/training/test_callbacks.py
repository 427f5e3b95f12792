"""From the switch on, and only from then on, epochs count: as the best one, and for patience."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fsdd_lightning.model.checkpoint import load_checkpoint
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.training import fit as fitting
from fsdd_lightning.training.module import WordClassifier

Weights = dict[str, torch.Tensor]
Run = Callable[..., RunRecord]


def equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Decreed(WordClassifier):
    """Its validation losses are given, and it remembers the weights and the view of every validated epoch.

    The quantised stage is the one with the learning rate of quantization.
    """

    losses: Sequence[float] = ()
    epochs: dict[int, tuple[type | None, Weights]] = {}  # noqa: RUF012 - emptied by the test
    steps: list[tuple[int, bool, bool]] = []  # noqa: RUF012 - epoch, seen through the arithmetic, dropout on

    @property
    def quantised_stage(self) -> bool:
        return self.optimization.learning_rate == 0.001

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """Remember how the network is seen."""
        if self.quantised_stage:
            view = self.quantized_view
            self.steps.append((self.current_epoch, view is not None, (view or self.network).training))
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Remember what is validated."""
        super().validation_step(batch, batch_idx)
        if self.quantised_stage:
            weights = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
            view = None if self.quantized_view is None else QuantizedView
            self.epochs[self.current_epoch] = (view, weights)

    def log(self, name: str, value: Any, **options: Any) -> None:
        """Replace the validation loss."""
        decreed = self.quantised_stage and name == "val/loss"
        super().log(name, torch.tensor(self.losses[self.current_epoch]) if decreed else value, **options)


@pytest.fixture
def run(
    tiny_overrides: list[str],
    tmp_path: Path,
    run_trial: Callable[[Sequence[str], Path], RunRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.setattr(fitting, "WordClassifier", Decreed)
    monkeypatch.setattr(Decreed, "epochs", {})
    monkeypatch.setattr(Decreed, "steps", [])

    def run(losses: Sequence[float], start_epoch: int, *changes: str) -> RunRecord:
        monkeypatch.setattr(Decreed, "losses", losses)
        words = [f"quantization.epochs={len(losses)}", f"quantization.start_epoch={start_epoch}", *changes]
        words.append("logger.histogram_every_epochs=0")
        fixed = ["quantization=int8_qat", "trainer.max_epochs=1", f"output_root={tmp_path / 'output'}"]
        return run_trial([*tiny_overrides, *fixed, *words], tmp_path)

    return run


@pytest.mark.parametrize("start_epoch", [0, 1, 2])
def test_the_view_switches_at_the_start_of_its_epoch(run: Run, start_epoch: int) -> None:
    run((0.5, 0.4, 0.3), start_epoch, "model.dropout=0.2")
    views = {epoch: {through for at, through, _ in Decreed.steps if at == epoch} for epoch in range(3)}
    assert views == {epoch: {epoch >= start_epoch} for epoch in range(3)}
    assert all(dropout for _, _, dropout in Decreed.steps)
    validated = [view is QuantizedView for view, _ in Decreed.epochs.values()]
    assert validated == [epoch >= start_epoch for epoch in range(3)]


@pytest.mark.parametrize(
    ("losses", "start_epoch", "best"),
    [
        ((0.1, 0.9, 0.8, 0.95), 1, 2),  # the float epoch is better than all that follow
        ((0.3, 0.2, 0.1, 0.9), 3, 3),
        ((0.9, 0.1, 0.5), 0, 1),
        ((0.5, 0.5, 0.5), 1, 1),  # the first of equal ones
    ],
)
def test_the_kept_epoch_is_the_best_quantized_one(
    run: Run, tmp_path: Path, losses: tuple[float, ...], start_epoch: int, best: int
) -> None:
    tuned = run(losses, start_epoch).training["quantized"]
    assert (tuned["epochs"], tuned["best_epoch"]) == (len(losses), best)
    assert tuned["val_loss"] == pytest.approx(losses[best])
    kept = load_checkpoint(tmp_path / "network.npz")
    states = [weights for _, weights in Decreed.epochs.values()]
    assert [equal(kept.network.state_dict(), state) for state in states] == [
        epoch == best for epoch in range(len(losses))
    ]
    files = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert files == ["best_float.ckpt", "best_quantized.ckpt"]
    stored = torch.load(tmp_path / "checkpoints" / "best_quantized.ckpt", weights_only=True)
    assert (stored["epoch"], stored["weight_code"]) == (best, "int8")


@pytest.mark.parametrize(
    ("losses", "start_epoch", "epochs", "best"),
    [
        # Counted from the first epoch on, patience would end this in epoch 1, before the switch ...
        ((0.1, 0.5, 0.9, 0.8, 0.95, 0.7), 2, 5, 3),
        # ... and against the float epoch's score, in epoch 1, the first quantized one.
        ((0.1, 0.9, 0.8, 0.7), 1, 4, 3),
    ],
)
def test_patience_begins_with_the_switch(
    run: Run, losses: tuple[float, ...], start_epoch: int, epochs: int, best: int
) -> None:
    record = run(losses, start_epoch, "callbacks=early_stopping", "callbacks.early_stopping.patience=1")
    tuned = record.training["quantized"]
    assert (tuned["epochs"], tuned["best_epoch"]) == (epochs, best)


def test_a_float_epoch_that_really_is_better_is_not_kept(
    tiny_overrides: list[str], tmp_path: Path, run_trial: Callable[[Sequence[str], Path], RunRecord]
) -> None:
    mode = ["quantization=ternary_qat", "quantization.epochs=3", "quantization.start_epoch=1"]
    record = run_trial([*tiny_overrides, *mode, f"output_root={tmp_path / 'output'}"], tmp_path)
    points = EventAccumulator(str(tmp_path), {"scalars": 0}).Reload().Scalars("loss/val")
    losses = [point.value for point in points][-3:]
    assert losses[0] < min(losses[1:])  # else this tests nothing
    tuned = record.training["quantized"]
    assert tuned["best_epoch"] == 1 + losses[1:].index(min(losses[1:]))
    assert tuned["val_loss"] == pytest.approx(min(losses[1:]), rel=1e-6)
