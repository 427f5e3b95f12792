"""The event file of a run, and its content beside curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytorch_lightning.loggers import TensorBoardLogger

from fsdd_lightning.escaping import markdown
from fsdd_lightning.memory.bill import MemoryBill
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.training.tensorboard import final_summaries, metrics_step, tag_of, trial_name


class DashboardLogger(TensorBoardLogger):
    """One event file a run, straight in the run folder, so that TensorBoard names runs by their folders.

    Lightning finalizes a logger after fit and after test, which would close the file and begin another.
    """

    def __init__(self, run_folder: Path) -> None:
        super().__init__(run_folder, name="", version="", default_hp_metric=False)
        self.stage = "float"
        # Of this stage in the curves: they continue where those of the stage before end.
        self.first_epoch = 0

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Curves over epochs, whatever the batch size; Lightning's own chart of the epoch itself is left out."""
        kept = {tag_of(name): value for name, value in metrics.items() if name != "epoch"}
        super().log_metrics(kept, self.first_epoch + int(metrics.get("epoch", step or 0)))

    def finalize(self, status: str) -> None:
        """Flush, and stay open."""
        self.experiment.flush()

    def save(self) -> None:
        """No `hparams.yaml`: run.json holds the config."""

    def close(self) -> None:
        """The run is over. A run that logged nothing gets no event file."""
        if self._experiment is not None:
            self._experiment.close()


def log_bill(logger: TensorBoardLogger, bill: MemoryBill) -> None:
    """The memory bill, as a table in the TEXT tab."""
    rows = [
        f"| {markdown(line.name)} | {markdown(line.detail)} | {line.count:,} | {line.memory} | {line.bytes:,} |"
        for line in bill.lines
    ]
    total = f"| **total** | | | flash / ram | **{bill.flash_bytes:,} / {bill.ram_bytes:,}** |"
    head = ["| part | detail | values | memory | bytes |", "|---|---|--:|---|--:|"]
    logger.experiment.add_text("memory bill", "\n".join([*head, *rows, total]))


def log_trial_end(logger: TensorBoardLogger, record: RunRecord) -> None:
    """The run's row on the HParams page, its final metrics and the layout of the charts: the run is done."""
    folder = Path(logger.log_dir)
    for summary in final_summaries(record, "done", trial_name(folder)):
        logger.experiment.file_writer.add_summary(summary, metrics_step(record))
