"""`sweep.json`: the trials of a sweep, the command and the code; written before the first trial runs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.config.load import config_to_mapping, content_hash
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.provenance import code_digest
from fsdd_lightning.sweeps.plan import Trial

FILE_NAME = "sweep.json"
SCHEMA_VERSION = 1


def write_manifest(folder: Path, arguments: Sequence[str], trials: Sequence[Trial]) -> None:
    """Add this command and its trials to `folder`/sweep.json, in one step.

    A sweep that is enlarged by another command keeps its earlier trials: {"schema_version", "commands": [{"arguments",
    "started", "code_digest", "trials": names}], "trials": {name: {"overrides", "config_hash", "fits"}}}.

    Raises:
        UserError: the file there is a foreign one or of a newer version; it is left as it is.
    """
    path = folder / FILE_NAME
    with FileLock(folder / f"{FILE_NAME}.lock"):
        for abandoned in folder.glob(f"{FILE_NAME}.*.tmp"):  # a killed sweep left it; we are alone
            abandoned.unlink()
        before = _read(path)
        command = {
            "arguments": list(arguments),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "code_digest": code_digest(),
            "trials": [each.run_name for each in trials],
        }
        kept = [each for each in before["commands"] if each["arguments"] != command["arguments"]]
        described = before["trials"] | {each.run_name: _describe(each) for each in trials}
        content = {"schema_version": SCHEMA_VERSION, "commands": [*kept, command], "trials": described}
        replace_file(path, (json.dumps(content, indent=2) + "\n").encode())


def _describe(each: Trial) -> dict[str, Any]:
    return {
        "overrides": list(each.overrides),
        "config_hash": content_hash(config_to_mapping(each.plan.config)),
        "fits": each.plan.fits,
    }


def _read(path: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"commands": [], "trials": {}}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return empty
    except ValueError:  # written in one step, so not by us; it can be made again
        path.replace(path.with_name(f"{path.name}.damaged"))
        return empty
    version = content.get("schema_version") if isinstance(content, dict) else None
    if type(version) is not int or not {"commands", "trials"} <= content.keys():
        raise UserError(f"{path} is not a sweep of fsdd_lightning: choose another name=")
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path} is of schema version {version}; this program knows {SCHEMA_VERSION}: update it"
        )
    return dict(content)
