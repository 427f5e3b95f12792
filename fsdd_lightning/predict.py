"""`fsdd-predict RUN FILE...`: which words are spoken in these files.

Exit codes: 0 every file could be read, whatever was heard in it (each line says what); 1 some could not be read, with a
line each, and the others are answered; 2 a wrong command line or run, and nothing is answered.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import STANDARD_INPUT, CommandParser, add_backend_option, run_command
from fsdd_lightning.console.lines import say, say_aside, say_json

if TYPE_CHECKING:
    from fsdd_lightning.evaluation.predict import Predictor
    from fsdd_lightning.evaluation.prediction import Prediction


def main() -> None:
    """Entry point of the command."""
    run_command(_predict)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("fsdd-predict", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder (it holds run.json and network.npz)")
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="sound files (wav, flac, ogg, mp3, aiff, au, ...), or folders of them; -: standard input, a file of any "
        "kind, told by its header, or raw 16-bit samples, little-endian, mono",
    )
    add_backend_option(parser, "the one that is deployed: integer where the run has it")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--stream",
        action="store_true",
        help="each word as soon as it ends, as a device hears it: of files, or of standard input while it comes",
    )
    way.add_argument(
        "--segment", action="store_true", help="long recordings: find the words by their energy, with times"
    )
    parser.add_argument(
        "--rate", type=int, metavar="HZ", help="standard input is raw samples at this rate (default: the model's)"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON list, with --stream a line a word, for machines; with logits"
    )
    return parser


def _predict() -> None:
    arguments = _parser().parse_args()
    from fsdd_lightning.errors import RunFailedError
    from fsdd_lightning.evaluation.backends import open_backend
    from fsdd_lightning.evaluation.calibration import uncalibrated_note
    from fsdd_lightning.evaluation.predict import Predictor
    from fsdd_lightning.runs.folder import read_run

    run = read_run(arguments.run)
    paths = _checked_paths(arguments)
    if note := uncalibrated_note(run.record):
        say_aside(f"note: {note}")
    with open_backend(run, arguments.backend) as backend:
        predictor = Predictor(run, backend)
        answers = (answer for path in paths for answer in _answers(predictor, path, arguments))
        unreadable = _print(answers, max(map(len, run.checkpoint.labels)), arguments)
    if unreadable:
        raise RunFailedError(f"{unreadable} of {len(paths)} files could not be read (see above)")


def _checked_paths(arguments: argparse.Namespace) -> list[Path]:
    """All files. Raises UserError for a wrong command line."""
    from fsdd_lightning.data.sound_sources import is_terminal
    from fsdd_lightning.data.wav import MAX_SOURCE_RATE_HZ, MIN_SOURCE_RATE_HZ
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.evaluation.predict import find_sounds

    if arguments.files.count(STANDARD_INPUT) > 1:
        raise UserError("there is one standard input: name - once")
    if arguments.rate is not None and STANDARD_INPUT not in arguments.files:
        raise UserError("--rate belongs to raw samples from standard input (-): a file states its own")
    if arguments.rate is not None and not MIN_SOURCE_RATE_HZ <= arguments.rate <= MAX_SOURCE_RATE_HZ:
        low = arguments.rate < MIN_SOURCE_RATE_HZ
        bound = f"at least {MIN_SOURCE_RATE_HZ}" if low else f"at most {MAX_SOURCE_RATE_HZ}"
        raise UserError(f"--rate must be {bound} Hz, not {arguments.rate}")
    if STANDARD_INPUT in arguments.files and is_terminal():
        raise UserError("- reads sound, not a terminal: arecord -f S16_LE -r 8000 | fsdd-predict RUN - --stream")
    return find_sounds(arguments.files)


def _answers(predictor: Predictor, path: Path, arguments: argparse.Namespace) -> Iterable[Prediction]:
    if path == STANDARD_INPUT:
        return _answers_of_pipe(predictor, arguments)
    if arguments.stream:
        return predictor.predict_stream_of_file(path)
    return predictor.predict_words(path) if arguments.segment else [predictor.predict(path)]


def _answers_of_pipe(predictor: Predictor, arguments: argparse.Namespace) -> Iterable[Prediction]:
    from fsdd_lightning.data.sound_sources import standard_input

    pipe, name, rate = standard_input(), str(STANDARD_INPUT), arguments.rate
    if arguments.stream:
        return predictor.predict_stream_of_pipe(pipe, name, rate)
    if arguments.segment:
        return predictor.predict_words_of_pipe(pipe, name, rate)
    return [predictor.predict_pipe(pipe, name, rate)]


def _print(answers: Iterable[Prediction], width: int, arguments: argparse.Namespace) -> int:
    """Each answer as it comes, but for a JSON list; how many files were unreadable."""
    from fsdd_lightning.console.predictions import prediction_line

    unreadable = 0

    def printed() -> Iterator[Prediction]:
        nonlocal unreadable
        for answer in answers:
            unreadable += answer.status == "unreadable"
            if answer.error and not arguments.json:
                say_aside(f"{answer.file}: {answer.error}")
            yield answer

    if arguments.json and not arguments.stream:
        say_json([answer.as_dict() for answer in printed()], indent=2)
        return unreadable
    for answer in printed():
        if arguments.json:
            say_json(answer.as_dict())
        elif not answer.error:
            say(prediction_line(answer, width))
    return unreadable


if __name__ == "__main__":
    main()
