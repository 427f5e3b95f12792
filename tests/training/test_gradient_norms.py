"""Norms of gradients: as they were before clipping, and without any effect on the training."""

from __future__ import annotations

import pytest
import pytorch_lightning as pl
import torch
from torch.nn import functional as F

from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.training.callbacks import GradientNorms

CLIP = 1e-3
STEPS = 4


class Small(pl.LightningModule):
    """A network with dropout on given batches; keeps the gradients of every step as they were before clipping."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.network = LSTMClassifier(NetworkShape(3, 4, 2, 5), dropout=0.5)
        self.gradients: list[dict[str, torch.Tensor]] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        logits = self.network(batch, torch.full((len(batch),), batch.shape[1]))
        return F.cross_entropy(logits, torch.arange(len(batch)) % 5)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.gradients.append({name: weights.grad.clone() for name, weights in self.network.named_parameters()})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trained(*callbacks: pl.Callback) -> tuple[Small, dict[str, torch.Tensor]]:
    module = Small()
    batches = torch.randn(STEPS, 6, 7, 3, generator=torch.Generator().manual_seed(2))
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        callbacks=list(callbacks),
        gradient_clip_val=CLIP,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader(batches, batch_size=None))
    return module, dict(trainer.callback_metrics)


def mean_norm(steps: list[dict[str, torch.Tensor]], part: str) -> float:
    norms = [torch.cat([grad.flatten() for name, grad in step.items() if part in name]).norm() for step in steps]
    return torch.stack(norms).mean().item()


def test_they_are_means_over_steps_of_what_clipping_had_not_touched() -> None:
    module, metrics = trained(GradientNorms())
    assert len(module.gradients) == STEPS
    parts = {"": "", "_lstm_layer_1": "_l0", "_lstm_layer_2": "_l1", "_output": "output"}
    assert metrics.keys() == {f"optimizer/gradient_norm{suffix}" for suffix in parts}
    for suffix, part in parts.items():
        norm = metrics[f"optimizer/gradient_norm{suffix}"].item()
        assert norm == pytest.approx(mean_norm(module.gradients, part), rel=1e-5)
    assert metrics["optimizer/gradient_norm"] > 10 * CLIP  # else this tests nothing


def test_training_is_the_same_to_the_bit_without_them() -> None:
    watched, unwatched = (trained(*callbacks)[0].state_dict() for callbacks in ([GradientNorms()], []))
    assert all(torch.equal(watched[name], unwatched[name]) for name in watched)
