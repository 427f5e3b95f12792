"""`fsdd-train --resume RUN`: a run that was killed or failed goes on in its folder, with its own overrides.

A new command is a new folder, as everywhere in Hydra; only this one goes on in an old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fsdd_lightning.artifacts import check_links
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import visible
from fsdd_lightning.files import read_regular
from fsdd_lightning.runs.lock import is_locked
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.runs.state import config_changes
from fsdd_lightning.sweeps.identity import key_of
from fsdd_lightning.sweeps.recorded_overrides import folder_words, followed, quoted

OPTION = "--resume"
_HYDRA = Path("hydra") / "hydra.yaml"  # hydra.output_subdir of conf/train.yaml
_MOST_BYTES = 2**18  # of which; it has 6 kB
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

    The folder may be a stranger's: what is executed, and where anything else is written, says this command line alone.

    Raises:
        UserError: no run, one that has ended well, or one that needs more of this command line.
    """
    given, others = _split(words)
    if given is None:
        return None
    folder = Path(given).resolve()
    record = read_record(folder)
    if record.status in _FINISHED:
        raise UserError(f"{given} {_FINISHED[record.status]}: there is nothing to go on with")
    check_links(folder)
    runtime = _runtime(folder)
    start = Path(str(runtime.get("cwd", "")))
    start = start if start.is_absolute() else Path.cwd()
    _check_config_dir(given, runtime, start, others)
    given_keys = {key_of(word) for word in others}
    kept = [*followed(record.overrides, given_keys), *folder_words(record.config, start, given_keys)]
    if "output_root" not in given_keys:
        kept.append(f"output_root={quoted(str(_output_root(folder, record, start)))}")
    return Resumed(folder, record, [*kept, *others, f"hydra.run.dir={quoted(str(folder))}"])


def _output_root(folder: Path, record: RunRecord, start: Path) -> Path:
    """That of the record where the run lies in it as usual, else the run's folder: nothing is written elsewhere."""
    with suppress(OSError, RuntimeError, ValueError):
        recorded = (start / str(record.config.get("output_root"))).expanduser().resolve()
        if folder.parent == recorded / "single":
            return recorded
    return folder


def _check_config_dir(given: str, runtime: dict[str, Any], start: Path, others: Sequence[str]) -> None:
    """Raises UserError where the run was started with config files of its own, which may name what is executed."""
    if any(word.startswith("--config-dir") or word == "-cd" for word in others):
        return
    for place in _config_dirs(runtime):
        raise UserError(
            f"{given} was started in {visible(start)} with --config-dir={visible(place)}, whose files may name what is "
            "executed: give --config-dir again"
        )


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
        found = yaml.safe_load(read_regular(folder / _HYDRA, _MOST_BYTES))["hydra"]["runtime"]
    except Exception:  # of another version, cut off, or none: then it was started as most are
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _config_dirs(runtime: dict[str, Any]) -> Iterator[str]:
    sources = runtime.get("config_sources")
    for source in sources if isinstance(sources, list) else ():
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
