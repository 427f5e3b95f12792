"""`fsdd-predict RUN WAV...`: which digits are spoken in these files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.command_line import run_command

if TYPE_CHECKING:
    from fsdd_lightning.experiments.recognition import Recognition


def main() -> None:
    """Entry point of the command."""
    run_command(_predict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("fsdd-predict", description=__doc__)
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="a run folder (it holds run.json and network.pt)"
    )
    parser.add_argument("wav", type=Path, nargs="+", metavar="WAV", help="WAV files, or folders of them")
    parser.add_argument("--json", action="store_true", help="one JSON list, for machines")
    return parser


def _predict() -> None:
    arguments = _parser().parse_args()
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.experiments.recognition import Recognizer, find_wavs
    from fsdd_lightning.experiments.run_folder import open_run

    recognizer = Recognizer(open_run(arguments.run))
    paths = find_wavs(arguments.wav)
    results = [recognizer.recognize(path) for path in paths]
    _print(results, arguments.json)
    unreadable = [result for result in results if result.error]
    if unreadable:
        raise UserError(f"{len(unreadable)} of {len(results)} files could not be read (see above)")


def _print(results: list[Recognition], as_json: bool) -> None:
    if as_json:
        print(json.dumps([result.as_dict() for result in results], indent=2))
        return
    for result in results:
        if result.error:
            print(f"{result.file}: {result.error}", file=sys.stderr)
        else:
            print(f"{result.digit}  {result.probability:.3f}  {result.file}")


if __name__ == "__main__":
    main()
