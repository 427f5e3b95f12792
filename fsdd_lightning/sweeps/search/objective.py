"""What a search is told of a trial: two numbers of its record. The test clips are not among them."""

from __future__ import annotations

from dataclasses import dataclass

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.record import RunRecord


@dataclass(frozen=True)
class Objective:
    """`accuracy`: share of the validation clips, larger is better; `flash_bytes`: smaller is better."""

    accuracy: float
    flash_bytes: int


def objective(record: RunRecord) -> Objective:
    """Of a finished run: the integer view's validation accuracy, or that of the last view where there is no integer.

    `record.views`, which is about the test clips, is not read.
    """
    try:
        accuracies = record.training["val_accuracy"]
        accuracy = accuracies["integer"] if "integer" in accuracies else list(accuracies.values())[-1]
        return Objective(float(accuracy), int(record.memory["flash_bytes"]))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"the record of {record.overrides} lacks its validation accuracy or bytes") from error
