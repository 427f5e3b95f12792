"""Shaded tables: shares by two things, and counts of what was taken for what."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fsdd_lightning.reports.evaluations import Evaluated
from fsdd_lightning.reports.maps import best_on_voices, confusion_counts
from fsdd_lightning.reports.rows import natural
from fsdd_lightning.reports.sections import Section
from fsdd_lightning.runs.metrics import percent

LEVELS = 10
_STATES = {"over_budget": "too big", "running": "runs", "failed": "failed", "interrupted": "stopped"}
_MOST_SPEAKERS = 40


@dataclass(frozen=True)
class Heat:
    """Rows of (text, level from 0 to LEVELS or None). `corner`: what rows and columns are."""

    title: str
    below: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[str, int | None]]]]
    small: bool = False


def _shaded(shares: pd.DataFrame, blanks: pd.DataFrame | None = None) -> list[tuple[str, list[tuple[str, int | None]]]]:
    """The best of all is darkest; `blanks` stand where there is none."""
    numbers = shares.to_numpy(float)
    known = numbers[~np.isnan(numbers)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)

    def cell(i: int, j: int) -> tuple[str, int | None]:
        value = numbers[i, j]
        if math.isnan(value):
            return "–" if blanks is None else str(blanks.iat[i, j]), None
        return percent(value), round(LEVELS * (value - low) / ((high - low) or 1))

    return [(str(name), [cell(i, j) for j in range(shares.shape[1])]) for i, name in enumerate(shares.index)]


def size_map(section: Section) -> Heat:
    """Series by hidden size, with the trials that have no result."""
    shares = section.points.pivot_table("accuracy", "series", "hidden_size", aggfunc="last")
    states = section.unfinished.pivot_table("state", "series", "hidden_size", aggfunc="last")
    rows = sorted(shares.index.union(states.index), key=natural)
    sizes = sorted(shares.columns.union(states.columns))
    blanks = states.reindex(index=rows, columns=sizes).map(lambda state: _STATES.get(state, "–"))
    shaded = _shaded(shares.reindex(index=rows, columns=sizes), blanks)
    columns = [str(size) for size in sizes]
    return Heat("Accuracy, %, by mode and hidden size", "", "mode \\ hidden size", columns, shaded)


def speaker_maps(section: Section) -> list[Heat]:
    """Config by held-out speaker, and what the best config takes for what, for every speaker."""
    voices = section.voices.set_axis(list(section.speakers["label"]))
    names = [str(name) for name in voices]
    maps = [Heat("Accuracy on each unseen voice, %", "mean over seeds", "config \\ speaker", names, _shaded(voices))]
    best = best_on_voices(section)["label"]
    for speaker, counts in confusion_counts(section).items():
        labels = _labels(section, len(counts))
        maps.append(confusion(f"{speaker}, never heard by {best}", labels, counts))
    return maps


def _labels(section: Section, size: int) -> list[str]:
    """Names of the classes as the records tell them; their numbers where they do not."""
    for row in section.trials.to_dict("records"):
        try:
            found = [str(one["label"]) for one in json.loads(row[f"views.{row['deployed_backend']}.classes"])]
        except (KeyError, ValueError, TypeError):
            continue
        if len(found) == size:
            return found
    return [str(at) for at in range(size)]


def confusion(title: str, labels: Sequence[str], counts: np.ndarray) -> Heat:
    """Rows: said; columns: taken for. Shaded by the share of the row; zeros are left empty."""
    totals = counts.sum(axis=1)

    def cell(count: int, total: int) -> tuple[str, int | None]:
        return (f"{count:,}", round(LEVELS * count / total)) if count else ("", None)

    rows = [
        (label, [cell(int(count), int(total)) for count in row])
        for label, row, total in zip(labels, counts, totals, strict=True)
    ]
    return Heat(title, "clips", "said \\ heard", list(labels), rows, small=True)


def evaluation_maps(found: Sequence[Evaluated]) -> list[Heat]:
    """For every set of other recordings: runs by speaker; of many speakers those with the lowest mean."""
    maps = []
    for name in dict.fromkeys(one.evaluation.name for one in found):
        alike = [one for one in found if one.evaluation.name == name and one.evaluation.speakers]
        if not alike:
            continue
        shares = pd.DataFrame(
            [{who: one.accuracy for who, one in each.evaluation.speakers.items()} for each in alike],
            index=[_name(each) for each in alike],
            dtype=float,
        )
        lowest = shares.mean().sort_values(kind="stable").index[:_MOST_SPEAKERS]
        below = (
            f"the {_MOST_SPEAKERS} with the lowest accuracy of {shares.shape[1]}"
            if len(lowest) < shares.shape[1]
            else ""
        )
        kept = shares[sorted(lowest, key=lambda who: natural(str(who)))]
        maps.append(Heat(f"{name}, by speaker, %", below, "run \\ speaker", [str(who) for who in kept], _shaded(kept)))
    return maps


def _name(each: Evaluated) -> str:
    row = each.row
    if not isinstance(row["mode"], str):
        return str(row["run"])
    return f"{row['mode']} {row['layers']}×{row['hidden_size']}, seed {row['training_seed']}"
