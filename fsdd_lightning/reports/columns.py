"""The tables of a report: named columns of plain text with the values to sort by, for HTML and Markdown alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from fsdd_lightning.reports.choice import validated
from fsdd_lightning.reports.evaluations import Evaluated
from fsdd_lightning.reports.sections import Section, differing
from fsdd_lightning.reports.summaries import SUREST
from fsdd_lightning.runs.metrics import percent
from fsdd_lightning.runs.record import WAYS

_PLAIN = re.compile(r"[0-9]+([.][0-9]+)?")
_HIDDEN = ("config.name", "config.output_root", "config.logger.", "config.data.root", "config.data.cache_dir",
           "config.data.others")  # fmt: skip


@dataclass(frozen=True)
class Column:
    """`texts`: one a row, empty for what is missing. `order`: numbers that sort the rows instead of their texts."""

    texts: Sequence[str]
    order: Sequence[float | None]
    folders: Sequence[Path | None] = ()  # what the texts link to

    @cached_property
    def is_numeric(self) -> bool:
        """Whether it holds numbers alone, which are aligned right."""
        shown = [number is not None for text, number in zip(self.texts, self.order, strict=True) if text]
        return bool(shown) and all(shown)

    def is_plain(self, row: int) -> bool:
        """Whether a text is its number, as a script reads it: then it need not be told again."""
        return self.is_numeric and bool(_PLAIN.fullmatch(self.texts[row]))


Table = dict[str, Column]


def _column(values: Iterable[Any], written: Callable[[Any], str] = str) -> Column:
    known = [None if pd.isna(value) else value for value in values]
    order = [
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None for value in known
    ]
    return Column(["" if value is None else written(value) for value in known], order)


def _points(share: float) -> str:
    """A difference in percentage points."""
    return f"{100 * share:+.2f}"


def _intervals(summary: pd.DataFrame) -> Column:
    """Bounds in percent and the kind of interval, see summaries.py; empty where there is none."""
    rows = list(zip(summary["low"], summary["high"], summary["kind"], strict=True))
    texts = [f"{percent(low)} – {percent(high)} ({kind})" if kind else "" for low, high, kind in rows]
    return Column(texts, [low if kind else None for low, _, kind in rows])


def summary_table(section: Section) -> Table:
    """One row a config and held-out speaker, over its seeds. Columns in which all is empty are left out."""
    rows = section.summary
    columns = {
        "mode": _column(rows["mode"]),
        "variant": _column(rows["variant"]),
        "speaker": _column(rows["speaker"]),
        "network": Column(list(rows["network"]), list(rows["hidden_size"])),
        "accuracy %": _column(rows["accuracy"], percent),
        "std": _column(rows["std"], percent),
        "95 % interval": _intervals(rows),
        "seeds": _column(rows["seeds"], "{:,}".format),
        "float %": _column(rows["float"], percent),
        "drop": _column(rows["drop"], _points),
        "macro-F1 %": _column(rows["macro_f1"], percent),
        "flash bytes": _column(rows["flash_bytes"], "{:,}".format),
        "RAM bytes": _column(rows["ram_bytes"], "{:,}".format),
        "MACs/clip": _column(rows["macs_per_clip"], "{:,}".format),
        "budget": _column(rows["budget"]),
    }
    return {name: column for name, column in columns.items() if any(column.texts)}


def speaker_table(section: Section) -> Table:
    """One row a config, one column a held-out speaker."""
    rows = section.speakers
    seeds = ["–".join(map(str, sorted({*pair}))) for pair in zip(rows["fewest_seeds"], rows["seeds"], strict=True)]
    columns = {
        "config": _column(rows["label"]),
        "mean %": _column(rows["accuracy"], percent),
        "std": _column(rows["std"], percent),
        "95 % interval": _intervals(rows),
        "worst %": _column(rows["worst"], percent),
        "worst speaker": _column(rows["worst_speaker"]),
        "spread": _column(rows["spread"], percent),
        "seeds": Column(seeds, list(rows["fewest_seeds"])),
        **{str(name): _column(section.voices[name], percent) for name in section.voices},
    }
    return columns | ({"missing": _column(map(", ".join, rows["missing"]))} if any(rows["missing"]) else {})


def others_table(section: Section) -> Table:
    """One row a config, corpus of people whom it has never heard, and way; no columns without such a corpus."""
    rows = section.others
    if rows.empty:
        return {}
    columns = {
        "mode": _column(rows["mode"]),
        "variant": _column(rows["variant"]),
        "held out": _column(rows["speaker"]),
        "network": Column(list(rows["network"]), list(rows["hidden_size"])),
        "corpus": _column(rows["corpus"]),
        "way": _column(rows["way"].map(WAYS)),
        "mean %": _column(rows["mean"], percent),
        "std": _column(rows["std"], percent),
        "worst %": _column(rows["worst"], percent),
        "worst group": _column(rows["worst_name"]),
        "people %": _column(rows["people"], percent),
        "found %": _column(rows["found"], percent),
        "accepted %": _column(rows["accepted"], percent),
        **{f"surest {share} %": _column(rows[f"surest_{share}"], percent) for share in SUREST},
        "ECE %": _column(rows["ece"], percent),
        "own ECE %": _column(rows["own_ece"], percent),
        "seeds": _column(rows["seeds"], "{:,}".format),
    }
    return {name: column for name, column in columns.items() if any(column.texts)}


def evaluations_table(found: Sequence[Evaluated]) -> Table:
    """One row a run and set of other recordings; no columns where there is none."""
    if not found:
        return {}
    scores = [one.evaluation for one in found]
    backends = [score.deployed for score in scores]
    intervals = [backend.interval for _, backend in backends]
    columns = {
        "recordings": _column(score.name for score in scores),
        "run": Column(
            [str(one.at + 1) for one in found], [one.at + 1 for one in found], [one.row["folder"] for one in found]
        ),
        "mode": _column(one.row["mode"] for one in found),
        "network": _column(_network(one.row) for one in found),
        "seed": _column(one.row["training_seed"] for one in found),
        "clips": _column((score.clips for score in scores), "{:,}".format),
        "backend": _column(name for name, _ in backends),
        "accuracy %": _column((backend.accuracy for _, backend in backends), percent),
        "95 % interval": _column(f"{percent(pair[0])} – {percent(pair[1])}" if pair else None for pair in intervals),
        "macro-F1 %": _column((backend.macro_f1 for _, backend in backends), percent),
        "speakers": _column(len(score.speakers) or None for score in scores),
        "mean over speakers %": _column((score.mean for score in scores), percent),
        "worst %": _column(
            (score.speakers[score.worst].accuracy if score.worst else None for score in scores), percent
        ),
        "worst speaker": _column(score.worst for score in scores),
        "evaluated": _column((score.created or "")[:10] or None for score in scores),
    }
    return {name: column for name, column in columns.items() if any(column.texts)}


def _network(row: Mapping[str, Any]) -> str | None:
    return None if pd.isna(row["hidden_size"]) else f"{row['layers']}×{row['hidden_size']}"


def changed_columns(trials: pd.DataFrame) -> list[str]:
    """Config keys, versions of packages and code, and machines in which readable runs differ; no names and places."""
    blocks = ("config.", "versions.", "git.", "machine.")
    shown = [name for name in map(str, trials) if name.startswith(blocks) and not name.startswith(_HIDDEN)]
    readable = trials["status"].notna() if "status" in trials else [False] * len(trials)
    return differing(trials.loc[readable, shown])


def short_name(key: str) -> str:
    """`config.quantization.name` -> `quantization`; `config.model.hidden_size` -> `model.hidden_size`."""
    name = key.removeprefix("config.")
    return name.removesuffix(".name") if key.startswith("config.") else name


def _unheard_column(trials: pd.DataFrame) -> Table:
    """Of second networks, on the one voice that they never heard; none where no run has one."""
    if "unheard.accuracy" not in trials:
        return {}
    shares = trials["unheard.accuracy"].where(trials["accuracy"].notna())
    return {"unheard voice %": _column(shares, percent)}


def _validation_column(trials: pd.DataFrame) -> Table:
    """What choices are made by; none where no record has it."""
    shares = validated(trials).where(trials["accuracy"].notna())
    return {"validation %": _column(shares, percent)} if shares.notna().any() else {}


def trials_table(trials: pd.DataFrame) -> Table:
    """One row a run: what changed between them, how it ended, what it reached."""
    numbers = range(1, len(trials) + 1)
    folders = [folder if folder and folder.is_dir() else None for folder in trials["folder"]]
    backends = {"float": "float %", "integer": "integer %", "c": "C %"}
    # In a record without a usable result these may be anything.
    shares = trials.reindex(columns=[f"views.{name}.accuracy" for name in backends]).where(trials["accuracy"].notna())
    sizes = trials.reindex(columns=["memory.flash_bytes", "memory.ram_bytes"]).where(trials["mode"].map(bool))
    return {
        "run": Column([str(number) for number in numbers], numbers, folders),
        **({"sweep": _column(trials["sweep"])} if trials["sweep"].nunique() > 1 else {}),
        "state": _column(trials["state"]),
        **{short_name(name): _column(trials[name]) for name in changed_columns(trials)},
        "accuracy %": _column(trials["accuracy"], percent),
        **_validation_column(trials),
        **{title: _column(shares[f"views.{name}.accuracy"], percent) for name, title in backends.items()},
        **_unheard_column(trials),
        "drop": _column(trials["drop"], _points),
        "flash bytes": _column(sizes["memory.flash_bytes"], "{:,}".format),
        "RAM bytes": _column(sizes["memory.ram_bytes"], "{:,}".format),
    }
