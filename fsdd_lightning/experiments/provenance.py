"""Which code and which packages made a result."""

from __future__ import annotations

import functools
import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fsdd_lightning

_PACKAGES = (
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "numpy",
    "scipy",
    "librosa",
    "torchmetrics",
)

# Files of the package that no run executes: a change to them leaves every result as it is. A test watches this list.
_OUTSIDE_RUNS = frozenset({
    "plan.py", "evaluate.py", "predict.py", "report.py", "export_model.py", "train.py", "composition.py",
    "sweeping.py", "command_line.py",
    "experiments/sweep_manifest.py", "experiments/sweep_progress.py", "experiments/sweep_plan.py",
    "experiments/sweep_steps.py", "experiments/robustness.py", "experiments/robustness_figure.py",
})  # fmt: skip
_CODE_SUFFIXES = {".py", ".c", ".h", ".j2", ".json"}  # the C file is made from templates
# The configuration has a hash of its own; who starts a run, and who reads of it, decides nothing about its result.
_NOT_CODE = {"__pycache__", "conf", "launching", "search", "reporting"}


def code_digest() -> str:
    """SHA-256 (16 hex digits) over the package's own files that decide results, by name and content.

    Unlike a commit and a version number it knows uncommitted changes, and works for an installed package, too.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_code_files().items()):
        digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _code_files() -> dict[str, Path]:
    package = Path(fsdd_lightning.__file__).resolve().parent
    files = {path.relative_to(package): path for path in package.rglob("*") if path.suffix in _CODE_SUFFIXES}
    inside = {name.as_posix(): path for name, path in files.items() if not _NOT_CODE & set(name.parts)}
    return {name: path for name, path in inside.items() if name not in _OUTSIDE_RUNS}


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
