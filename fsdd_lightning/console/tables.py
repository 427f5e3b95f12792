"""Tables that commands print: results, bytes, classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from fsdd_lightning.memory.bill import MemoryBill
from fsdd_lightning.runs.metrics import equal_backends, percent
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import WAYS

if TYPE_CHECKING:
    from fsdd_lightning.evaluation.listening import FalseAlarmRow, StreamRow
    from fsdd_lightning.evaluation.other_recordings import RecordingsReport
    from fsdd_lightning.evaluation.robustness import RobustnessRow  # the whole signal chain


def kilobytes(count: int) -> str:
    """Bytes in KB of 1,024."""
    return f"{count / 1024:.2f}"


def bill_table(bill: MemoryBill) -> Table:
    """Line by line, with the totals."""
    table = plain_table("Memory bill", ("part", "detail"), ("values", "flash bytes", "RAM bytes"))
    for line in bill.lines:
        flash = f"{line.bytes:,}" if line.memory == "flash" else ""
        table.add_row(line.name, line.detail, f"{line.count:,}", flash, "" if flash else f"{line.bytes:,}")
    table.add_section()
    parameters = f"{bill.shape.parameters:,} parameters"
    table.add_row("total", parameters, "", f"{bill.flash_bytes:,}", f"{bill.ram_bytes:,}")
    table.add_row("", "KB of 1,024", "", kilobytes(bill.flash_bytes), kilobytes(bill.ram_bytes))
    return table


def result_table(scores: dict[str, dict[str, Any]], memory: dict[str, Any]) -> Table:
    """One row for each backend, in percent; equal ones share theirs."""
    columns = ("accuracy", "95 % interval", "macro-F1", "correct", "flash")
    table = plain_table("Test set, in %; flash in bytes", ("backend",), columns)
    table.collapse_padding = True  # five numbers and the names of three backends in 80 columns
    for name, score in equal_backends(scores).items():
        low, high = score["ci95"]
        table.add_row(
            name,
            percent(score["accuracy"]),
            f"{percent(low)} - {percent(high)}",
            percent(score["macro_f1"]),
            f"{score['correct']}/{score['total']}",
            f"{memory['float32_bytes'] if name == 'float' else memory['flash_bytes']:,}",
        )
    return table


def recordings_tables(report: RecordingsReport, memory: dict[str, Any]) -> list[Table]:
    """Of other recordings: by class, by speaker, by backend."""
    scores = {name: score.as_record() for name, score in report.scores.items()}
    deployed = scores[report.backend]
    people = plain_table("Speakers", ("speaker",), ("accuracy %", "correct"))
    for name, (right, total) in report.speakers.items():
        people.add_row(name, percent(right / total), f"{right}/{total}")
    results = result_table(scores, memory)
    results.title = f"All clips of {report.recordings.name}, in %; flash in bytes"
    return [confusion_table(deployed), class_table(deployed), people, results]


def speakers_line(report: RecordingsReport) -> str:
    """Mean over speakers, with its interval, and the worst one."""
    over = report.over_speakers
    interval = "" if over.ci95 is None else f" ({percent(over.ci95[0])} - {percent(over.ci95[1])})"
    worst = f"worst {over.worst_name} with {percent(over.worst)} %"
    return f"mean over {over.count} speakers {percent(over.mean)} %{interval}, {worst}; {report.backend} backend"


def class_table(score: dict[str, Any]) -> Table:
    """Precision, recall and F1 of every class."""
    table = plain_table("Words", (), ("word", "precision %", "recall %", "F1 %", "clips"))
    for word in score["classes"]:
        table.add_row(
            word["label"], percent(word["precision"]), percent(word["recall"]), percent(word["f1"]), str(word["clips"])
        )
    return table


def confusion_table(score: dict[str, Any]) -> Table:
    """Rows are the spoken word, columns the recognized one; zeros are left out."""
    labels = [word["label"] for word in score["classes"]]
    table = plain_table("Confusion: spoken down, recognized across", (), ("", *labels))
    for label, row in zip(labels, score["confusion"], strict=True):
        table.add_row(label, *(str(count) if count else "·" for count in row))
    return table


def robustness_table(rows: Sequence[RobustnessRow]) -> Table:
    """One row for each corruption and level, in percent; the drop in points."""
    numbers = ("level", "accuracy %", "95 % interval", "correct", "drop")
    table = plain_table("Test clips, corrupted", ("corruption",), numbers)
    for row in rows:
        table.add_row(
            row.corruption,
            f"{row.level:g} {row.unit}" if row.unit else "",
            percent(row.accuracy),
            f"{percent(row.ci95[0])} - {percent(row.ci95[1])}",
            f"{row.correct}/{row.total}",
            f"{100 * row.drop:.2f}",
        )
    return table


def stream_table(rows: Sequence[StreamRow]) -> Table:
    """One row for each corpus and noise: counts of words, and shares in percent."""
    numbers = ("spoken", "found", "split", "missed", "rejected", "false/min", "right of found", "of spoken")
    table = plain_table("Words in streams", ("clips", "noise"), numbers)
    for row in rows:
        table.add_row(
            row.corpus,
            f"{row.noise} {row.snr_db:g} dB",
            str(row.spoken),
            str(row.found),
            str(row.split),
            str(row.missed),
            str(row.rejected),
            f"{row.false_per_minute:.1f}",
            percent(row.right_of_found),
            percent(row.right_of_spoken),
        )
    return table


def false_alarm_table(rows: Sequence[FalseAlarmRow]) -> Table:
    """One row for each sound without words of the network."""
    numbers = ("hours", "words spoken", "heard", "accepted", "accepted/hour")
    table = plain_table("Sound without its words", ("sound",), numbers)
    for row in rows:
        table.add_row(
            row.sound if row.level_db is None else f"{row.sound} {row.level_db:g} dB",
            f"{row.hours:.2f}",
            str(row.spoken),
            str(row.heard),
            str(row.accepted),
            f"{row.accepted_per_hour:.1f}",
        )
    return table


def others_table(name: str, record: dict[str, Any]) -> Table:
    """One row for each group of people whom the network has never heard, in percent; `record` as in NAME.json."""
    ways = [way for way in WAYS if way in record]
    groups = {way: {group["name"]: group for group in record[way]["by_group"]} for way in ways}
    people, recordings = record[ways[0]]["people"]["count"], record[ways[0]]["recordings"]
    columns = {"heard": ("found", "heard", "accepted"), "alone": ("alone", "accepted")}
    rejects = "rejecting" in record[ways[0]]
    numbers = [column for way in ways for column in columns[way] if rejects or column != "accepted"]
    title = f"{name}: {people} people, {recordings:,} recordings, in %"
    table = plain_table(title, ("speaker",), ("people", "clips", *numbers))
    for group in groups[ways[0]]:
        counts = {way: groups[way][group] for way in ways}
        first = counts[ways[0]]
        cells = [cell for way in ways for cell in _count_cells(way, counts[way])]
        table.add_row(group, str(first["people"]), str(first["total"]), *cells)
    table.add_section()
    for each in ("groups", "people"):
        _add_means(table, each, record, ways)
    return table


def _count_cells(way: str, count: dict[str, Any]) -> list[str]:
    correct = [count["correct"]] + ([] if count["accepted_correct"] is None else [count["accepted_correct"]])
    return [percent(part / count["total"]) for part in ([count["found"]] if way == "heard" else []) + correct]


def _add_means(table: Table, each: str, record: dict[str, Any], ways: Sequence[str]) -> None:
    """Mean over groups or people, its interval, and the worst of them, each with and without what is rejected."""
    found = {way: [part[each] for part in (record[way], record[way].get("rejecting")) if part] for way in ways}
    rows = {
        f"mean of {record[ways[0]][each]['count']} {each}": lambda of: percent(of["mean"]),
        "  95 % interval": lambda of: "-".join(f"{100 * end:.0f}" for end in of["ci95"]) if of["ci95"] else "",
        "  worst": lambda of: percent(of["worst"]),
        "": lambda of: of["worst_name"],
    }
    for title, written in rows.items():
        cells = [cell for way in ways for cell in [*([""] if way == "heard" else []), *map(written, found[way])]]
        table.add_row(title, "", "", *cells)


def confidence_table(record: dict[str, Any]) -> Table:
    """How far confidence can be trusted: errors in percent, and the accuracy of the surest clips."""
    shares = list(record["test_clips"]["accuracy_at"])
    numbers = ("ECE %", "AURC %", *(f"{share} %" for share in shares))
    table = plain_table("Confidence, and the accuracy of the surest clips, in %", ("clips",), numbers)
    names = {"test_clips": "own test clips", **WAYS}
    for part in (part for part in names if part in record):
        values = record[part]
        error = "" if values["ece"] is None else percent(values["ece"])
        table.add_row(names[part], error, percent(values["aurc"]), *map(percent, values["accuracy_at"].values()))
    return table


def plan_table(trials: Sequence[tuple[RunPlan, str]]) -> Table:
    """One row for each trial, with its state; the test set only where trials differ in it."""
    numbers = ("flash bytes", "RAM", "MACs/clip", "seed")
    tested = [_tested_on(plan) for plan, _ in trials]
    differ = len(set(tested)) > 1
    words = (*(("test set",) if differ else ()), "shape", "quantization", "budget")
    table = plain_table("Trials", words, numbers, ("state",))
    for (plan, state), test_set in zip(trials, tested, strict=True):
        config = plan.config
        table.add_row(
            *((test_set,) if differ else ()),
            f"{plan.shape.layers}x{plan.shape.hidden_size}",
            config.quantization.name,
            plan.budget.name,
            f"{plan.bill.flash_bytes:,}",
            f"{plan.bill.ram_bytes:,}",
            f"{plan.bill.macs_per_clip:,}",
            str(config.seed),
            state if plan.fits else f"{state}: does not fit",
        )
    return table


def _tested_on(plan: RunPlan) -> str:
    split = plan.config.split
    return split.held_out if split.name == "unseen_speaker" and split.held_out else split.name


def plain_table(title: str, words: tuple[str, ...], numbers: tuple[str, ...], last: tuple[str, ...] = ()) -> Table:
    """Narrow, so that 80 columns do; numbers are aligned right and never cut."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in words:
        table.add_column(column)
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    for column in last:
        table.add_column(column)
    return table
