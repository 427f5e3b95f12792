"""One line for what was recognized."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsdd_lightning.evaluation.prediction import Prediction

NOTHING = "-"


def prediction_line(answer: Prediction, width: int) -> str:
    """Word, probability, place and file in columns, the word of this width; then what was not heard, in brackets."""
    share = f"{NOTHING:>5}" if answer.probability is None else f"{answer.probability:.3f}"
    place = "" if answer.start_s is None else f"{answer.start_s:7.2f} - {answer.end_s:.2f} s  "
    notes = f"  ({'; '.join(answer.notes)})" if answer.notes else ""
    return f"{answer.word or NOTHING:<{width}}  {share}  {place}{answer.file}{notes}"
