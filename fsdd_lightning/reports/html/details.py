"""What the page's script knows of every trial, as JSON of a bounded size: names, ranks, curves and confusions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fsdd_lightning.escaping import visible
from fsdd_lightning.reports.choice import ranked
from fsdd_lightning.reports.html.curves import CURVES, curves_of, thinned
from fsdd_lightning.reports.html.links import Links
from fsdd_lightning.reports.sections import Section

_MOST_POINTS, _FEWEST_POINTS = 80, 16  # of a curve
_ALL_POINTS = 24_000  # of one curve of all trials together
_MOST_BYTES = 1_500_000  # of confusions, and again of curves
_SCALE = 10_000  # curves are integers of this step


def details(trials: pd.DataFrame, sections: Sequence[Section], links: Links) -> dict[str, Any]:
    """One entry a row of the frame, in its order: {"name", "sweep", "href", "listen", "bytes", "rank", "curves",
    "confusion"}.

    `listen` is the address of the page on which one can hear the network. `rank`, of what a budget chooses, is missing
    for what can't be chosen. "labels": classes, by the index that a
    confusion begins with. Where the bytes do not suffice, the trials that are ranked last go without.
    """
    ranks = _ranks(sections)
    entries = [_entry(row, links) for row in trials[["run", "sweep", "folder"]].to_dict("records")]
    place = {label: at for at, label in enumerate(trials.index)}
    labels: list[list[str]] = []
    order = sorted(place, key=lambda label: (ranks.get(label, len(place)), place[label]))
    for label, rank in ranks.items():
        entries[place[label]] |= {"rank": rank, "bytes": int(trials["memory.flash_bytes"][label])}
    done = [label for label in order if trials.at[label, "state"] == "done"]
    _fill(entries, "curves", {place[label]: _curves(trials.loc[label], len(done)) for label in done})
    _fill(entries, "confusion", {place[label]: _confusion(trials.loc[label], labels) for label in done})
    return {"scale": _SCALE, "labels": labels, "trials": entries}


def _entry(row: Mapping[Any, Any], links: Links) -> dict[str, Any]:
    """Names and addresses of a trial."""
    page = links.listen(row["folder"])
    entry = {"name": visible(row["run"]), "sweep": visible(row["sweep"]), "href": links.run(row["folder"])}
    return entry | ({} if page is None else {"listen": page})


def _ranks(sections: Sequence[Section]) -> dict[Any, int]:
    return {label: int(rank) for section in sections for label, rank in ranked(section)["rank"].items()}


def _fill(entries: list[dict[str, Any]], name: str, found: Mapping[int, Any]) -> None:
    """In the order of `found`, until the bytes are used up."""
    left = _MOST_BYTES
    for at, content in found.items():
        left -= len(json.dumps(content))
        if content and left > 0:
            entries[at][name] = content


def _curves(row: pd.Series, trials: int) -> dict[str, list[list[int]]]:
    """[epochs, values] by name."""
    if row["folder"] is None:
        return {}
    float_run = row.get("training.float.run")
    most = max(_FEWEST_POINTS, min(_MOST_POINTS, _ALL_POINTS // trials))
    curves = curves_of(row["folder"], float_run if isinstance(float_run, str) else None)
    kept = {name: thinned(curves[name], most) for name in CURVES if name in curves}
    return {name: [list(curve), [round(_SCALE * value) for value in curve.values()]] for name, curve in kept.items()}


def _confusion(row: pd.Series, labels: list[list[str]]) -> list[Any]:
    """[index of the classes, rows of counts]; empty for what is no square matrix."""
    try:
        matrix = json.loads(row["confusion"] or "[]")
        classes = json.loads(row.get(f"views.{row['deployed_backend']}.classes") or "[]")
    except (ValueError, TypeError):
        return []
    size = len(matrix)
    if not size or any(len(counts) != size for counts in matrix):
        return []
    names = [visible(one.get("label", at)) if isinstance(one, dict) else str(at) for at, one in enumerate(classes)]
    names = names if len(names) == size else [str(at) for at in range(size)]
    if names not in labels:
        labels.append(names)
    return [labels.index(names), matrix]
