"""Printed tables: all numbers, and nothing is treated as markup."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich import box
from rich.console import Console
from rich.table import Table

from fsdd_lightning.console.tables import bill_table, class_table, confusion_table, kilobytes, result_table
from fsdd_lightning.console.terminal import console
from fsdd_lightning.evaluation.scores import score
from fsdd_lightning.memory.bill import float32_bill
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.runs.metrics import percent

SCORE = score(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 0, 1, 1, 2, 2]), ("0", "1", "2")).as_record()


def rows(table: Table) -> list[list[str]]:
    """The fields of a printed table, line by line."""
    text = io.StringIO()
    table.box = box.HEAVY_HEAD  # what is printed has no lines between columns
    Console(file=text, width=200, markup=False).print(table)
    printed = [line.replace("┃", "│")[1:-1].split("│") for line in text.getvalue().splitlines()]
    return [[field.strip() for field in row] for row in printed if len(row) > 1]


@pytest.mark.parametrize(("value", "text"), [(0.99333, "99.33"), (1.0, "100.00"), (0.0, "0.00"), (0.999949, "99.99")])
def test_percent(value: float, text: str) -> None:
    assert percent(value) == text


def test_kilobytes_are_of_1024() -> None:
    assert kilobytes(4 * 8_794) == "34.35"
    assert kilobytes(4 * 206_602) == "807.04"


@pytest.mark.parametrize(
    ("hidden_size", "total"), [(24, ["8,794 parameters", "35,176"]), (128, ["206,602 parameters", "826,408"])]
)
def test_the_bill_shows_the_notebooks_numbers(hidden_size: int, total: list[str]) -> None:
    bill = float32_bill(NetworkShape(13, hidden_size, 2, 10), 36)
    printed = rows(bill_table(bill))
    lines, sums = printed[1:-2], printed[-2]
    assert [sums[1], sums[3]] == total
    assert [row[0] for row in lines] == ["lstm layer 1", "lstm layer 2", "output layer", "state", "scratch"]
    assert sum(int(row[3].replace(",", "")) for row in lines[:3]) == bill.flash_bytes
    assert sum(int(row[4].replace(",", "")) for row in lines[3:]) == bill.ram_bytes == int(sums[4].replace(",", ""))
    assert printed[-1][3] == kilobytes(bill.flash_bytes)


def test_the_result_has_a_row_for_each_backend() -> None:
    printed = rows(result_table({"float": SCORE, "integer": SCORE}, {"float32_bytes": 35_176, "flash_bytes": 11_950}))
    assert printed[1][0] == "float" and printed[2][0] == "integer"
    low, high = (percent(bound) for bound in SCORE["ci95"])
    scores = ["83.33", f"{low} - {high}", percent(SCORE["macro_f1"]), "5/6"]
    assert printed[1][1:] == [*scores, "35,176"]
    assert printed[2][1:] == [*scores, "11,950"]


def test_equal_backends_share_a_row_that_fits_80_columns() -> None:
    names = ("float", "quantized", "integer", "c")
    views = {name: {**SCORE, "correct": 9_999, "total": 9_999} for name in names}
    table = result_table(views, {"float32_bytes": 826_408, "flash_bytes": 222_333})
    text = io.StringIO()
    Console(file=text, width=80, markup=False).print(table)
    lines = text.getvalue().splitlines()
    assert [line for line in lines if line.startswith(" quantized = integer = c ")] == [lines[-2]]
    assert lines[-2].rstrip().endswith("9999/9999  222,333")
    assert [row[0] for row in rows(table)[1:]] == ["float", "quantized = integer = c"]


def test_every_class_has_its_scores() -> None:
    assert rows(class_table(SCORE))[1:] == [
        ["0", "100.00", "100.00", "100.00", "2"],
        ["1", "100.00", "50.00", "66.67", "2"],
        ["2", "66.67", "100.00", "80.00", "2"],
    ]


def test_the_confusion_has_the_spoken_digit_in_rows() -> None:
    assert rows(confusion_table(SCORE)) == [
        ["", "0", "1", "2"],
        ["0", "2", "·", "·"],
        ["1", "·", "1", "1"],
        ["2", "·", "·", "2"],
    ]


@pytest.mark.parametrize("text", ["runs/[bold]mine[/bold]", "[/nothing]", ":smile:", "[300,3000]"])
def test_names_of_folders_are_printed_as_they_are(text: str) -> None:
    with console.capture() as printed:
        console.print(f"everything is in {text}", soft_wrap=True)
    assert printed.get() == f"everything is in {text}\n"
