"""The training step: its loss, its metrics, its schedule."""

from __future__ import annotations

import math

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from fsdd_lightning.config.schema import TrainingConfig
from fsdd_lightning.data.datamodule import Batch
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.training.module import WordClassifier
from fsdd_lightning.training.optimization import Optimization

CONFIG = TrainingConfig(batch_size=4, label_smoothing=0.1, weight_averaging=0.0, checkpoint="best")
LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5], [0.3, 0.2, 0.1], [0.0, 0.0, 3.0]])
LABELS = torch.tensor([0, 2, 0, 2])  # predictions: 0, 1, 0, 2


ADAMW = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.5, "weight_decay": 0.1}  # lr: of another stage
ONE_CYCLE = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "_partial_": True, "interval": "step"}
PEAK = Optimization(ADAMW, ONE_CYCLE, 0.01)


class Fixed(nn.Module):
    """Logits that are given, shifted by a bias that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.shape = NetworkShape(3, 1, 1, 3)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return features[torch.arange(len(lengths)), lengths - 1] + self.bias


def batches(clips: int = 4, parts: int = 1) -> DataLoader[Batch]:
    features = torch.full((4, 3, 3), 99.0)
    lengths = torch.tensor([1, 2, 3, 1])
    features[torch.arange(4), lengths - 1] = LOGITS
    whole = [Batch(features[i::parts], lengths[i::parts], LABELS[i::parts]) for i in range(parts)]
    return DataLoader(whole, batch_size=None)  # type: ignore[arg-type]


class Bench(pl.Trainer):
    """A trainer without display or files."""

    def __init__(self, **options: object) -> None:
        super().__init__(
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **options,  # type: ignore[arg-type]
        )


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def smoothed(logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> float:
    """Cross-entropy against (1 - s) one-hot + s / classes, written out."""
    shares = torch.log_softmax(logits, 1)
    target = (1 - smoothing) * F.one_hot(labels, 3) + smoothing / 3
    return float(-(target * shares).sum(1).mean())


@pytest.mark.parametrize("parts", [1, 2])
def test_validation_and_test_report_the_smoothed_loss_and_hand_counted_scores(parts: int) -> None:
    module = WordClassifier(Fixed(), CONFIG, PEAK)
    trainer = Bench()
    # class 0: both right, F1 1; class 1: never spoken, once heard, F1 0; class 2: one of two, F1 2/3
    expected = {"loss": smoothed(LOGITS, LABELS, 0.1), "accuracy": 3 / 4, "macro_f1": (1 + 0 + 2 / 3) / 3}
    for stage, run in (("val", trainer.validate), ("test", trainer.test)):
        (logged,) = run(module, batches(parts=parts), verbose=False)
        assert logged == pytest.approx({f"{stage}/{name}": value for name, value in expected.items()})
    assert module.test_confusion.compute().tolist() == [[2, 0, 0], [0, 0, 0], [0, 1, 1]]


def test_metrics_do_not_leak_from_one_evaluation_into_the_next() -> None:
    module, trainer = WordClassifier(Fixed(), CONFIG, PEAK), Bench()
    first = trainer.validate(module, batches(), verbose=False)
    with torch.no_grad():
        module.network.bias += torch.tensor([0.0, 50.0, 0.0])
    assert trainer.validate(module, batches(), verbose=False)[0]["val/accuracy"] == 0.0
    with torch.no_grad():
        module.network.bias.zero_()
    assert trainer.validate(module, batches(), verbose=False) == first


def test_training_minimizes_the_smoothed_loss_and_reports_it() -> None:
    module = WordClassifier(Fixed(), CONFIG, PEAK)
    trainer = Bench(max_epochs=1)
    trainer.fit(module, batches(), batches())
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(smoothed(LOGITS, LABELS, 0.1))
    assert trainer.callback_metrics["train/accuracy"].item() == 0.75
    after = module.network(torch.zeros(1, 1, 3), torch.tensor([1]))[0]
    assert after.abs().min() > 0  # every class is pulled at


def test_the_learning_rate_is_one_cycle_over_all_steps() -> None:
    module = WordClassifier(Fixed(), CONFIG, PEAK)
    rates: list[float] = []

    class Watch(pl.Callback):
        def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    Bench(max_epochs=10, callbacks=[Watch()]).fit(module, batches(parts=2), batches())
    peak = rates.index(max(rates))
    assert len(rates) == 20
    assert rates[0] == pytest.approx(0.01 / 25)
    assert rates[peak] == pytest.approx(0.01, rel=0.05)
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0.01 / 25e4, abs=1e-6)
    assert 0.2 < peak / 20 < 0.4


def test_one_single_step_is_a_schedule_too() -> None:
    module = WordClassifier(Fixed(), CONFIG, PEAK)
    Bench(max_epochs=1).fit(module, batches(), batches())
    assert all(math.isfinite(value) for value in module.network.bias.tolist())


def test_the_optimizer_is_adamw_with_the_configured_weight_decay() -> None:
    module = WordClassifier(Fixed(), CONFIG, PEAK)
    trainer = Bench(max_epochs=1)
    trainer.fit(module, batches(), batches())
    (optimizer,) = trainer.optimizers
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.param_groups[0]["weight_decay"] == 0.1
