"""The table "float against int8" of both READMEs, made of fabricated runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from fabricated_runs import blank_record, frame_of, run

SCRIPT = Path(__file__).parents[2] / "multirun" / "reference" / "remake.py"


@pytest.fixture(scope="module")
def remake() -> ModuleType:
    spec = importlib.util.spec_from_file_location("remake", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_cell_of_the_grid_is_the_mean_of_its_seeds_with_lowest_and_highest(
    remake: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for mode in remake.MODES:
        for size in (16, 8):
            for seed, correct in enumerate((594, 595, 597), 1):
                run(tmp_path, mode, size, seed, correct - 60 * (size == 8))
    monkeypatch.setattr(remake, "committed", lambda name: frame_of(tmp_path))
    head, rule, *rows = remake.grid_table()
    assert (head, rule) == ("| mode | 2x8 | 2x16 |", "|---|---|---|")
    assert [row.split(" | ")[0] for row in rows] == [f"| {mode}" for mode in remake.MODES]
    sizes = {size: blank_record("quantization=int8_ptq", f"model.hidden_size={size}").memory for size in (8, 16)}
    small, large = (f"{sizes[size]['flash_bytes']:,} B" for size in (8, 16))
    expected = f"| int8_ptq | 89.22 % (89.0-89.5) in {small} | 99.22 % (99.0-99.5) in {large} |"
    assert rows[list(remake.MODES).index("int8_ptq")] == expected


def test_a_cell_of_one_seed_has_no_range(remake: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 594)
    monkeypatch.setattr(remake, "committed", lambda name: frame_of(tmp_path))
    (row,) = [row for row in remake.grid_table() if row.startswith("| int8_ptq")]
    assert row.startswith("| int8_ptq | 99.00 % in ")
