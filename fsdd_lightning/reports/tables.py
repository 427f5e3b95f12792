"""The tables of a report, as plain text with the values to sort by; HTML and Markdown are made of them alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.reports.columns import differing
from fsdd_lightning.reports.maps import speaker_labels
from fsdd_lightning.reports.sections import Section

if TYPE_CHECKING:
    import pandas as pd

_HIDDEN = ("config.name", "config.output_root", "config.logger.", "config.data.root", "config.data.cache_dir")


@dataclass(frozen=True)
class Field:
    """One field of a table. `sort` orders rows where the text would not; `folder` is what it links to."""

    text: str
    sort: float | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Table:
    """`numeric` names the columns that hold numbers alone, which are aligned right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Field, ...], ...]
    numeric: frozenset[str]


def percent(share: Any, sign: str = "") -> Field:
    """0.99333 -> 99.33; empty for what is missing."""
    return Field("") if _is_missing(share) else Field(f"{100 * share:{sign}.2f}", float(share))


def count(value: Any) -> Field:
    """12345 -> 12,345."""
    return Field("") if _is_missing(value) else Field(f"{value:,}", float(value))


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def interval(row: Any) -> Field:
    """Bounds in percent and the kind of interval, see `intervals`; empty where there is none."""
    text = f"{100 * row.low:.2f} – {100 * row.high:.2f} ({row.kind})"
    return Field(text, row.low) if row.kind else Field("")


def summary_table(section: Section) -> Table:
    """One row a configuration and held-out speaker, over its seeds. Columns in which all is empty are left out."""
    rows = [_summary_row(row) for row in section.summary.itertuples()]
    return _table([name for name in rows[0] if any(row[name].text for row in rows)], rows)


def _summary_row(row: Any) -> dict[str, Field]:
    return {
        "mode": Field(row.mode),
        "variant": Field(row.variant),
        "speaker": Field("" if _is_missing(row.speaker) else row.speaker),
        "network": Field(f"{row.layers}×{row.hidden_size}", row.hidden_size),
        "accuracy %": percent(row.accuracy),
        "std": percent(row.std),
        "95 % interval": interval(row),
        "seeds": count(row.seeds),
        "float %": percent(row.float),
        "drop": percent(row.drop, "+"),
        "macro-F1 %": percent(row.macro_f1),
        "flash bytes": count(row.flash_bytes),
        "RAM bytes": count(row.ram_bytes),
        "MACs/clip": count(row.macs_per_clip),
        "budget": Field(row.budget),
    }


def speaker_table(section: Section) -> Table:
    """One row a configuration, one column a held-out speaker."""
    names = [str(name) for name in section.voices]
    rows = [
        _speaker_row(label, row, names)
        for label, row in zip(speaker_labels(section), section.speakers.itertuples(), strict=True)
    ]
    is_whole = not any(section.speakers["missing"])
    return _table([name for name in rows[0] if not (is_whole and name == "missing")], rows)


def _speaker_row(label: str, row: Any, names: Sequence[str]) -> dict[str, Field]:
    return {
        "configuration": Field(label),
        "mean %": percent(row.accuracy),
        "std": percent(row.std),
        "95 % interval": interval(row),
        "worst %": percent(row.worst),
        "worst speaker": Field(row.worst_speaker),
        "spread": percent(row.spread),
        "seeds": Field("–".join(str(n) for n in sorted({row.fewest_seeds, row.seeds})), row.fewest_seeds),
        **{name: percent(row.voices.get(name)) for name in names},
        "missing": Field(", ".join(row.missing)),
    }


def changed_columns(trials: pd.DataFrame) -> list[str]:
    """Settings, versions of packages and of the code in which the readable runs differ, but for names and places."""
    blocks = ("config.", "versions.", "git.")
    shown = [name for name in map(str, trials) if name.startswith(blocks) and not name.startswith(_HIDDEN)]
    readable = trials["status"].notna() if "status" in trials else [False] * len(trials)
    return differing(trials.loc[readable, shown])


def short_name(setting: str) -> str:
    """`config.quantization.name` -> `quantization`; `config.model.hidden_size` -> `model.hidden_size`."""
    name = setting.removeprefix("config.")
    return name.removesuffix(".name") if setting.startswith("config.") else name


def trials_table(trials: pd.DataFrame) -> Table:
    """One row a run: what changed between them, how it ended, what it reached."""
    changed = {name: short_name(name) for name in changed_columns(trials)}
    several = trials["sweep"].nunique() > 1
    rows = [
        dict(_trial_row(number, row, changed, several)) for number, row in enumerate(trials.to_dict("records"), start=1)
    ]
    return _table(list(rows[0]), rows)


def _trial_row(
    number: int, row: dict[Any, Any], changed: Mapping[str, str], several_sweeps: bool
) -> Iterator[tuple[str, Field]]:
    folder = row["folder"]
    yield "run", Field(f"{number}", number, folder if folder and folder.is_dir() else None)
    if several_sweeps:
        yield "sweep", Field(row["sweep"])
    yield "state", Field(row["state"])
    for name, short in changed.items():
        yield short, _value(row[name])
    yield "accuracy %", percent(row["accuracy"])
    is_usable = not _is_missing(row["accuracy"])
    for backend, title in (("float", "float %"), ("integer", "integer %"), ("c", "C %")):
        yield title, percent(row.get(f"views.{backend}.accuracy") if is_usable else None)
    yield "drop", percent(row["drop"], "+")
    for memory, title in (("flash", "flash bytes"), ("ram", "RAM bytes")):
        yield title, count(row.get(f"memory.{memory}_bytes") if row["mode"] else None)


def _value(value: Any) -> Field:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Field("" if value is None else str(value))
    return Field(str(value), float(value))


def _table(columns: Sequence[str], rows: Sequence[dict[str, Field]]) -> Table:
    numeric = set()
    for name in columns:
        fields = [row[name] for row in rows if row[name].text]
        if fields and all(field.sort is not None for field in fields):
            numeric.add(name)
    content = tuple(tuple(row[name] for name in columns) for row in rows)
    return Table(tuple(columns), content, frozenset(numeric))
