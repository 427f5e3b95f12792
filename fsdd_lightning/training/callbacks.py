"""When training switches to the integer arithmetic, and histograms of the weights."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from fsdd_lightning.arithmetic.weight_codes import WeightCode
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.training.logger import DashboardLogger
from fsdd_lightning.training.module import DigitClassifier


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
        assert isinstance(pl_module, DigitClassifier)
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
                    logger.experiment.add_histogram(name, weights.detach(), epoch)
