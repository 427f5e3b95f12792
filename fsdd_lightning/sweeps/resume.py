"""`fsdd-train --resume RUN`: a run that was killed or failed goes on in its folder, with its own overrides.

A new command is a new folder, as everywhere in Hydra; only this one goes on in an old one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.lock import is_locked
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.runs.state import config_changes
from fsdd_lightning.sweeps.identity import key_of

OPTION = "--resume"
_HYDRA = Path("hydra") / "hydra.yaml"  # hydra.output_subdir of conf/train.yaml
_FINISHED = {"done": "is done", "over_budget": "does not fit its budget"}


@dataclass(frozen=True)
class Resumed:
    """The run that is to go on, and the command line that does it."""

    folder: Path
    record: RunRecord
    words: list[str]

    def check(self, plan: RunPlan) -> None:
        """Reject what would be another run.

        Raises:
            UserError: with the values that changed.
        """
        changes = config_changes(self.record, plan)
        if changes is not None:
            raise UserError(f"{self.folder} can't go on, as its {changes}: start a new run without {OPTION}")


def resumed(words: Sequence[str]) -> Resumed | None:
    """The run that --resume names; None without that option. Other overrides may change displays alone.

    Makes the folder that the run was started from the current one: its relative paths begin there.

    Raises:
        UserError: no run, or one that has ended well.
    """
    given, others = _split(words)
    if given is None:
        return None
    folder = Path(given).resolve()
    record = read_record(folder)
    if record.status in _FINISHED:
        raise UserError(f"{given} {_FINISHED[record.status]}: there is nothing to go on with")
    runtime = _runtime(folder)
    started_in = Path(str(runtime.get("cwd", "")))
    if started_in.is_absolute() and started_in.is_dir():
        os.chdir(started_in)
    own = [f"--config-dir={place}" for place in _config_dirs(runtime)]
    where = "hydra.run.dir='{}'".format(str(folder).replace("'", r"\'"))
    given_keys = {key_of(word) for word in others}
    kept = [word for word in record.overrides if key_of(word) not in given_keys]
    return Resumed(folder, record, [*own, *kept, *others, where])


def _split(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The value of --resume, and all other words."""
    given, others, left = None, [], list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if name != OPTION:
            others.append(word)
        elif equals or left:
            given = value if equals else left.pop(0)
        else:
            raise UserError(f"{OPTION} needs the folder of a run")
    if given is not None and {"-m", "--multirun"} & set(others):
        raise UserError(f"{OPTION} is about a single run; a sweep goes on when the same command is given again")
    return given, others


def _runtime(folder: Path) -> dict[str, Any]:
    try:
        found = OmegaConf.to_container(OmegaConf.load(folder / _HYDRA).hydra.runtime)
    except Exception:  # of another version, cut off, or none: then it was started as most are
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _config_dirs(runtime: dict[str, Any]) -> Iterator[str]:
    for source in runtime.get("config_sources") or ():
        if isinstance(source, dict) and source.get("provider") == "command-line":
            yield str(source.get("path"))


def interrupted_twins(plan: RunPlan, singles: Path) -> list[Path]:
    """Interrupted runs in `singles` of the same config, which could go on instead; the newest first."""
    found = []
    # What has ended left no such file, so of thousands of runs few records are read.
    begun = {path.parent.parent for path in singles.glob("*/checkpoints/last_*.ckpt")}
    for folder in sorted(begun, reverse=True):
        try:
            record = read_record(folder)
        except UserError:
            continue
        if record.status == "interrupted" and not is_locked(folder) and not config_changes(record, plan):
            found.append(folder)
    return found
