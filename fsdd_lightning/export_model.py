"""`fsdd-export RUN`: the network of a run as files for other programs, or as a page, from its folder alone."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import CommandParser, run_command
from fsdd_lightning.console.lines import say

if TYPE_CHECKING:
    from fsdd_lightning.config.schema import Target
    from fsdd_lightning.runs.folder import Run

TARGETS = ("auto", "portable", "arm_dsp", "arm_mve", "host")  # of config/schema.py, whose import takes time


def main() -> None:
    """Entry point of the command."""
    run_command(_export)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("fsdd-export", description=__doc__)
    parser.add_argument(
        "runs",
        type=Path,
        metavar="RUN",
        nargs="+",
        help="a run folder (it holds run.json and network.npz); with --format web also two, to hear side by side",
    )
    parser.add_argument(
        "--format",
        choices=("c", "onnx", "web"),
        default="c",
        help="c: the integer network, for devices (default); onnx: the float network, for other runtimes; web: a page "
        "that hears your microphone with the same C",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where to (default: RUN/export)")
    parser.add_argument(
        "--name", help="prefix of all C names, name of the ONNX file, title of the page (default: digits, or words)"
    )
    parser.add_argument(
        "--target",
        choices=TARGETS,
        help="processors that the C is laid out for (default: export.target of the run); auto: all, each takes its own",
    )
    return parser


def _export() -> None:
    arguments = _parser().parse_args()
    from fsdd_lightning.artifacts import place_within
    from fsdd_lightning.errors import RunFailedError
    from fsdd_lightning.runs.folder import read_run
    from fsdd_lightning.runs.record import EXPORT

    _check(arguments)
    runs = [read_run(folder) for folder in arguments.runs]
    folder = arguments.output if arguments.output is not None else place_within(runs[0].folder, EXPORT)
    try:
        lines = _written(arguments, runs, folder)
    except OSError as error:
        raise RunFailedError(f"cannot write to {folder}: {error.strerror or error}") from error
    for line in lines:
        say(line)


def _written(arguments: argparse.Namespace, runs: Sequence[Run], folder: Path) -> list[str]:
    """Writes the files; what is to be said of them."""
    if arguments.format == "web":
        return _export_page(runs, folder, arguments.name)
    if arguments.format == "onnx":
        return _export_onnx(runs[0], folder, arguments.name)
    return _export_c(runs[0], folder, arguments.name, arguments.target or runs[0].config.export.target)


def _check(arguments: argparse.Namespace) -> None:
    """UserError for what does not go together."""
    from fsdd_lightning.errors import UserError

    count, most = len(arguments.runs), 2 if arguments.format == "web" else 1
    if arguments.target is not None and arguments.format != "c":
        raise UserError(f"--target is for C files, not for --format {arguments.format}")
    if count > most:
        raise UserError(f"--format {arguments.format} takes {most} run{'s' * (most > 1)} at most, not {count}")
    if len({folder.resolve() for folder in arguments.runs}) < count:
        raise UserError(f"{arguments.runs[1]} is the same run: name another one to hear beside it")


def _export_c(run: Run, folder: Path, name: str | None, target: Target) -> list[str]:
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.evaluation.deployment import export_run, kept_golden_clips

    if run.deployment is None:
        mode = run.config.quantization.name
        raise UserError(
            f"the run in {run.folder} is {mode}, which has no integer network to export as C: "
            "use --format onnx, or a run with quantization=int8_ptq"
        )
    golden = kept_golden_clips(run.deployment, run.folder)
    exported = export_run(run.deployment, golden, run.record, folder, name, target=target)
    return [f"C files are in {exported.folder}; this builds and runs their example:", f"  {exported.build_command}"]


def _export_page(runs: Sequence[Run], folder: Path, title: str | None) -> list[str]:
    from fsdd_lightning.evaluation.web import export_page
    from fsdd_lightning.runs.record import COMPARE_PAGE, LISTEN_PAGE

    path = folder / (LISTEN_PAGE if len(runs) == 1 else COMPARE_PAGE)
    export_page(runs, path, title)
    return [
        f"the page is {path} ({path.stat().st_size / 1000:.0f} kB): open it in a browser",
        "where the browser gives files no microphone:",
        f"  python -m http.server --bind localhost --directory {shlex.quote(str(folder))}",
        f"  and open http://localhost:8000/{path.name}",
    ]


def _export_onnx(run: Run, folder: Path, name: str | None) -> list[str]:
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.evaluation.deployment import model_name
    from fsdd_lightning.export.onnx import export_onnx

    name = model_name(run.checkpoint.labels) if name is None else name
    if not name.isprintable() or not name or set(name) & set("/\\"):
        raise UserError(f"--name must be fit for a file, not {name!r}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    export_onnx(run.checkpoint, run.config.features.described(), path, name=name)
    return [f"the float network is in {path}"]


if __name__ == "__main__":
    main()
