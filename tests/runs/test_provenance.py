"""Which code made a result."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

import fsdd_lightning
from fsdd_lightning.runs import provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "fsdd_lightning"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(fsdd_lightning, "__file__", str(package / "__init__.py"))
    return tmp_path


def test_versions_of_what_the_numbers_depend_on() -> None:
    versions = provenance.package_versions()
    assert versions["python"] == platform.python_version()
    assert versions["fsdd_lightning"] == fsdd_lightning.__version__
    for name in ("torch", "pytorch-lightning", "numpy", "librosa", "torchmetrics"):
        assert versions[name] == version(name)


def test_commit_and_dirty_flag(checkout: Path) -> None:
    git(checkout, "init", "-q")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "first")
    commit = git(checkout, "rev-parse", "HEAD")
    assert provenance.git_state() == {"commit": commit, "dirty": False}
    (checkout / "fsdd_lightning" / "__init__.py").write_text("changed = 1\n")
    assert provenance.git_state() == {"commit": commit, "dirty": True}


def test_an_installed_package_has_no_commit_even_inside_another_repository(checkout: Path) -> None:
    site = checkout / "fsdd_lightning"
    git(checkout, "init", "-q")
    (site / "fsdd_lightning").mkdir()
    fsdd_lightning.__file__ = str(site / "fsdd_lightning" / "__init__.py")  # undone by the fixture
    assert provenance.git_state() == {"commit": None, "dirty": None}


def test_a_checkout_without_git_or_commits_is_no_error(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(checkout, "init", "-q")
    assert provenance.git_state() == {"commit": None, "dirty": True}
    monkeypatch.setenv("PATH", str(checkout))
    assert provenance.git_state() == {"commit": None, "dirty": None}
