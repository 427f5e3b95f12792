"""`fsdd-report FOLDER...`: the results of sweeps, finished or not: a table, figures and one page to look at."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import CommandParser, run_command

if TYPE_CHECKING:
    from fsdd_lightning.reports.page import Report


def main() -> None:
    """Entry point of the command."""
    run_command(_report)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("fsdd-report", description=__doc__)
    parser.add_argument(
        "folder", type=Path, nargs="+", metavar="FOLDER", help="sweep folders (multirun/NAME) or run folders"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: report/ in the first FOLDER")
    parser.add_argument("--title", help="default: the names of the sweeps")
    parser.add_argument(
        "--portable",
        action="store_true",
        help="no absolute paths in results.csv and no links to run folders, for reports to be published",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="first forget the trials of these sweeps that have no result: they are no rows any more, and the same "
        "fsdd-train plans them again; what was begun is moved to .pruned/ beside the sweep, what is done stays",
    )
    return parser


def _report() -> None:
    arguments = _parser().parse_args()
    if arguments.prune:
        _prune(arguments.folder)
        if not any(any(folder.glob("*/run.json")) for folder in arguments.folder):
            return  # nothing is left to report
    from fsdd_lightning.reports.page import write_report

    _print(write_report(arguments.folder, arguments.output, arguments.title, arguments.portable))


def _prune(folders: Sequence[Path]) -> None:
    from fsdd_lightning.console.terminal import console
    from fsdd_lightning.sweeps.prune import prune_sweep

    for folder in folders:
        forgotten = prune_sweep(folder.resolve())
        for trial in forgotten:
            moved = "" if trial.place is None else f"; its folder is now {os.path.relpath(trial.place)}"
            console.print(f"forgotten: {trial.name} ({trial.state}){moved}", soft_wrap=True)
        console.print(f"{len(forgotten)} trials of {folder} forgotten", soft_wrap=True)


def _print(report: Report) -> None:
    from fsdd_lightning.console.terminal import console

    document = report.document
    for heading, reasons in document.problems.items():
        console.print(f"{heading}:")
        for reason, runs in reasons.items():
            others = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
            console.print(f"  {runs[0][0]}{others}: {reason}", soft_wrap=True)
    trials = ", ".join(f"{count} {state}" for state, count in document.counts.items())
    console.print(f"trials: {trials}")
    for note in report.notes:
        console.print(f"note: {note}", soft_wrap=True)
    console.print(", ".join(report.files), soft_wrap=True)
    console.print(f"in {report.output}", soft_wrap=True)


if __name__ == "__main__":
    main()
