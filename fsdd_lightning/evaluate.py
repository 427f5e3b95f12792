"""`fsdd-evaluate RUN`: count the recorded numbers of a run again, from its folder alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import add_backend_option, run_command

if TYPE_CHECKING:
    from fsdd_lightning.data.preparation import PreparedData
    from fsdd_lightning.evaluation.evaluate import BackendScores
    from fsdd_lightning.evaluation.robustness import RobustnessRow
    from fsdd_lightning.evaluation.run import OpenRun


def main() -> None:
    """Entry point of the command."""
    run_command(_evaluate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("fsdd-evaluate", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder (it holds run.json and network.pt)")
    add_backend_option(parser, "all that the run has; --robustness: the one that is deployed")
    parser.add_argument("--data-root", type=Path, help="where the recordings are now, if they moved")
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also corrupt the test clips (noise, babble, gain, clipping, silence, speed); "
        "writes robustness.json, .csv and .png into RUN",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    return parser


def _evaluate() -> None:
    arguments = _parser().parse_args()
    from fsdd_lightning.evaluation.evaluate import evaluate_backends
    from fsdd_lightning.evaluation.run import open_run
    from fsdd_lightning.runs.folder import recorded_data

    run = open_run(arguments.run)
    with run.threads():
        data = recorded_data(run, arguments.data_root)
        with run.backends(data, arguments.backend) as backends:
            scores = evaluate_backends(backends.by_name, data, data.split.test)
        rows = _robustness(run, data, arguments.backend) if arguments.robustness else ()
    _print(run, scores, rows, arguments.json)
    if backends.note is not None:
        print(f"note: {backends.note}", file=sys.stderr)
    _compare(run, scores)


def _robustness(run: OpenRun, data: PreparedData, name: str | None) -> tuple[RobustnessRow, ...]:
    from fsdd_lightning.evaluation.backends import open_backend
    from fsdd_lightning.evaluation.robustness import robustness
    from fsdd_lightning.evaluation.robustness_report import write_robustness

    with open_backend(run, name, data) as backend:
        rows = robustness(run, data, backend)
    title = f"{run.record.name}: corrupted test clips, {backend.name}"
    write_robustness(rows, run.folder, backend.name, title)
    return rows


def _print(run: OpenRun, evaluated: BackendScores, rows: Sequence[RobustnessRow], as_json: bool) -> None:
    import json
    from dataclasses import asdict

    from fsdd_lightning.console.tables import class_table, confusion_table, result_table, robustness_table
    from fsdd_lightning.console.terminal import console

    scores = {name: score.as_record() for name, score in evaluated.scores.items()}
    if as_json:
        both = {"views": scores, "robustness": [asdict(row) for row in rows]}
        print(json.dumps(both if rows else scores, indent=2))
        return
    for score in scores.values():
        console.print(confusion_table(score))
        console.print(class_table(score))
    console.print(result_table(scores, run.record.memory))
    if rows:
        console.print(robustness_table(rows))
        console.print(f"also in {run.folder}/robustness.csv, .json and .png", soft_wrap=True)


def _compare(run: OpenRun, evaluated: BackendScores) -> None:
    from fsdd_lightning.errors import RunFailedError

    for name, score in evaluated.scores.items():
        recorded = run.record.views.get(name)
        if recorded is None and name == "c":
            continue  # recorded where there was no compiler; it equals the integer backend, or we had not come here
        if recorded is None:
            raise RunFailedError(f"the record of {run.folder} has no {name} backend; run it again")
        if score.correct != recorded["correct"] or score.total != recorded["total"]:
            raise RunFailedError(
                f"{name}: {score.correct}/{score.total} here, {recorded['correct']}/{recorded['total']} in the record: "
                "other package versions or another processor; compare `versions` in run.json"
            )
    print(f"equal to the record of {run.folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
