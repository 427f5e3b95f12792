"""The two numbers of a record that a search works with. The test clips are not among them."""

from __future__ import annotations

from dataclasses import dataclass

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.metrics import validation_accuracy
from fsdd_lightning.runs.record import RunRecord


@dataclass(frozen=True)
class Objective:
    """`accuracy`: share of the validation clips, larger is better; `flash_bytes`: smaller is better."""

    accuracy: float
    flash_bytes: int


def objective(record: RunRecord) -> Objective:
    """Of a finished run: the deployed backend's validation accuracy, and the bytes of flash.

    Raises:
        UserError: a record without one of the two.
    """
    try:
        return Objective(validation_accuracy(record), int(record.memory["flash_bytes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the record of {record.overrides} lacks its flash bytes") from error
