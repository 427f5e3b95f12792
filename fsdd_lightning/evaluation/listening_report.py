"""What was heard in streams as JSON, CSV and a figure: words found and recognized, and false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.evaluation.listening import SEED, FalseAlarmRow, ListeningReport, StreamRow
from fsdd_lightning.evaluation.pictures import label
from fsdd_lightning.evaluation.report_files import COLORS, write_report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def listening_record(report: ListeningReport) -> dict[str, Any]:
    """Plain JSON: counts, and the rates that follow from them."""
    return {
        "backend": "integer",
        "seed": SEED,
        "counted_over": "words",
        "streams": [_stream_record(row) for row in report.streams],
        "false_alarms": [_false_alarm_record(row) for row in report.false_alarms],
        "false_rejects": {
            "right_clips": report.right_clips,
            "rejected": report.rejected_clips,
            "share": report.false_rejects,
        },
        "notes": list(report.notes),
    }


def _stream_record(row: StreamRow) -> dict[str, Any]:
    return asdict(row) | {
        "right_of_found": row.right_of_found,
        "right_of_spoken": row.right_of_spoken,
        "false_per_minute": row.false_per_minute,
    }


def _false_alarm_record(row: FalseAlarmRow) -> dict[str, Any]:
    return asdict(row) | {"accepted_per_hour": row.accepted_per_hour}


def write_listening(report: ListeningReport, folder: Path, title: str) -> None:
    """listening.json, listening.csv and listening.png in a run folder: streams first, then sound without its words."""
    rows = [*map(_stream_record, report.streams), *map(_false_alarm_record, report.false_alarms)]
    write_report(folder, "listening", listening_record(report), rows, lambda: listening_figure(report, title))


# ---- the figure


def listening_figure(report: ListeningReport, title: str) -> Figure:
    """Left: how many of the spoken words are found (hollow), and right (filled). Right: false alarms an hour."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 3.6), dpi=120, layout="constrained")
    words, alarms = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_words(words, report.streams)
    _draw_false_alarms(alarms, report.false_alarms)
    figure.suptitle(title)
    return figure


def _draw_words(axes: Axes, rows: Sequence[StreamRow]) -> None:
    conditions = list(dict.fromkeys((row.noise, row.snr_db) for row in rows))
    for color, corpus in zip(COLORS * len(rows), dict.fromkeys(row.corpus for row in rows), strict=False):
        own = [row for row in rows if row.corpus == corpus]
        at = [conditions.index((row.noise, row.snr_db)) for row in own]
        found = [100 * row.found / max(row.spoken, 1) for row in own]
        axes.plot(at, found, "o--", color=color, markerfacecolor="none", linewidth=1, label=label(f"{corpus}: found"))
        right = [100 * row.right_of_spoken for row in own]
        axes.plot(at, right, "o-", color=color, linewidth=1.3, label=label(f"{corpus}: right"))
    axes.set_xticks(range(len(conditions)), [f"{label(noise)}\n{snr_db:g} dB" for noise, snr_db in conditions])
    axes.set_ylabel("of the spoken words, %")
    axes.set_ylim(0, 102)
    axes.grid(axis="y", color="0.9")
    axes.legend(fontsize="small", frameon=False)


def _draw_false_alarms(axes: Axes, rows: Sequence[FalseAlarmRow]) -> None:
    names = [label(row.sound if row.level_db is None else f"{row.sound}, {row.level_db:g} dB") for row in rows]
    bars = axes.barh(range(len(rows)), [row.accepted_per_hour for row in rows], color=COLORS[0])
    axes.bar_label(bars, [f"{row.accepted_per_hour:.0f}" for row in rows], padding=3)
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.margins(x=0.2)
    axes.set_xlabel("words an hour taken for one of its own")
