"""`sweep.json`: which cells a sweep consists of, by which command, on which code; written before the first one runs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.config.load import content_hash, settings_to_mapping
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.provenance import code_digest
from fsdd_lightning.sweeps.plan import SweepCell

FILE_NAME = "sweep.json"
SCHEMA_VERSION = 1


def write_manifest(folder: Path, arguments: Sequence[str], cells: Sequence[SweepCell]) -> None:
    """Add this command and its cells to `folder`/sweep.json, in one step.

    A sweep that is enlarged by another command keeps its earlier cells: {"schema_version", "commands": [{"arguments",
    "started", "code_digest", "cells": names}], "cells": {name: {"overrides", "config_hash", "fits"}}}.

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
            "cells": [each.run_name for each in cells],
        }
        kept = [each for each in before["commands"] if each["arguments"] != command["arguments"]]
        described = before["cells"] | {each.run_name: _describe(each) for each in cells}
        content = {"schema_version": SCHEMA_VERSION, "commands": [*kept, command], "cells": described}
        replace_file(path, (json.dumps(content, indent=2) + "\n").encode())


def _describe(each: SweepCell) -> dict[str, Any]:
    return {
        "overrides": list(each.overrides),
        "config_hash": content_hash(settings_to_mapping(each.cell.settings)),
        "fits": each.cell.fits,
    }


def _read(path: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"commands": [], "cells": {}}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return empty
    except ValueError:  # written in one step, so not by us; it can be made again
        path.replace(path.with_name(f"{path.name}.damaged"))
        return empty
    version = content.get("schema_version") if isinstance(content, dict) else None
    if type(version) is not int or not {"commands", "cells"} <= content.keys():
        raise UserError(f"{path} is not a sweep of fsdd_lightning: choose another name=")
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path} is of schema version {version}; this program knows {SCHEMA_VERSION}: update it"
        )
    return dict(content)
