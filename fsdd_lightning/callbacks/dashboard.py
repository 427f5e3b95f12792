"""What a run shows in TensorBoard beside its curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.digits import CLASSES
from fsdd_lightning.experiments.record import VIEWS, RunRecord
from fsdd_lightning.memory.bill import MemoryBill

FINAL_METRICS = (
    *(f"accuracy/{view}" for view in (*VIEWS, "drop")),
    *(f"memory/{name}" for name in ("parameters", "flash_bytes", "ram_bytes", "macs_per_clip")),
)


class DashboardLogger(TensorBoardLogger):
    """One event file a run, straight in the run folder, so that TensorBoard names runs by their folders.

    Lightning finalizes a logger after each of fit and test, which would close the file and begin another.
    """

    def __init__(self, run_folder: Path) -> None:
        super().__init__(run_folder, name="", version="", default_hp_metric=False)
        self.stage = "float"
        self.first_epoch = (
            0  # of this stage, in the curves: those of the next stage go on where the last one ended
        )

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Curves over epochs, whatever the batch size; Lightning's own chart of the epoch itself is left out."""
        kept = {name: value for name, value in metrics.items() if name != "epoch"}
        super().log_metrics(kept, self.first_epoch + int(metrics.get("epoch", step or 0)))

    def finalize(self, status: str) -> None:
        """Write out what there is, and stay open."""
        self.experiment.flush()

    def save(self) -> None:
        """No `hparams.yaml`: run.json holds the settings."""

    def close(self) -> None:
        """The run is over; one that never logged anything gets no event file by that."""
        if self._experiment is not None:
            self._experiment.close()


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
                if weights.isfinite().all():  # a training that diverges is to end as that, not in a histogram
                    logger.experiment.add_histogram(name, weights.detach(), epoch)


def log_confusions(logger: TensorBoardLogger, pictures: Mapping[str, Path]) -> None:
    """One confusion matrix a view, from the PNG that was drawn: drawing it again would cost as much again."""
    from matplotlib.image import imread

    for name, path in pictures.items():
        logger.experiment.add_image(f"confusion/{name}", imread(path)[..., :3], dataformats="HWC")


def log_mistakes(logger: TensorBoardLogger, data: PreparedData, predictions: np.ndarray, most: int) -> None:
    """Wrongly recognised test clips as audio, with truth and prediction in the title.

    predictions: int (test clips,), in the order of the split.
    """
    wrong = np.flatnonzero(predictions != data.labels[data.split.test])[:most]
    for at in wrong:
        position = int(data.split.test[at])
        recording = data.recordings.recordings[position]
        tag = f"misclassified/{recording.name} said {recording.digit} heard {CLASSES[predictions[at]]}"
        logger.experiment.add_audio(
            tag, data.recordings.waveforms[position][None], sample_rate=data.recordings.sample_rate_hz
        )


def log_bill(logger: TensorBoardLogger, bill: MemoryBill) -> None:
    """The memory bill, as a table in the TEXT tab."""
    rows = [
        f"| {line.name} | {line.detail} | {line.count:,} | {line.memory} | {line.bytes:,} |"
        for line in bill.lines
    ]
    total = f"| **total** | | | flash / ram | **{bill.flash_bytes:,} / {bill.ram_bytes:,}** |"
    head = ["| part | detail | values | memory | bytes |", "|---|---|--:|---|--:|"]
    logger.experiment.add_text("memory bill", "\n".join([*head, *rows, total]))


def log_hyperparameters(logger: TensorBoardLogger, record: RunRecord) -> None:
    """The row of a run on the HParams page: every setting by its dotted name, all metrics that any run may have.

    The columns are the same for all runs, whatever their mode: a metric that does not apply has no value.
    """
    metrics = final_metrics(record)
    columns = dict.fromkeys(FINAL_METRICS, 0.0)
    session = hparams(dict(_flatten(record.config)), columns)  # type: ignore[no-untyped-call]
    for summary in session:
        logger.experiment.file_writer.add_summary(summary)
    for name, value in metrics.items():
        logger.experiment.add_scalar(name, value)


def final_metrics(record: RunRecord) -> dict[str, float]:
    """Those of FINAL_METRICS that this run has."""
    views, memory = record.views, record.memory
    found = {f"accuracy/{name}": view["accuracy"] for name, view in views.items()}
    if "float" in views and "integer" in views:
        found["accuracy/drop"] = views["float"]["accuracy"] - views["integer"]["accuracy"]
    found |= {f"memory/{name}": float(memory[name]) for name in ("parameters", "flash_bytes", "ram_bytes")}
    found["memory/macs_per_clip"] = float(memory["macs_per_clip"])
    return found


def _flatten(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in settings.items():
        if isinstance(value, dict):
            rows += _flatten(value, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, value if isinstance(value, int | float | str) else str(value)))
    return rows
