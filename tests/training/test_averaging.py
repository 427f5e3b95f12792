"""The moving average of the weights: Lightning's, to the bit."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EMAWeightAveraging
from torch import nn

from fsdd_lightning.training.averaging import MovingAverage

DECAY = 1.0 - 1.0 / 3.7  # neither it nor its complement is a float32


class Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.network = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss: torch.Tensor = self.network(batch).square().mean()
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def averaged(averaging: pl.Callback, batches_a_step: int) -> dict[str, torch.Tensor]:
    module, batches = Line(), torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(2))
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        callbacks=[averaging],
        accumulate_grad_batches=batches_a_step,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader(batches, batch_size=None))
    return module.state_dict()


def test_it_is_lightnings_after_any_number_of_steps() -> None:
    for batches_a_step in (1, 2):
        ours = averaged(MovingAverage(DECAY), batches_a_step)
        theirs = averaged(EMAWeightAveraging(decay=DECAY), batches_a_step)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
