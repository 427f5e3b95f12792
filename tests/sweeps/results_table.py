"""The results of a sweep, without what may differ between two equal sweeps: times and origins."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FILES = ("integer_model.npz", "confusion_float.png", "confusion_quantized.png", "confusion_integer.png")


def results_table(sweep_folder: Path) -> str:
    """One row per trial; equal results give equal bytes."""
    rows = [_row(path.parent) for path in sorted(sweep_folder.glob("*/run.json"))]
    return "\n".join(json.dumps(row, sort_keys=True) for row in rows)


def _row(run_folder: Path) -> dict[str, Any]:
    record = json.loads((run_folder / "run.json").read_text())
    for key in ("timings_s", "started", "git"):
        del record[key]
    if record["training"]:  # which of the trials that share a float network trained it
        del record["training"]["float"]["run"], record["training"]["float"]["reused"]
    record["files"] = {name: _sha256(run_folder / name) for name in FILES if (run_folder / name).exists()}
    record["event files"] = sum(1 for _ in run_folder.glob("events.out.tfevents.*"))
    return {"trial": run_folder.name, **record}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
