"""`fsdd-listen RUN`: hears the microphone as a device would, and shows each word as soon as it ends.

Probabilities are calibrated for voices like those of the validation clips; for a voice that is new to the network they
are rather too high.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import STANDARD_INPUT, CommandParser, run_command
from fsdd_lightning.console.lines import say_aside

if TYPE_CHECKING:
    from fsdd_lightning.console.listening import Display
    from fsdd_lightning.data.sound_sources import SoundSource
    from fsdd_lightning.evaluation.ear import LiveEar
    from fsdd_lightning.runs.folder import Run

BACKENDS = ("integer", "c")


def main() -> None:
    """Entry point of the command."""
    run_command(_listen)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("fsdd-listen", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="a run folder with features=integer")
    parser.add_argument(
        "--backend", metavar="{integer,c}", help="numpy, or the exported C, compiled here; the same words (integer)"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="in place of a microphone: a sound file, or - for standard input (a file, or raw 16-bit samples at the "
        "model's rate), as fast as it comes",
    )
    source.add_argument("--device", type=int, metavar="N", help="the microphone; default: that of the system")
    parser.add_argument("--list-devices", action="store_true", help="print the microphones and their numbers")
    parser.add_argument("--seconds", type=float, metavar="S", help="of sound, then stop (default: until Ctrl-C)")
    parser.add_argument("--json", action="store_true", help="a line a word, for machines, as fsdd-predict --stream")
    return parser


def _listen() -> None:
    arguments = _parser().parse_args()
    if arguments.list_devices:
        from fsdd_lightning.console.recording import print_microphones

        print_microphones()
        return
    _check(arguments)
    from fsdd_lightning.console.listening import display
    from fsdd_lightning.evaluation.backends import open_backend
    from fsdd_lightning.evaluation.calibration import uncalibrated_note
    from fsdd_lightning.evaluation.ear import LiveEar
    from fsdd_lightning.runs.folder import read_run

    run = read_run(arguments.run)
    with open_backend(run, arguments.backend) as backend:
        ear = LiveEar(run, backend, _source_name(arguments))
        if note := uncalibrated_note(run.record):
            say_aside(f"note: {note}")
        with _opened(run, arguments) as source, display(run, backend.name, ear.name, arguments.json) as shown:
            _hear(ear, source, shown, arguments.seconds)


def _check(arguments: argparse.Namespace) -> None:
    """Raises UserError for a wrong command line."""
    from fsdd_lightning.data.sound_sources import is_terminal
    from fsdd_lightning.errors import UserError

    if arguments.run is None:
        raise UserError("name a run folder: fsdd-listen RUN")
    if arguments.backend not in (None, *BACKENDS):
        raise UserError(f"--backend {arguments.backend}: a device has integers; choose {' or '.join(BACKENDS)}")
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise UserError(f"--seconds must be more than 0, not {arguments.seconds:g}")
    if arguments.input == STANDARD_INPUT and is_terminal():
        raise UserError("--input - reads sound, not a terminal: arecord -f S16_LE -r 8000 | fsdd-listen RUN --input -")


def _source_name(arguments: argparse.Namespace) -> str:
    if arguments.input is not None:
        return str(arguments.input)
    return "microphone" if arguments.device is None else f"microphone {arguments.device}"


def _opened(run: Run, arguments: argparse.Namespace) -> AbstractContextManager[SoundSource]:
    from fsdd_lightning.data.microphone import Microphone
    from fsdd_lightning.data.sound_sources import FedSound, fed_chunks

    rate = run.config.features.sample_rate_hz
    if arguments.input is None:
        return Microphone(rate, arguments.device)
    return nullcontext(FedSound(fed_chunks(arguments.input, rate)))


def _hear(ear: LiveEar, source: SoundSource, shown: Display, seconds: float | None) -> None:
    """However it ends, a summary of what was heard is printed."""
    try:
        for chunk in source:
            for word in ear.push(chunk):
                shown.word(word)
            shown.level(ear)
            if seconds is not None and ear.heard_s >= seconds:
                return
    finally:
        if ear.heard_s > 0:
            shown.summary(ear, source.lost)


if __name__ == "__main__":
    main()
