"""When, where, by which code and by which command the runs of a report were made."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fsdd_lightning.runs.record import RUN_FILE
from fsdd_lightning.sweeps.manifest import planned_commands

_MOST_SINGLE_RUNS = 5  # whose own command is shown where there is no sweep
_MOST_COMMANDS = 50  # of a sweep, the last ones
_LONGEST_COMMAND = 4_000  # characters
_MACHINE = "machine."
_TOLD = ("processor", "vectors", "threads")  # what people ask of a machine; results.csv has all of it


@dataclass(frozen=True)
class Origin:
    """In words; empty where the records do not tell.

    `machines` and `code` name each kind once, with its number of runs where there are several.
    """

    dates: str
    machines: tuple[str, ...]
    code: tuple[str, ...]
    packages: str
    commands: tuple[str, ...]

    @property
    def facts(self) -> dict[str, tuple[str, ...]]:
        """All that is known but the commands."""
        found = {"date": (self.dates,), "machine": self.machines, "commit": self.code, "packages": (self.packages,)}
        return {name: texts for name, texts in found.items() if any(texts)}


def origin_of(trials: pd.DataFrame) -> Origin:
    """Of the runs that have a record."""
    known = trials[trials["status"].notna()] if "status" in trials else trials.head(0)
    return Origin(_dates(known), _machines(known), _code(known), _packages(known), _commands(trials))


def _dates(trials: pd.DataFrame) -> str:
    days = sorted(str(text)[:16].replace("T", " ") for text in trials.get("started", ()) if text)
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


def _counted(texts: Sequence[str]) -> tuple[str, ...]:
    """Each once, the most frequent first, with how often where there are several."""
    counts = Counter(text for text in texts if text).most_common()
    return tuple(text if len(counts) == 1 else f"{text} ({_runs(count)})" for text, count in counts)


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _machines(trials: pd.DataFrame) -> tuple[str, ...]:
    fields = [_MACHINE + name for name in _TOLD if _MACHINE + name in trials]
    return _counted(
        [
            ", ".join(filter(None, (_told(name.removeprefix(_MACHINE), row[name]) for name in fields)))
            for row in trials[fields].to_dict("records")
        ]
    )


def _told(name: str, value: Any) -> str:
    if value is None or pd.isna(value) or value == "":
        return ""
    if name != "threads":
        return str(value)
    return f"{value:g} thread{'' if value == 1 else 's'}" if isinstance(value, int | float) else f"{value} threads"


def _code(trials: pd.DataFrame) -> tuple[str, ...]:
    rows = trials.reindex(columns=["git.commit", "git.dirty", "code_digest"]).to_dict("records")
    return _counted([_version(row["git.commit"], row["git.dirty"], row["code_digest"]) for row in rows])


def _version(commit: Any, dirty: Any, digest: Any) -> str:
    text = f"{str(commit)[:10]}{' with uncommitted changes' if dirty is True else ''}" if commit else ""
    return text or (f"code digest {digest}" if digest else "")


def _packages(trials: pd.DataFrame) -> str:
    """Python and torch: the versions on which numbers depend most."""
    names = {"versions.fsdd_lightning": "fsdd_lightning", "versions.torch": "torch", "versions.python": "Python"}
    found = {
        title: " or ".join(sorted({str(value) for value in trials[name].dropna()}))
        for name, title in names.items()
        if name in trials
    }
    return ", ".join(f"{title} {text}" for title, text in found.items() if text)


def _commands(trials: pd.DataFrame) -> tuple[str, ...]:
    """Of the sweeps, as their sweep.json tells; of runs that belong to none their overrides."""
    folders = [folder for folder in trials["folder"] if folder is not None]
    sweeps = {parent: _of_sweep(parent) for parent in dict.fromkeys(folder.parent for folder in folders)}
    alone = [folder for folder in folders if not sweeps[folder.parent] and (folder / RUN_FILE).is_file()]
    singles = trials[[folder in set(alone) for folder in trials["folder"]]]
    own = [_line(text) for text in singles.get("overrides", ())] if len(alone) <= _MOST_SINGLE_RUNS else []
    return tuple(dict.fromkeys([*(line for lines in sweeps.values() for line in lines), *filter(None, own)]))


def _of_sweep(folder: Path) -> list[str]:
    return list(map(_joined, planned_commands(folder)[-_MOST_COMMANDS:]))


def _line(overrides: Any) -> str:
    try:
        return _joined(json.loads(overrides))
    except (ValueError, TypeError):
        return ""


def _joined(arguments: Sequence[Any]) -> str:
    line = shlex.join(["fsdd-train", *map(str, arguments)])
    return line if len(line) <= _LONGEST_COMMAND else f"{line[:_LONGEST_COMMAND]} ..."
