"""`fsdd-evaluate RUN`: make the recorded numbers of a run again, from its folder alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import run_command

if TYPE_CHECKING:
    from fsdd_lightning.data.preparation import PreparedData
    from fsdd_lightning.evaluation.evaluate import Evaluation
    from fsdd_lightning.evaluation.robustness import RobustnessRow
    from fsdd_lightning.runs.folder import Run


def main() -> None:
    """Entry point of the command."""
    run_command(_evaluate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("fsdd-evaluate", description=__doc__)
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="a run folder (it holds run.json and network.pt)"
    )
    parser.add_argument("--data-root", type=Path, help="where the recordings are now, if they moved")
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also disturb the test clips (noise, babble, gain, clipping, silence, speed); "
        "writes robustness.json, .csv and .png into RUN",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    return parser


def _evaluate() -> None:
    arguments = _parser().parse_args()
    import torch

    from fsdd_lightning.evaluation.deployment import compiled
    from fsdd_lightning.evaluation.evaluate import baseline_of, clips_at, evaluate_views, views_of
    from fsdd_lightning.runs.folder import open_run, recorded_data

    run = open_run(arguments.run)
    torch.set_num_threads(run.config.torch_threads)
    data = recorded_data(run, arguments.data_root)
    baseline = baseline_of(run.config.quantization.baseline, run.checkpoint, data)
    with compiled(run.deployment) as c:
        views = views_of(run.checkpoint, run.integer_model, baseline, c.engine)
        evaluation = evaluate_views(views, clips_at(data, data.split.test))
    rows = _robustness(run, data) if arguments.robustness else ()
    _print(run, evaluation, rows, arguments.json)
    if c.note is not None:
        print(f"note: {c.note}", file=sys.stderr)
    _compare(run, evaluation)


def _robustness(run: Run, data: PreparedData) -> tuple[RobustnessRow, ...]:
    from fsdd_lightning.evaluation.backends import open_engine
    from fsdd_lightning.evaluation.robustness import robustness
    from fsdd_lightning.evaluation.robustness_report import write_robustness

    with open_engine(run, None) as engine:
        rows = robustness(run, data, engine)
    write_robustness(rows, run.folder, engine.name, f"{run.record.name}: corrupted test clips, {engine.name}")
    return rows


def _print(run: Run, evaluation: Evaluation, rows: Sequence[RobustnessRow], as_json: bool) -> None:
    import json
    from dataclasses import asdict

    from fsdd_lightning.console.tables import class_table, confusion_table, result_table, robustness_table
    from fsdd_lightning.console.terminal import console

    views = {name: each.as_record() for name, each in evaluation.scores.items()}
    if as_json:
        both = {"views": views, "robustness": [asdict(row) for row in rows]}
        print(json.dumps(both if rows else views, indent=2))
        return
    for view in views.values():
        console.print(confusion_table(view))
        console.print(class_table(view))
    console.print(result_table(views, run.record.memory))
    if rows:
        console.print(robustness_table(rows))
        console.print(f"also in {run.folder}/robustness.csv, .json and .png", soft_wrap=True)


def _compare(run: Run, evaluation: Evaluation) -> None:
    from fsdd_lightning.errors import RunFailedError

    for name, score in evaluation.scores.items():
        recorded = run.record.views.get(name)
        if recorded is None and name == "c":
            continue  # recorded where there was no compiler; it equals the integer view, or we had not come here
        if recorded is None:
            raise RunFailedError(f"the record of {run.folder} has no {name} view; run it again")
        if score.correct != recorded["correct"] or score.total != recorded["total"]:
            raise RunFailedError(
                f"{name}: {score.correct}/{score.total} here, {recorded['correct']}/{recorded['total']} in the record: "
                "other package versions or another processor; compare `versions` in run.json"
            )
    print(f"equal to the record of {run.folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
