"""The versions that the committed tables were made with are within the ranges that users may have."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def _pinned() -> list[Requirement]:
    lines = (REPOSITORY / ".ci" / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _versions() -> dict[str, str]:
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in _pinned()}


def _ranges() -> list[Requirement]:
    optional = (text for texts in PROJECT["optional-dependencies"].values() for text in texts)
    return [Requirement(text) for text in (*PROJECT["dependencies"], *optional)]


def test_each_is_one_version_and_named_once() -> None:
    assert all(re.fullmatch(r"==\d+(\.\d+)+", str(pin.specifier)) for pin in _pinned())
    assert len(_versions()) == len(_pinned())


def test_every_package_that_a_user_needs_is_named() -> None:
    needed = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert needed <= set(_versions())


@pytest.mark.parametrize("wanted", _ranges(), ids=str)
def test_the_version_is_within_the_range_of_the_project(wanted: Requirement) -> None:
    version = _versions().get(canonicalize_name(wanted.name))
    assert version is None or version in wanted.specifier


def test_no_filelock_with_a_known_hole() -> None:
    """CVE-2025-68146, mended in 3.20.1: another user could have a file emptied through a link."""
    (wanted,) = (each for each in _ranges() if each.name == "filelock")
    assert "3.20.0" not in wanted.specifier and "3.20.1" in wanted.specifier
