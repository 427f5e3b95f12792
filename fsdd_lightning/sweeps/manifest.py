"""`sweep.json`: the trials of a sweep, the commands and the code; written before the first trial runs.

{"schema_version", "base", "commands": [...], "trials": {name: {...}}}; base and trials say what the trials are, so that
a later command finds them again, whatever they are called:

* base: {"config": every deciding value of the first trial, "roots", "recordings"};
* a command: {"arguments", "started", "code_digest", "constants": overrides of all its trials, "trials": names};
* a trial: {"overrides": those of its own, "config_hash", "roots", "recordings", "fits"}.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from fsdd_lightning.artifacts import DamagedError, Kind, MissingError, archive_damaged, exclusive, write_json
from fsdd_lightning.files import JSON_BYTES, is_name, parse_json, read_regular
from fsdd_lightning.runs.provenance import code_digest
from fsdd_lightning.sweeps.identity import Identity, Recordings, known_recordings
from fsdd_lightning.sweeps.trial import Trial

SWEEP_FILE = "sweep.json"
KIND = Kind("a sweep", 3, "run the sweep again", version_key="schema_version")
CURVES = "over_hidden_size"  # the folder beside it that holds what TensorBoard shows of the sweep as a whole
_MOST_TRIALS = 100_000  # of a sweep that is read
EARLIER_KEYS = {"cells": "trials"}  # of schema version 1


class _Command(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    arguments: list[str]
    trials: list[str]


class _Sweep(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    commands: Annotated[list[_Command], Field(max_length=100_000)]
    trials: dict[str, Any]


@dataclass(frozen=True)
class Base:
    """The first trial of a sweep: its deciding values by key, and its recordings."""

    config: dict[str, Any]
    recordings: Recordings


@dataclass(frozen=True)
class Planned:
    """A trial as it was planned; `identity` None where the file lacks it. `overrides`: with the constants."""

    overrides: tuple[str, ...]
    identity: Identity | None


@dataclass(frozen=True)
class Manifest:
    """What is read of a sweep.json to find its trials again."""

    base: Base | None = None
    trials: dict[str, Planned] = field(default_factory=dict)


def write_manifest(folder: Path, arguments: Sequence[str], trials: Sequence[Trial], base: Base | None = None) -> None:
    """Add this command and its trials to `folder`/sweep.json, in one step.

    A sweep that is enlarged by another command keeps its earlier trials, and the `base` that it has.

    Raises:
        UserError: there is a foreign file, or one of a newer version, which stays as it is.
    """
    path = folder / SWEEP_FILE
    with exclusive(path):
        before = _read(path)
        shared = set.intersection(*(set(trial.overrides) for trial in trials)) if len(trials) > 1 else set()
        command = {
            "arguments": list(arguments),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "code_digest": code_digest(),
            "constants": [text for text in trials[0].overrides if text in shared] if trials else [],
            "trials": [trial.run_name for trial in trials],
        }
        kept = [earlier for earlier in before["commands"] if earlier["arguments"] != command["arguments"]]
        described = before["trials"] | {trial.run_name: _describe(trial, shared) for trial in trials}
        content = {"schema_version": KIND.version, "commands": [*kept, command], "trials": described}
        first = before.get("base") or (None if base is None else _written_base(base))
        write_json(path, content if first is None else {"base": first, **content})


def forget(folder: Path, names: Iterable[str]) -> None:
    """Remove trials from `folder`/sweep.json, and commands that then have none.

    Raises:
        UserError: there is a foreign file, or one of a newer version, which stays as it is.
    """
    path, gone = folder / SWEEP_FILE, set(names)
    with exclusive(path):
        content = _read(path)
        for command in content["commands"]:
            command["trials"] = [name for name in command["trials"] if name not in gone]
        content["commands"] = [command for command in content["commands"] if command["trials"]]
        content["trials"] = {name: trial for name, trial in content["trials"].items() if name not in gone}
        write_json(path, content | {"schema_version": KIND.version})


def _describe(trial: Trial, shared: set[str]) -> dict[str, Any]:
    place = trial.identity.recordings
    return {
        "overrides": [text for text in trial.overrides if text not in shared],
        "config_hash": trial.identity.config_hash,
        "roots": list(place.roots),
        "recordings": place.digest,
        "fits": trial.plan.fits,
    }


def _written_base(base: Base) -> dict[str, Any]:
    return {"config": base.config, "roots": list(base.recordings.roots), "recordings": base.recordings.digest}


def planned_names(folder: Path) -> set[str]:
    """Names of the run folders of the sweep in `folder`; empty where its sweep.json holds nothing usable."""
    return _usable_names(_read_content(folder))


def planned_commands(folder: Path) -> list[list[str]]:
    """The arguments of the commands of the sweep in `folder`, as far as its sweep.json holds usable ones."""
    commands = _read_content(folder).get("commands")
    found = [one.get("arguments") for one in commands if isinstance(one, dict)] if isinstance(commands, list) else []
    return [list(map(str, arguments)) for arguments in found if isinstance(arguments, list)]


def _read_content(folder: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_regular(folder / SWEEP_FILE, JSON_BYTES))
    except (OSError, ValueError):
        return {}
    return _with_current_keys(content) if isinstance(content, dict) else {}


def _usable_names(content: dict[str, Any]) -> set[str]:
    trials = content.get("trials")
    names = trials if isinstance(trials, dict | list) and len(trials) <= _MOST_TRIALS else ()
    return {name for name in names if isinstance(name, str) and is_name(name)}


def read_manifest(folder: Path) -> Manifest:
    """The sweep in `folder`; of a sweep.json that holds nothing usable the usable part, which may be empty."""
    content = _read_content(folder)
    names, trials = _usable_names(content), content.get("trials")
    if not names or not isinstance(trials, dict):
        return Manifest(trials={name: Planned((), None) for name in names})
    constants: dict[str, list[str]] = {}
    commands = content.get("commands")
    for command in commands if isinstance(commands, list) else ():
        if isinstance(command, dict) and isinstance(command.get("trials"), list):
            constants |= {str(name): command.get("constants", []) for name in command["trials"]}
    found = {name: _planned(trials.get(name), constants.get(name, [])) for name in names}
    return Manifest(_base(content.get("base")), found)


def _planned(trial: Any, constants: Any) -> Planned:
    try:
        overrides = (*map(str, constants), *map(str, trial["overrides"]))
        digest = trial.get("recordings")
        recordings = known_recordings(map(str, trial.get("roots", ())), None if digest is None else str(digest))
        return Planned(overrides, Identity(str(trial["config_hash"]), recordings))
    except (LookupError, TypeError, AttributeError):
        return Planned((), None)


def _base(content: Any) -> Base | None:
    try:
        return Base(dict(content["config"]), known_recordings(map(str, content["roots"]), content["recordings"]))
    except (KeyError, TypeError, ValueError):
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return KIND.read(path, _parse)
    except DamagedError:  # not by us, as we write it in one step; it can be made again
        archive_damaged(path)
    except MissingError:
        pass
    return {"commands": [], "trials": {}}


def _parse(data: bytes) -> dict[str, Any]:
    content = _with_current_keys(KIND.parse_json(data))
    if not {"commands", "trials"} <= content.keys():
        raise KIND.foreign()
    content["commands"] = [_with_current_keys(command) for command in content["commands"]]
    TypeAdapter(_Sweep).validate_python(content)
    return content


def _with_current_keys(content: dict[str, Any]) -> dict[str, Any]:
    return {EARLIER_KEYS.get(key, key): value for key, value in content.items()}
