"""All that a sweep leaves below its output folder, without what may differ between two equal sweeps: times."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.document import build_document
from fsdd_lightning.reports.frame import csv_bytes, frame
from fsdd_lightning.reports.markdown import markdown

# With time, machine, process and number.
_EVENTS = re.compile(r"(events\.out\.tfevents)\.\d+\.[^/]*?(\.trial_end|\.pictures)?$")
# Times; git: files may change while tests run; reused: a killed run finds the float network that it trained itself.
_PASSING = {"timings_s", "started", "git", "reused"}
# Which goes on; and the number of the job among those that the command started.
_LOGS = {"run.log", "hydra.yaml"}


def contents(root: Path) -> dict[str, str]:
    """By path below `root`, digests or JSON; empty folders count, too."""
    found: Counter[str] = Counter()
    described = {}
    for path in sorted(root.rglob("*")):
        name = _EVENTS.sub(r"\1\2", str(path.relative_to(root)))
        found[name] += 1
        described[f"{name} ({found[name]})" if found[name] > 1 else name] = _described(path)
    return described


def _described(path: Path) -> str:
    if path.is_dir():
        return "folder"
    if path.name in ("run.json", "sweep.json", "origin.json"):
        return json.dumps(_lasting(json.loads(path.read_text())), sort_keys=True)
    if _EVENTS.search(path.name):
        return _events(path)
    return "" if path.name in _LOGS else hashlib.sha256(path.read_bytes()).hexdigest()


def _lasting(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _lasting(value) for key, value in content.items() if key not in _PASSING}
    return [_lasting(value) for value in content] if isinstance(content, list) else content


def _events(path: Path) -> str:
    """A resumed run writes its curves again, in another order."""
    lines = []
    for event in EventFileLoader(str(path)).Load():
        tags = [value.tag for value in event.summary.value]
        event.wall_time = 0.0
        timed = any(tag.startswith("_hparams_/session") for tag in tags)
        digest = "" if timed else hashlib.sha256(event.SerializeToString(deterministic=True)).hexdigest()
        lines.append(f"{event.step} {tags} {digest}")
    return "\n".join(sorted(lines))


def table(sweep: Path) -> tuple[str, str]:
    """`results.csv` and `results.md` of fsdd-report, without times."""
    trials = frame(collect_runs([sweep]))
    kept = [name for name in trials if not str(name).startswith(("started", "timings_s.", "git."))]
    trials = trials[[name for name in kept if name != "training.float.reused"]]
    return csv_bytes(trials, portable=True).decode(), markdown(build_document(trials))


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Names of what is missing, new or other."""
    names = sorted(found.keys() | expected.keys())
    return [
        f"{'-' if name not in found else '+' if name not in expected else '~'} {name}"
        for name in names
        if found.get(name) != expected.get(name)
    ]
