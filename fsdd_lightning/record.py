"""`fsdd-record FOLDER --speaker NAME`: record words of your own, asked for one by one, cut out and checked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import STANDARD_INPUT, CommandParser, run_command

if TYPE_CHECKING:
    from fsdd_lightning.data.recorder.takes import TakeFolder
    from fsdd_lightning.data.sound_sources import SoundSource

RATES_HZ = (8000, 16000)  # at which the listener knows how long a frame lasts


def main() -> None:
    """Entry point of the command."""
    run_command(_record)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("fsdd-record", description=__doc__)
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="where the recordings go; may hold others already"
    )
    parser.add_argument("--speaker", metavar="NAME", help="who speaks: letters, digits and hyphens")
    parser.add_argument(
        "--words", default="0,1,2,3,4,5,6,7,8,9", metavar="WORDS", help="with commas between (%(default)s)"
    )
    parser.add_argument(
        "--takes", type=int, default=10, metavar="N", help="of each word, with those that are there (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the order of the words (%(default)s)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--input",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="in place of a microphone: sound files one after another, or - for standard input, a file or raw 16-bit "
        "mono samples at --rate; it must answer the prompts, and a refused word comes again",
    )
    parser.add_argument(
        "--rate",
        type=int,
        default=RATES_HZ[0],
        metavar="HZ",
        help="samples a second of the takes: features.sample_rate_hz of the network that is to hear them (%(default)s)",
    )
    source.add_argument("--device", type=int, metavar="N", help="the microphone; default: that of the system")
    parser.add_argument("--list-devices", action="store_true", help="print the microphones and their numbers")
    return parser


def _record() -> None:
    arguments = _parser().parse_args()
    if arguments.list_devices:
        from fsdd_lightning.console.recording import print_microphones

        print_microphones()
        return
    words = _checked_words(arguments)
    from fsdd_lightning.console.recording import print_next, print_takes
    from fsdd_lightning.data.recorder.takes import find_takes, missing_words

    takes = find_takes(arguments.folder, arguments.speaker)
    asked = missing_words(takes.takes(), words, arguments.takes, arguments.seed)
    if asked:
        _session(takes, asked, words, arguments)
    else:
        print_takes(takes, words, arguments.takes)
    print_next(takes, words, arguments.folder)


def _checked_words(arguments: argparse.Namespace) -> list[str]:
    """The words, sorted. Raises UserError for a wrong command line."""
    from fsdd_lightning.data.layouts import parse_label
    from fsdd_lightning.errors import UserError

    if arguments.folder is None or arguments.speaker is None:
        raise UserError("name a folder and who speaks: fsdd-record FOLDER --speaker NAME")
    words = [text.strip() for text in arguments.words.split(",")]
    for word in words:
        try:
            _ = parse_label(word)
        except ValueError as error:
            raise UserError(f"--words {arguments.words}: {error}; write e.g. --words yes,no") from error
        if "/" in word:
            raise UserError(f"--words {arguments.words}: {word!r} can't be a part of a file name")
    for name, least in (("takes", 1), ("seed", 0)):
        if getattr(arguments, name) < least:
            raise UserError(f"--{name} must be at least {least}, not {getattr(arguments, name)}")
    if arguments.rate not in RATES_HZ:
        raise UserError(f"--rate must be {' or '.join(map(str, RATES_HZ))}, not {arguments.rate}")
    return sorted(set(words))


def _session(takes: TakeFolder, asked: Sequence[str], words: Sequence[str], arguments: argparse.Namespace) -> None:
    """Raises RunFailedError where the sound ends too early. However it ends, the takes that are there are listed."""
    from fsdd_lightning.console.recording import Prompts, print_quiet, print_room, print_start, print_takes
    from fsdd_lightning.data.recorder.hearing import Ear, SoundEnded
    from fsdd_lightning.data.recorder.judgment import room_level_db
    from fsdd_lightning.data.recorder.session import record_words
    from fsdd_lightning.errors import RunFailedError
    from fsdd_lightning.sweeps.compose import compose_config

    config = compose_config("features=integer", "listener=default", f"features.sample_rate_hz={arguments.rate}")
    assert config.front_end is not None and config.listener is not None
    total = len(words) * arguments.takes
    prompts = Prompts(total - len(asked), total)
    with _opened(arguments, config.features.sample_rate_hz) as source:
        takes.make()
        print_start(takes, total - len(asked), total, bool(arguments.input))
        ear = Ear(source, config.front_end, config.listener.endpointer)
        try:
            if not arguments.input:
                print_quiet()
                print_room(room_level_db(ear.settle()))
            record_words(ear, takes, asked, prompts)
        except SoundEnded:
            raise RunFailedError("the sound has ended before all words were recorded: feed more of it") from None
        finally:
            prompts.close()
            print_takes(takes, words, arguments.takes)


def _opened(arguments: argparse.Namespace, sample_rate_hz: int) -> AbstractContextManager[SoundSource]:
    from fsdd_lightning.data.microphone import Microphone
    from fsdd_lightning.data.sound_sources import FedSound, fed_chunks

    if not arguments.input:
        return Microphone(sample_rate_hz, arguments.device)
    paths = _checked_inputs(arguments.input)
    chunks = [fed_chunks(path, sample_rate_hz, saturate=True) for path in paths]  # bad files are named at once
    return nullcontext(FedSound(chain.from_iterable(chunks)))


def _checked_inputs(paths: Sequence[Path]) -> Sequence[Path]:
    from fsdd_lightning.data.sound_sources import is_terminal
    from fsdd_lightning.errors import UserError

    if paths.count(STANDARD_INPUT) > 1:
        raise UserError("there is one standard input: name - once")
    if STANDARD_INPUT in paths and is_terminal():
        raise UserError("--input - reads samples, not a terminal: arecord -t raw -f S16_LE -r 8000 | fsdd-record ...")
    return paths


if __name__ == "__main__":
    main()
