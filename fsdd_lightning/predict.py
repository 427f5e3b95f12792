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
    from fsdd_lightning.runs.folder import Run

STANDARD_INPUT = Path("-")


def main() -> None:
    """Entry point of the command."""
    run_command(_predict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("fsdd-predict", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder (it holds run.json and network.pt)")
    parser.add_argument(
        "wav", type=Path, nargs="+", metavar="WAV", help="WAV files, or folders of them; -: standard input (--stream)"
    )
    add_backend_option(parser, "the one that is deployed: integer where the run has it")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--stream",
        action="store_true",
        help="each word as soon as it ends: of one file, or of raw 16-bit samples from standard input",
    )
    way.add_argument(
        "--segment", action="store_true", help="long recordings: find the words by their energy, with times"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON list, with --stream a line a word, for machines; with logits"
    )
    return parser


def _predict() -> None:
    arguments = _parser().parse_args()
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.evaluation.backends import open_backend
    from fsdd_lightning.evaluation.predict import Predictor, find_wavs
    from fsdd_lightning.runs.folder import read_run

    run = read_run(arguments.run)
    if arguments.stream:
        _stream(run, arguments)
        return
    if STANDARD_INPUT in arguments.wav:
        raise UserError("standard input (-) is a stream: add --stream")
    paths = find_wavs(arguments.wav)
    with open_backend(run, arguments.backend) as backend:
        predictor = Predictor(run, backend)
        results = [answer for path in paths for answer in _answers(predictor, path, arguments)]
    _print(results, arguments.json)
    failed = sum(result.error is not None for result in results)
    if failed:
        raise UserError(f"{failed} of {len(paths)} files could not be read (see above)")


def _stream(run: Run, arguments: argparse.Namespace) -> None:
    from fsdd_lightning.data.sound_sources import chunks_of_file, chunks_of_pipe
    from fsdd_lightning.data.wav import BadWavError
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.evaluation.backends import open_backend
    from fsdd_lightning.evaluation.predict import Predictor

    if len(arguments.wav) != 1 or arguments.wav[0].is_dir():
        raise UserError("--stream follows one stream: name a single WAV file, or - for standard input")
    (source,) = arguments.wav
    rate = run.config.features.sample_rate_hz
    try:
        chunks = chunks_of_pipe(sys.stdin.buffer, rate) if source == STANDARD_INPUT else chunks_of_file(source, rate)
    except BadWavError as error:
        raise UserError(f"{source}: {error}") from error
    with open_backend(run, arguments.backend) as backend:
        for word in Predictor(run, backend).predict_stream(chunks, str(source)):
            print(json.dumps(word.as_dict()) if arguments.json else _line(word), flush=True)


def _answers(predictor: Predictor, path: Path, arguments: argparse.Namespace) -> list[Prediction]:
    return predictor.predict_words(path) if arguments.segment else [predictor.predict(path)]


def _print(results: list[Prediction], as_json: bool) -> None:
    if as_json:
        print(json.dumps([result.as_dict() for result in results], indent=2))
        return
    for result in results:
        if result.error:
            print(f"{result.file}: {result.error}", file=sys.stderr)
            continue
        print(_line(result))
        if result.note:
            print(f"{result.file}: {result.note}", file=sys.stderr)


def _line(result: Prediction) -> str:
    share = "" if result.probability is None else f"{result.probability:.3f}  "
    return f"{result.digit or '-'}  {share}{_place(result)}{result.note if result.digit is None else result.file}"


def _place(result: Prediction) -> str:
    return "" if result.start_s is None else f"{result.start_s:7.2f} - {result.end_s:.2f} s  "


if __name__ == "__main__":
    main()
