"""`fsdd-evaluate RUN`: count the recorded numbers of a run again, from its folder alone."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdd_lightning.console.command_line import CommandParser, add_backend_option, run_command
from fsdd_lightning.console.lines import say_aside, say_json

if TYPE_CHECKING:
    from fsdd_lightning.data.preparation import PreparedData
    from fsdd_lightning.data.recordings import RecordingSet
    from fsdd_lightning.evaluation.backends import Backends
    from fsdd_lightning.evaluation.evaluate import BackendScores
    from fsdd_lightning.evaluation.listening import ListeningReport
    from fsdd_lightning.evaluation.other_corpora import OthersReport
    from fsdd_lightning.evaluation.robustness import RobustnessRow
    from fsdd_lightning.evaluation.run import OpenRun


def main() -> None:
    """Entry point of the command."""
    run_command(_evaluate)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("fsdd-evaluate", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder (it holds run.json and network.npz)")
    add_backend_option(parser, "all that the run has; --robustness: the one that is deployed")
    parser.add_argument(
        "--data-root",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="where the recordings are now, if they moved; of several corpora, once for each in the order of run.json",
    )
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also corrupt the test clips (noise, babble, gain, clipping, silence, speed, DC offset, band limits); "
        "writes robustness.json, .csv and .png into RUN",
    )
    parser.add_argument(
        "--streams",
        action="store_true",
        help="also listen to streams of test clips in noise, and to sound without its words (features=integer); "
        "writes listening.json, .csv and .png into RUN",
    )
    parser.add_argument(
        "--others",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="also recognize these clips of other people, named as those of FSDD, and measure how far the confidence "
        "can be trusted; writes NAME.json, .csv and .png into RUN/evaluations; with --streams: streams of them, too; "
        "may be given again",
    )
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="evaluate all backends on these recordings instead of the run's own, by speaker; files as those of FSDD, "
        "or a folder for each word; writes RUN/evaluations/NAME.json; may be given again",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    return parser


def _evaluate() -> None:
    arguments = _parser().parse_args()
    from fsdd_lightning.evaluation.calibration import calibration_of
    from fsdd_lightning.evaluation.evaluate import evaluate_backends
    from fsdd_lightning.evaluation.run import open_run
    from fsdd_lightning.runs.folder import recorded_data

    _start_portable(arguments.run)
    run = open_run(arguments.run)
    _check_places(run, arguments)
    if arguments.data:
        _elsewhere(run, arguments)
        return
    others = _others(run, arguments.others, arguments.streams)
    strangers = None
    with run.threads():
        data = recorded_data(run, arguments.data_root)
        with run.backends(data, arguments.backend) as backends:
            validation = evaluate_backends(backends.by_name, data, data.split.val)
            scores = evaluate_backends(backends.by_name, data, data.split.test)
            calibration = calibration_of(backends.by_name, validation, scores, data)
            if others:
                strangers = _strangers(run, data, backends, scores, others)
        rows = _robustness(run, data, arguments.backend) if arguments.robustness else ()
        heard = _streams(run, data, others) if arguments.streams else None
    _print(run, scores, rows, heard, strangers, arguments.json)
    if backends.note is not None:
        say_aside(f"note: {backends.note}")
    different = _compare(run, scores)
    _compare_calibration(run, {name: each for name, each in calibration.items() if name not in different})
    but = f" but for {' and '.join(different)}" if different else ""
    say_aside(f"equal to the record of {run.folder}{but}")


def _check_places(run: OpenRun, arguments: argparse.Namespace) -> None:
    """Before minutes have passed."""
    from fsdd_lightning.artifacts import place_within
    from fsdd_lightning.runs.record import EVALUATIONS

    if arguments.data or arguments.others:
        place_within(run.folder, EVALUATIONS)


def _elsewhere(run: OpenRun, arguments: argparse.Namespace) -> None:
    """Evaluate other recordings, which nobody can compare with the record."""
    from fsdd_lightning.console.tables import recordings_tables, speakers_line
    from fsdd_lightning.console.terminal import console
    from fsdd_lightning.data.others import check_others
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.evaluation.other_recordings import recordings_record, recordings_report, write_recordings

    if arguments.robustness or arguments.streams or arguments.others or arguments.data_root:
        raise UserError("--data evaluates other recordings alone: leave the other options but --backend and --json out")
    check_others(arguments.data, "--data")
    records = {}
    for folder in arguments.data:
        report = recordings_report(run, folder, arguments.backend)
        path = write_recordings(report, run.folder)
        records[report.recordings.name] = recordings_record(report)
        for note in filter(None, (*report.recordings.notes, report.note)):
            say_aside(f"note: {note}")
        if not arguments.json:
            for table in recordings_tables(report, run.record.memory):
                console.print(table)
            console.print(speakers_line(report), soft_wrap=True)
            console.print(f"also in {path}", soft_wrap=True)
    if arguments.json:
        say_json(records, indent=2)


def _start_portable(folder: Path) -> None:
    """With the kernels of the training, so that the float numbers are the same; where this processor has them."""
    from fsdd_lightning.config.portable import start_portable
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.runs.record import read_record

    if read_record(folder).config.get("trainer", {}).get("portable"):
        with suppress(UserError):
            start_portable()


def _robustness(run: OpenRun, data: PreparedData, name: str | None) -> tuple[RobustnessRow, ...]:
    from fsdd_lightning.evaluation.backends import open_backend
    from fsdd_lightning.evaluation.report_files import figure_title
    from fsdd_lightning.evaluation.robustness import robustness
    from fsdd_lightning.evaluation.robustness_report import write_robustness

    with open_backend(run, name, data) as backend:
        rows = robustness(run, data, backend)
    write_robustness(rows, run.folder, backend.name, figure_title(run, data, backend.name, "corrupted"))
    return rows


def _others(run: OpenRun, folders: Sequence[Path], streams: bool) -> tuple[RecordingSet, ...]:
    """The clips of further folders. What --streams needs is checked before minutes have passed."""
    from fsdd_lightning.data.others import load_others
    from fsdd_lightning.evaluation.hearing import listening_deployment

    if streams:
        listening_deployment(run)
    return load_others(folders, run.config.features, "--others", labels=run.checkpoint.labels)


def _strangers(
    run: OpenRun, data: PreparedData, backends: Backends, scores: BackendScores, others: Sequence[RecordingSet]
) -> OthersReport:
    """On the backend that was asked for, or is deployed."""
    from fsdd_lightning.data.others import speakers_known
    from fsdd_lightning.evaluation.other_corpora import others_report
    from fsdd_lightning.evaluation.other_corpora_report import write_corpora

    for known in filter(None, (speakers_known(corpus, data.recordings) for corpus in others)):
        say_aside(f"note: {known}")
    report = others_report(others, backends.by_name, scores, data, run.deployment)
    write_corpora(report, run.folder, run.record.name)
    return report


def _streams(run: OpenRun, data: PreparedData, others: Sequence[RecordingSet]) -> ListeningReport:
    from fsdd_lightning.evaluation.listening import listening_report
    from fsdd_lightning.evaluation.listening_report import write_listening
    from fsdd_lightning.evaluation.report_files import figure_title

    report = listening_report(run, data, others)
    write_listening(report, run.folder, figure_title(run, data, "integer", "in streams"))
    return report


def _print(
    run: OpenRun,
    evaluated: BackendScores,
    rows: Sequence[RobustnessRow],
    heard: ListeningReport | None,
    strangers: OthersReport | None,
    as_json: bool,
) -> None:
    from fsdd_lightning.console.tables import class_table, confusion_table, result_table, robustness_table
    from fsdd_lightning.console.terminal import console
    from fsdd_lightning.runs.metrics import equal_backends, percent

    scores = {name: score.as_record() for name, score in evaluated.scores.items()}
    if as_json:
        say_json(_record(scores, rows, heard, strangers), indent=2)
        return
    for name, score in equal_backends(scores).items():
        console.print(f"{name}: {percent(score['accuracy'])} %")
        console.print(confusion_table(score))
        console.print(class_table(score))
    console.print(result_table(scores, run.record.memory))
    if rows:
        console.print(robustness_table(rows))
        console.print(f"also in {run.folder}/robustness.csv, .json and .png", soft_wrap=True)
    if strangers:
        _print_strangers(strangers, run)
    if heard:
        _print_listening(heard)
        console.print(f"also in {run.folder}/listening.csv, .json and .png", soft_wrap=True)


def _record(
    scores: dict[str, Any], rows: Sequence[RobustnessRow], heard: ListeningReport | None, strangers: OthersReport | None
) -> dict[str, Any]:
    """The scores alone where nothing else was asked for."""
    from dataclasses import asdict

    from fsdd_lightning.evaluation.listening_report import listening_record
    from fsdd_lightning.evaluation.other_corpora_report import whole_records

    more: dict[str, Any] = {"robustness": [asdict(row) for row in rows]} if rows else {}
    more |= {"listening": listening_record(heard)} if heard else {}
    more |= {"others": whole_records(strangers)} if strangers else {}
    return {"views": scores, **more} if more else scores


def _print_strangers(strangers: OthersReport, run: OpenRun) -> None:
    from fsdd_lightning.console.tables import confidence_table, others_table
    from fsdd_lightning.console.terminal import console
    from fsdd_lightning.evaluation.other_corpora_report import whole_records
    from fsdd_lightning.runs.record import EVALUATIONS

    for name, record in whole_records(strangers).items():
        console.print(others_table(name, record))
        console.print(confidence_table(record))
        console.print(f"also in {run.folder}/{EVALUATIONS}/{name}.csv, .json and .png", soft_wrap=True)


def _print_listening(heard: ListeningReport) -> None:
    from fsdd_lightning.console.tables import false_alarm_table, stream_table
    from fsdd_lightning.console.terminal import console
    from fsdd_lightning.runs.metrics import percent

    console.print(stream_table(heard.streams))
    console.print("counted over words; right of found: a found word that is rejected is not right", soft_wrap=True)
    console.print(false_alarm_table(heard.false_alarms))
    share = f"{heard.rejected_clips} of {heard.right_clips} ({percent(heard.false_rejects)} %)"
    console.print(f"test clips recognized right, but rejected: {share}", soft_wrap=True)
    for note in heard.notes:
        console.print(note, soft_wrap=True)


def _compare(run: OpenRun, evaluated: BackendScores) -> list[str]:
    """Against the record; the backends whose float numbers differ on this other processor. Integers never do.

    Raises:
        RunFailedError: a number differs without that reason.
    """
    from fsdd_lightning.errors import RunFailedError

    different = []
    for name, score in evaluated.scores.items():
        recorded = run.record.views.get(name)
        if recorded is None and name == "c":
            continue  # recorded where there was no compiler; it equals the integer backend, or we had not come here
        if recorded is None:
            raise RunFailedError(f"the record of {run.folder} has no {name} backend; run it again")
        if score.correct != recorded["correct"] or score.total != recorded["total"]:
            counts = f"{score.correct}/{score.total} here, {recorded['correct']}/{recorded['total']} in the record"
            difference = None if run.has_exact(name) else run.other_processor
            if difference is None or score.total != recorded["total"]:
                raise RunFailedError(f"{name}: {counts}: other package versions, compare `versions` in run.json")
            different.append(name)
            say_aside(f"note: {name}: {counts}: {difference}, and float sums depend on it")
    return different


def _compare_calibration(run: OpenRun, calibration: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises RunFailedError where it is another one than the record's; older records have none."""
    from fsdd_lightning.errors import RunFailedError
    from fsdd_lightning.evaluation.calibration import uncalibrated_note, unequal_calibration

    if note := uncalibrated_note(run.record):
        say_aside(f"note: {note}")
        return
    if difference := unequal_calibration(run.record.calibration, calibration):
        raise RunFailedError(f"{difference}; compare `versions` in run.json")


if __name__ == "__main__":
    main()
