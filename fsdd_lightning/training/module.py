"""The LightningModule: one shared step for training, validation and test."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import ConfusionMatrix, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.config.schema import Config, TrainingConfig
from fsdd_lightning.data.datamodule import Batch
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.training.optimization import Optimization


class WordClassifier(pl.LightningModule):
    """Cross-entropy with label smoothing, the optimizer and schedule of the config, accuracy and macro-F1."""

    def __init__(self, network: LSTMClassifier, config: TrainingConfig, optimization: Optimization) -> None:
        super().__init__()
        self.network = network
        self.quantized_view: QuantizedView | None = None  # set by callbacks.QuantizationSchedule
        self.config = config
        self.optimization = optimization
        classes = network.shape.classes
        metrics = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(classes, average="micro"),
                "macro_f1": MulticlassF1Score(classes, average="macro"),
            }
        )
        self.train_metrics = metrics.clone(prefix="train/")
        self.val_metrics = metrics.clone(prefix="val/")
        self.test_metrics = metrics.clone(prefix="test/")
        self.test_confusion = ConfusionMatrix(task="multiclass", num_classes=classes)
        self._seen: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {"train": [], "val": [], "test": []}

    @classmethod
    def from_config(cls, config: Config) -> WordClassifier:
        """A new float network of the config's size; the current random state determines its weights."""
        network = LSTMClassifier(plan_run(config).shape, config.model.dropout)
        return cls(network, config.training, Optimization.of(config))

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, classes) of the network in its current mode: in float, or through the integer arithmetic."""
        view = self.network if self.quantized_view is None else self.quantized_view
        logits: Tensor = view(features, lengths)
        return logits

    def _shared_step(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        logits = self(batch.features, batch.lengths)
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=self.config.label_smoothing)
        # Collected here, summed up once per epoch: logging every step costs a fifth of the step itself.
        self._seen[stage].append((loss.detach(), logits.detach(), batch.labels))
        return loss, logits

    def _log_epoch(self, stage: str, metrics: MetricCollection) -> None:
        losses, logits, labels = zip(*self._seen[stage], strict=True)
        clips = torch.tensor([float(len(batch)) for batch in labels]).to(self.device)
        metrics.update(torch.cat(logits), torch.cat(labels))
        self.log(f"{stage}/loss", torch.stack(losses).float() @ clips / clips.sum())
        self.log_dict(metrics.compute(), prog_bar=stage == "val")
        metrics.reset()
        self._seen[stage].clear()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The metrics are those of the augmented clips."""
        loss, _ = self._shared_step(batch, "train")
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The loss, smoothed as in training, is what the best checkpoint is chosen by."""
        self._shared_step(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Like validation, and the confusion matrix."""
        _, logits = self._shared_step(batch, "test")
        self.test_confusion.update(logits, batch.labels)

    def on_train_epoch_end(self) -> None:
        """Log the epoch's training loss and metrics, and the learning rate that it ended with."""
        self.log("train/learning_rate", self.trainer.optimizers[0].param_groups[0]["lr"])
        self._log_epoch("train", self.train_metrics)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's validation loss and metrics."""
        self._log_epoch("val", self.val_metrics)

    def on_test_epoch_end(self) -> None:
        """Log the test loss and metrics; the confusion matrix stays in `test_confusion`."""
        self._log_epoch("test", self.test_metrics)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the mode, and the state of the random numbers that dropout draws."""
        checkpoint["weight_code"] = None if self.quantized_view is None else self.quantized_view.code.name
        checkpoint["random_state"] = torch.get_rng_state()
        if self.device.type == "cuda":
            checkpoint["cuda_random_state"] = torch.cuda.get_rng_state(self.device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the mode and the random state."""
        code = checkpoint["weight_code"]
        self.quantized_view = None if code is None else QuantizedView(self.network, weight_code(code))
        torch.set_rng_state(checkpoint["random_state"])
        if "cuda_random_state" in checkpoint:
            torch.cuda.set_rng_state(checkpoint["cuda_random_state"], self.device)

    def configure_optimizers(self) -> Any:
        """Those of the config, over all steps of this stage."""
        steps, epochs = int(self.trainer.estimated_stepping_batches), self.trainer.max_epochs or 1
        return self.optimization.configure(self.network.parameters(), steps, epochs)
