"""`fsdd-export RUN`: the network of a run as files for other programs, from its folder alone."""

from __future__ import annotations

import argparse
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
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder (it holds run.json and network.npz)")
    parser.add_argument(
        "--format",
        choices=("c", "onnx"),
        default="c",
        help="c: the integer network, for devices (default); onnx: the float network, for other runtimes",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where to (default: RUN/export)")
    parser.add_argument(
        "--name", help="prefix of all C names, or the name of the ONNX file (default: digits, or words)"
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
    from fsdd_lightning.errors import RunFailedError, UserError
    from fsdd_lightning.evaluation.deployment import model_name
    from fsdd_lightning.runs.folder import read_run
    from fsdd_lightning.runs.record import EXPORT

    run = read_run(arguments.run)
    folder = arguments.output if arguments.output is not None else place_within(run.folder, EXPORT)
    name = model_name(run.checkpoint.labels) if arguments.name is None else arguments.name
    if arguments.target is not None and arguments.format != "c":
        raise UserError(f"--target is for C files, not for --format {arguments.format}")
    try:
        if arguments.format == "c":
            _export_c(run, folder, name, arguments.target or run.config.export.target)
        else:
            _export_onnx(run, folder, name)
    except OSError as error:
        raise RunFailedError(f"cannot write to {folder}: {error.strerror or error}") from error


def _export_c(run: Run, folder: Path, name: str, target: Target) -> None:
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
    say(f"C files are in {exported.folder}; this builds and runs their example:")
    say(f"  {exported.build_command}")


def _export_onnx(run: Run, folder: Path, name: str) -> None:
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.export.onnx import export_onnx

    if not name.isprintable() or not name or set(name) & set("/\\"):
        raise UserError(f"--name must be fit for a file, not {name!r}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    export_onnx(run.checkpoint, run.config.features.described(), path, name=name)
    say(f"the float network is in {path}")


if __name__ == "__main__":
    main()
