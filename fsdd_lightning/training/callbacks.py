"""When training switches to the integer arithmetic; norms of gradients, and histograms of the weights."""

from __future__ import annotations

import re

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from fsdd_lightning.arithmetic.weight_codes import WeightCode
from fsdd_lightning.interruption import obey
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.training.logger import DashboardLogger
from fsdd_lightning.training.module import WordClassifier


class QuantizationSchedule(pl.Callback):
    """Switches to the quantized view at the start of epoch `start_epoch`; the search for the best epoch starts then.

    A float epoch is not what is deployed. So it must neither be kept as the best one, nor count for the patience of
    early stopping.
    """

    def __init__(self, code: WeightCode, start_epoch: int) -> None:
        self.code = code
        self.start_epoch = start_epoch

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Switch, once; until then, forget the earlier epochs."""
        assert isinstance(pl_module, WordClassifier)
        if pl_module.quantized_view is not None:
            return
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, ModelCheckpoint):
                forget_best_checkpoint(callback)
            elif isinstance(callback, EarlyStopping):
                forget_best_score(callback)
        if trainer.current_epoch >= self.start_epoch:
            pl_module.quantized_view = QuantizedView(pl_module.network, self.code).train()


def forget_best_checkpoint(checkpoint: ModelCheckpoint) -> None:
    """Restore the state before the first epoch; the next one overwrites the file."""
    fresh = ModelCheckpoint(monitor=checkpoint.monitor, mode=checkpoint.mode, save_top_k=checkpoint.save_top_k)
    for name in ("best_k_models", "kth_best_model_path", "best_model_score", "best_model_path", "current_score"):
        setattr(checkpoint, name, getattr(fresh, name))
    checkpoint.kth_value = fresh.kth_value


def forget_best_score(stopping: EarlyStopping) -> None:
    """Count patience from now on."""
    stopping.wait_count = 0
    stopping.best_score = EarlyStopping(stopping.monitor, mode=stopping.mode).best_score


class Obedience(pl.Callback):
    """Ends the work before the next batch where a signal asked for it and its exception was lost."""

    def on_train_batch_start(self, *_: object) -> None:
        """Of training."""
        obey()

    def on_validation_batch_start(self, *_: object) -> None:
        """Of validation."""
        obey()

    def on_test_batch_start(self, *_: object) -> None:
        """Of the test clips."""
        obey()


class WeightHistograms(pl.Callback):
    """Histograms of all weights at the end of every `every_epochs`-th epoch; 0 turns them off."""

    def __init__(self, every_epochs: int) -> None:
        self.every_epochs = every_epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write them."""
        if not self.every_epochs or (trainer.current_epoch + 1) % self.every_epochs:
            return
        logger = trainer.logger
        if isinstance(logger, DashboardLogger):
            epoch = logger.first_epoch + trainer.current_epoch
            for name, weights in pl_module.named_parameters():
                if weights.isfinite().all():  # a diverged training must fail with its own error, not in a histogram
                    logger.experiment.add_histogram(f"weights/{_short(name)}", weights.detach(), epoch)


class GradientNorms(pl.Callback):
    """Mean norms over the steps of an epoch, before clipping: of all gradients, and of each layer's.

    One launch a step for all tensors, read at the end of the epoch: under a hundredth of a step's time.
    """

    def __init__(self) -> None:
        self._weights: list[tuple[str, torch.nn.Parameter]] = []
        self._squares: list[torch.Tensor] = []  # (parameters,) of each step

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """To look for the weights takes longer than their norms: once an epoch, as a callback may freeze some."""
        self._weights = [(name, each) for name, each in pl_module.named_parameters() if each.requires_grad]

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Lightning clips after this."""
        gradients = [each.new_zeros(1) if each.grad is None else each.grad for _, each in self._weights]
        self._squares.append(torch.stack(torch._foreach_norm(gradients)).square())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log them, also to a user's own loggers."""
        if not self._squares:
            return
        squares = torch.stack(self._squares).cpu()  # (steps, parameters)
        self._squares.clear()
        layers = [_layer(name) for name, _ in self._weights]
        pl_module.log("optimizer/gradient_norm", squares.sum(dim=1).sqrt().mean())
        for layer in dict.fromkeys(layers):
            own = [at for at, other in enumerate(layers) if other == layer]
            pl_module.log(f"optimizer/gradient_norm_{layer}", squares[:, own].sum(dim=1).sqrt().mean())


def _short(name: str) -> str:
    return name.removeprefix("network.")


def _layer(name: str) -> str:
    """network.lstm.weight_hh_l0 -> lstm_layer_1, network.output.bias -> output."""
    module, _, parameter = _short(name).rpartition(".")
    number = re.fullmatch(r".*_l(\d+)", parameter)
    return f"{module}_layer_{int(number[1]) + 1}" if number else module
