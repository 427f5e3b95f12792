"""The README's result tables are those of the committed reports, to the last digit."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "multirun" / "reference"
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def remake() -> ModuleType:
    spec = importlib.util.spec_from_file_location("remake", REFERENCE / "remake.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_says_what_the_reports_say(remake: ModuleType) -> None:
    assert remake.with_tables(README) == README


def test_the_tables_would_change_with_the_reports(
    remake: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the test above can fail."""

    def worse(name: str) -> object:
        trials = original(name).copy()
        for view in ("float", "c"):
            trials[f"views.{view}.correct"] -= 1
        trials["accuracy"] -= 1 / 600
        return trials

    original = remake.committed
    monkeypatch.setattr(remake, "committed", worse)
    changed = remake.with_tables(README)
    assert sum(a != b for a, b in zip(changed.splitlines(), README.splitlines(), strict=True)) >= 10


@pytest.mark.parametrize("name", sorted(path.parent.name for path in REFERENCE.glob("*/results.csv")))
def test_a_committed_report_is_whole_and_portable(name: str) -> None:
    folder = REFERENCE / name
    assert {"results.csv", "results.md"} <= {path.name for path in folder.iterdir()}
    csv = (folder / "results.csv").read_text(encoding="utf-8")
    assert ",/" not in csv and "/work/" not in csv and "/home/" not in csv


def test_the_reports_are_those_that_remake_makes(remake: ModuleType) -> None:
    assert {path.parent.name for path in REFERENCE.glob("*/results.csv")} == set(remake.SWEEPS)


def test_the_expected_time_is_told(remake: ModuleType) -> None:
    assert "minutes on" in remake.expected_time(["float_vs_int8"])
    assert "not known" in remake.expected_time(["no_such_sweep"])
