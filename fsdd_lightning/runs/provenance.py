"""The code and the packages that made a result."""

from __future__ import annotations

import functools
import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fsdd_lightning

_PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "omegaconf", "numpy", "scipy", "librosa", "torchmetrics")

# Files and rooms of the package that no run executes: a change to them leaves every result as it is. A test watches
# both lists. The config has its own hash.
_OUTSIDE_RUNS = frozenset({
    "plan.py", "evaluate.py", "predict.py", "report.py", "export_model.py", "train.py",
    "console/command_line.py", "evaluation/robustness.py", "evaluation/robustness_report.py", "evaluation/run.py",
    "data/spoken_words.py", "evaluation/listening.py", "evaluation/listening_report.py",
    "evaluation/other_recordings.py",
})  # fmt: skip
_NOT_CODE = {"__pycache__", "conf", "sweeps", "reports"}
_CODE_SUFFIXES = {".py", ".c", ".h", ".j2", ".json"}  # the C file is made from templates


def code_digest() -> str:
    """SHA-256 (16 hex digits) over the contents of the package's own files that decide results.

    Names of files do not count, so that a move leaves earlier runs valid. Unlike a commit and a version number it
    covers uncommitted changes, and works for an installed package, too.
    """
    contents = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in _code_files())
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()[:16]


def _code_files() -> list[Path]:
    package = Path(fsdd_lightning.__file__).resolve().parent
    files = {path.relative_to(package): path for path in package.rglob("*") if path.suffix in _CODE_SUFFIXES}
    return [
        path for name, path in files.items() if name.as_posix() not in _OUTSIDE_RUNS and not _NOT_CODE & set(name.parts)
    ]


@functools.cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # pragma: no cover - a broken environment is worth recording, not a crash
        return "missing"


def package_versions() -> dict[str, str]:
    """Versions of Python, this package and those that its numbers depend on."""
    found = {"python": platform.python_version(), "fsdd_lightning": fsdd_lightning.__version__}
    return found | {name: _version(name) for name in _PACKAGES}


def git_state() -> dict[str, Any]:
    """Commit and dirty flag of the checkout that the package runs from; both None for an installed package."""
    source = Path(fsdd_lightning.__file__).resolve().parent.parent
    if not (source / ".git").exists():
        return {"commit": None, "dirty": None}
    commit = _git(source, "rev-parse", "HEAD")
    status = _git(source, "status", "--porcelain")
    return {"commit": commit or None, "dirty": None if status is None else bool(status)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
