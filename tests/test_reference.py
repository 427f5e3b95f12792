"""The committed reports and the tables of both READMEs come out of the committed results.csv, to the last digit."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from fsdd_lightning.config.load import RENAMED_KEYS, config_keys
from fsdd_lightning.config.tools import OPEN_GROUPS
from fsdd_lightning.reports.frame import csv_bytes, read_csv
from fsdd_lightning.reports.page import build_document, markdown

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "multirun" / "reference"
REPORTS = sorted(path.parent.name for path in REFERENCE.glob("*/results.csv"))


@pytest.fixture(scope="module")
def remake() -> ModuleType:
    spec = importlib.util.spec_from_file_location("remake", REFERENCE / "remake.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readmes_hold_the_numbers_of_the_reports(remake: ModuleType) -> None:
    assert list(remake.PAGES) == [REFERENCE / "README.md", ROOT / "README.md"]
    for page, names in remake.PAGES.items():
        text = page.read_text(encoding="utf-8")
        assert remake.with_tables(text, names) == text


def test_the_tables_would_change_with_the_reports(remake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above can fail."""

    def worse(name: str) -> pd.DataFrame:
        trials: pd.DataFrame = original(name)
        lost = 1 / trials["total"]
        return trials.assign(correct=trials["correct"] - 1, accuracy=trials["accuracy"] - lost)

    original = remake.committed
    monkeypatch.setattr(remake, "committed", worse)
    page = (REFERENCE / "README.md").read_text(encoding="utf-8")
    changed = remake.with_tables(page, tuple(remake.TABLES))
    assert sum(a != b for a, b in zip(changed.splitlines(), page.splitlines(), strict=True)) >= 20


def test_a_page_without_a_place_for_a_table_is_named(remake: ModuleType) -> None:
    with pytest.raises(SystemExit, match="<!-- strangers -->"):
        remake.with_tables("# empty", ("strangers",))


@pytest.mark.parametrize("name", REPORTS)
def test_a_committed_report_comes_out_of_its_results_csv(name: str) -> None:
    folder = REFERENCE / name
    trials = read_csv(folder / "results.csv")
    csv = csv_bytes(trials)
    assert csv == (folder / "results.csv").read_bytes()
    assert not any(path in csv for path in (b",/", b"/work/", b"/home/"))
    document = build_document(trials)
    assert markdown(document) == (folder / "results.md").read_text(encoding="utf-8")
    pictures = {f"{picture.name}.png" for part in document.parts for picture in part.pictures}
    assert pictures == {path.name for path in folder.glob("*.png")}
    settings = {column.removeprefix("config.") for column in trials if column.startswith("config.")}
    shown = {key for key in settings if key.partition(".")[0] in OPEN_GROUPS}  # to whose keys a user may add
    assert {RENAMED_KEYS.get(key, key) for key in settings - shown} <= set(config_keys())  # today's names


def test_the_robustness_report_bears_todays_names() -> None:
    rows = json.loads((REFERENCE / "robustness" / "robustness.json").read_text())["rows"]
    table = pd.read_csv(REFERENCE / "robustness" / "robustness.csv")
    assert [row["corruption"] for row in rows] == list(table["corruption"])


def test_the_reports_are_those_that_remake_makes(remake: ModuleType) -> None:
    assert set(REPORTS) == set(remake.SWEEPS)


def test_the_expected_time_is_printed(remake: ModuleType) -> None:
    assert "minutes on" in remake.expected_time(["float_vs_int8"])
    assert "not known" in remake.expected_time(["no_such_sweep"])
