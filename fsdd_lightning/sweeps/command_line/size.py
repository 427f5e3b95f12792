"""How many trials a command line stands for, counted before any of them is made."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep

from fsdd_lightning.errors import UserError

MOST_TRIALS = 10_000  # of a command without --max-trials: minutes to compose, and a week of training at a minute each
MAX_TRIALS_OPTION = "--max-trials"


def check_size(overrides: Sequence[Override], most: int) -> None:
    """Reject a sweep of more than `most` trials.

    Raises:
        UserError: with the number of them, and how it is allowed.
    """
    counts = {}  # of several overrides of a key the last one counts
    for override in overrides:
        counts[override.get_key_element()] = count_of(override) if override.is_sweep_override() else 1
    trials = math.prod(counts.values())
    if trials > most:
        widest = max(counts, key=lambda key: counts[key])
        raise UserError(
            f"a sweep of {_number(trials)} trials, with {_number(counts[widest])} values of {widest[:80]}: "
            f"more than {most:,} need {MAX_TRIALS_OPTION} N"
        )


def _number(count: float) -> str:
    return f"{count:,}" if count < 10**15 else "more than 10^15"


def count_of(override: Override) -> int:
    """How many values an override sweeps over.

    Raises:
        UserError: a range without end, or an interval, which has no values to take in turn.
    """
    value = override.value()
    if isinstance(value, RangeSweep):
        return _steps(value, override.input_line or "")
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if override.is_interval_sweep():
        raise UserError(f"{override.input_line}: an interval is for searches; name values, or range(FIRST,END,STEP)")
    return sum(1 for _ in override.sweep_string_iterator())


def _steps(value: RangeSweep, line: str) -> int:
    try:
        first, end, step = float(value.start or 0), float(value.stop or 0), float(value.step)
    except OverflowError:
        first = end = step = math.inf
    if not all(map(math.isfinite, (first, end, step))) or step == 0 or not math.isfinite((end - first) / step):
        raise UserError(f"{line[:80]}: a range has a first value, an end and a step that are numbers, and no step of 0")
    return max(0, math.ceil((end - first) / step))
