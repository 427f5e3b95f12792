"""`fsdd-predict RUN WAV...`: which digits are spoken in these files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import add_backend_option, run_command

if TYPE_CHECKING:
    from fsdd_lightning.evaluation.predict import Prediction, Predictor


def main() -> None:
    """Entry point of the command."""
    run_command(_predict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("fsdd-predict", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder (it holds run.json and network.pt)")
    parser.add_argument("wav", type=Path, nargs="+", metavar="WAV", help="WAV files, or folders of them")
    add_backend_option(parser, "the one that is deployed: integer where the run has it")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--stream", action="store_true", help="one file: the running decision after each frame")
    way.add_argument(
        "--segment", action="store_true", help="long recordings: find the words by their energy, with times"
    )
    parser.add_argument("--json", action="store_true", help="one JSON list, for machines; with logits")
    return parser


def _predict() -> None:
    arguments = _parser().parse_args()
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.evaluation.backends import open_backend
    from fsdd_lightning.evaluation.predict import Predictor, find_wavs
    from fsdd_lightning.runs.folder import read_run

    run = read_run(arguments.run)
    paths = find_wavs(arguments.wav)
    if arguments.stream and len(paths) != 1:
        raise UserError(f"--stream follows one file, not {len(paths)}: name a single WAV")
    with open_backend(run, arguments.backend) as backend:
        predictor = Predictor(run, backend)
        results = [answer for path in paths for answer in _answers(predictor, path, arguments)]
    _print(results, arguments.json)
    failed = sum(result.error is not None for result in results)
    if failed:
        raise UserError(f"{failed} of {len(paths)} files could not be read (see above)")


def _answers(predictor: Predictor, path: Path, arguments: argparse.Namespace) -> list[Prediction]:
    if arguments.stream:
        return predictor.predict_stream(path)
    return predictor.predict_words(path) if arguments.segment else [predictor.predict(path)]


def _print(results: list[Prediction], as_json: bool) -> None:
    if as_json:
        print(json.dumps([result.as_dict() for result in results], indent=2))
        return
    for result in results:
        if result.error:
            print(f"{result.file}: {result.error}", file=sys.stderr)
            continue
        print(f"{result.digit}  {result.probability:.3f}  {_place(result)}{result.file}")
        if result.note:
            print(f"{result.file}: {result.note}", file=sys.stderr)


def _place(result: Prediction) -> str:
    if result.start_s is not None:
        return f"{result.start_s:7.2f} - {result.end_s:.2f} s  "
    return "" if result.heard_s is None else f"{result.heard_s:5.2f} s  "


if __name__ == "__main__":
    main()
