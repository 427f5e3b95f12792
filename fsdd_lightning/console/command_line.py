"""What commands share: an option, and exit codes. 0 done, 1 failed, 2 wrong input, 128 + the number of a signal."""

from __future__ import annotations

import argparse
import logging
import platform
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from fsdd_lightning import interruption
from fsdd_lightning.console.lines import safe_streams, say, say_aside, say_lines
from fsdd_lightning.console.surroundings import usable_surroundings
from fsdd_lightning.errors import RunFailedError, UserError, first_line

STANDARD_INPUT = Path("-")  # where a command takes files

logger = logging.getLogger(__name__)


@usable_surroundings()
@safe_streams()
def run_command(command: Callable[[], None]) -> NoReturn:
    """Run a command's body and exit with its code; an error is one line on stderr."""
    interruption.listen()
    try:
        code = _ended(command)
        interruption.obey()
    except interruption.ERRORS as error:
        code, word = interruption.code_and_word(error)
        _print_error(word, code)
    finally:
        interruption.close()
    sys.exit(code)


def _ended(command: Callable[[], None]) -> int:
    try:
        if "--version" in sys.argv[1:]:
            say(versions())
        else:
            command()
    except BrokenPipeError:
        return 1  # the reader is gone, e.g. `| head`; usable_surroundings leaves nothing to be flushed
    except Exception as error:
        interruption.obey()  # what a signal has broken off is no error
        return _print_failure(error)
    return 0


def _print_failure(error: Exception) -> int:
    if isinstance(error, UserError):
        code = _print_error(error, 2)
        with suppress(BrokenPipeError):
            say_lines(error.details)
        return code
    if isinstance(error, RunFailedError):
        return _print_error(error, 1)
    logger.debug("unexpected", exc_info=True)  # a run's own log has the traceback; see runs/record.py
    return _print_error(first_line(error), 1)


def versions() -> str:
    """What a report of a problem should name; nothing is imported for it."""
    names = ("fsdd_lightning", "torch", "pytorch-lightning", "hydra-core")
    found = [f"{name} {version(name)}" for name in names]
    return ", ".join([*found, f"Python {platform.python_version()}"])


def _print_error(message: object, code: int) -> int:
    say_aside(f"error: {message}" if code in (1, 2) else message)
    return code


class CommandParser(argparse.ArgumentParser):
    """Of a command's options; what is wrong with them is one line, like all that is wrong."""

    def error(self, message: str) -> NoReturn:
        """Raises UserError."""
        raise UserError(f"{message}; see {self.prog} --help")


class _BackendChoice(argparse.Action):
    """The name of a backend. The former option and value are errors that name the current ones."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        from fsdd_lightning.runs.record import BACKENDS

        name = "float" if values == "torch" else str(values)
        if name not in BACKENDS:
            raise UserError(f"there is no backend {name!r}; there are {', '.join(BACKENDS)}")
        if self.dest != "backend" or values == "torch":
            raise UserError(f"{option_string} {values} is now --backend {name}")
        namespace.backend = name


def add_backend_option(parser: argparse.ArgumentParser, default: str) -> None:
    """Add `--backend` to a command; `default`: the text on what is used without it."""
    meaning = (
        "float: the float network; quantized: the same network seen through the integer arithmetic, or as PyTorch "
        "quantizes it; integer: numpy and integers; c: the exported C, compiled here; integer and c give the same "
        f"logits (default: {default})"
    )
    parser.add_argument("--backend", action=_BackendChoice, metavar="{float,quantized,integer,c}", help=meaning)
    parser.add_argument("--engine", action=_BackendChoice, help=argparse.SUPPRESS)
