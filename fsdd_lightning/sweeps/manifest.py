"""`sweep.json`: the trials of a sweep, the command and the code; written before the first trial runs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsdd_lightning.artifacts import DamagedError, Kind, MissingError, archive_damaged, exclusive, write_json
from fsdd_lightning.config.load import config_to_mapping, content_hash
from fsdd_lightning.runs.provenance import code_digest
from fsdd_lightning.sweeps.plan import Trial

SWEEP_FILE = "sweep.json"
KIND = Kind("a sweep", 2, "run the sweep again", version_key="schema_version")
CURVES = "over_hidden_size"  # the folder beside it that holds what TensorBoard shows of the sweep as a whole
EARLIER_KEYS = {"cells": "trials"}  # of schema version 1


def write_manifest(folder: Path, arguments: Sequence[str], trials: Sequence[Trial]) -> None:
    """Add this command and its trials to `folder`/sweep.json, in one step.

    A sweep that is enlarged by another command keeps its earlier trials: {"schema_version", "commands": [{"arguments",
    "started", "code_digest", "trials": names}], "trials": {name: {"overrides", "config_hash", "fits"}}}.

    Raises:
        UserError: there is a foreign file, or one of a newer version, which stays as it is.
    """
    path = folder / SWEEP_FILE
    with exclusive(path):
        before = _read(path)
        command = {
            "arguments": list(arguments),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "code_digest": code_digest(),
            "trials": [trial.run_name for trial in trials],
        }
        kept = [earlier for earlier in before["commands"] if earlier["arguments"] != command["arguments"]]
        described = before["trials"] | {trial.run_name: _describe(trial) for trial in trials}
        content = {"schema_version": KIND.version, "commands": [*kept, command], "trials": described}
        write_json(path, content)


def _describe(trial: Trial) -> dict[str, Any]:
    return {
        "overrides": list(trial.overrides),
        "config_hash": content_hash(config_to_mapping(trial.plan.config)),
        "fits": trial.plan.fits,
    }


def planned_names(folder: Path) -> set[str]:
    """Names of the run folders of the sweep in `folder`; empty where its sweep.json holds nothing usable."""
    try:
        content = json.loads((folder / SWEEP_FILE).read_text(encoding="utf-8"))
        names = set(_with_current_keys(content)["trials"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return set()
    return {name for name in names if isinstance(name, str) and name == Path(name).name not in ("", "..")}


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
    return content


def _with_current_keys(content: dict[str, Any]) -> dict[str, Any]:
    return {EARLIER_KEYS.get(key, key): value for key, value in content.items()}
