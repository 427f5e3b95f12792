"""Which code and which packages made a result."""

from __future__ import annotations

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


def package_versions() -> dict[str, str]:
    """Versions of Python, this package and those that its numbers depend on."""
    found = {"python": platform.python_version(), "fsdd_lightning": fsdd_lightning.__version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except (
            PackageNotFoundError
        ):  # pragma: no cover - a broken environment is worth recording, not a crash
            found[name] = "missing"
    return found


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
