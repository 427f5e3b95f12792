"""What commands print: tables of results, of bytes, of classes."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from fsdd_lightning.memory.bill import MemoryBill


def percent(value: float) -> str:
    """0.99333 -> "99.33"."""
    return f"{100 * value:.2f}"


def kilobytes(count: int) -> str:
    """Bytes in KB of 1,024."""
    return f"{count / 1024:.2f}"


def bill_table(bill: MemoryBill) -> Table:
    """Line by line, with the totals."""
    table = Table(title="Memory bill", title_justify="left")
    for column in ("part", "detail"):
        table.add_column(column)
    for column in ("values", "flash bytes", "RAM bytes"):
        table.add_column(column, justify="right")
    for line in bill.lines:
        flash = f"{line.bytes:,}" if line.memory == "flash" else ""
        table.add_row(line.name, line.detail, f"{line.count:,}", flash, "" if flash else f"{line.bytes:,}")
    table.add_section()
    parameters = f"{bill.shape.parameters:,} parameters"
    table.add_row("total", parameters, "", f"{bill.flash_bytes:,}", f"{bill.ram_bytes:,}")
    table.add_row("", "KB of 1,024", "", kilobytes(bill.flash_bytes), kilobytes(bill.ram_bytes))
    return table


def result_table(views: dict[str, dict[str, Any]], memory: dict[str, Any]) -> Table:
    """One row a view of the network, in percent."""
    table = Table(title="Test set", title_justify="left")
    table.add_column("view")
    for column in ("accuracy %", "95 % interval", "correct", "macro-F1 %", "flash bytes"):
        table.add_column(column, justify="right")
    for name, view in views.items():
        low, high = view["ci95"]
        table.add_row(
            name,
            percent(view["accuracy"]),
            f"{percent(low)} - {percent(high)}",
            f"{view['correct']}/{view['total']}",
            percent(view["macro_f1"]),
            f"{memory['flash_bytes']:,}",
        )
    return table


def class_table(view: dict[str, Any]) -> Table:
    """Precision, recall and F1 of every class."""
    table = Table(title="Digits", title_justify="left")
    for column in ("digit", "precision %", "recall %", "F1 %", "clips"):
        table.add_column(column, justify="right")
    for each in view["classes"]:
        table.add_row(
            each["label"],
            percent(each["precision"]),
            percent(each["recall"]),
            percent(each["f1"]),
            str(each["clips"]),
        )
    return table


def confusion_table(view: dict[str, Any]) -> Table:
    """Rows are the spoken digit, columns the recognised one; zeros are left out."""
    labels = [each["label"] for each in view["classes"]]
    table = Table(title="Confusion: spoken (rows), recognised (columns)", title_justify="left")
    for column in ("", *labels):
        table.add_column(column, justify="right")
    for label, row in zip(labels, view["confusion"], strict=True):
        table.add_row(label, *(str(count) if count else "·" for count in row))
    return table
