"""What commands share: an option, and how they end. 0 done, 1 failed, 2 wrong input, 130 Ctrl-C, 143 SIGTERM."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

from fsdd_lightning.errors import RunFailedError, UserError, first_line

logger = logging.getLogger(__name__)


class Terminated(BaseException):
    """SIGTERM arrived. Not an `Exception`, like KeyboardInterrupt, so that nothing takes it for a failure."""


def run_command(command: Callable[[], None]) -> NoReturn:
    """Run a command's body and end the process with the right exit code, one line on stderr where it went wrong."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        command()
        code = 0
    except UserError as error:
        code = _complain(error, 2)
    except RunFailedError as error:
        code = _complain(error, 1)
    except KeyboardInterrupt:
        code = _complain("interrupted", 130)
    except Terminated:
        code = _complain("terminated", 143)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader is gone, e.g. `| head`
        code = 1
    except Exception as error:
        logger.debug("unexpected", exc_info=True)  # a run's own log has the traceback; see runs/record.py
        code = _complain(first_line(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}", 1)
    sys.exit(code)


def _complain(message: object, code: int) -> int:
    print(f"error: {message}" if code in (1, 2) else f"{message}", file=sys.stderr, flush=True)
    return code


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the record must still be written
    raise Terminated


class _BackendChoice(argparse.Action):
    """The name of a backend. The former option and value are answered with the present ones, in one line."""

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
    """Add `--backend` to a command; `default` is the text about what is taken without it."""
    meaning = (
        "float: the float network; quantized: the same network seen through the integer arithmetic, or as PyTorch "
        "quantizes it; integer: numpy and integers; c: the exported C, compiled here; integer and c give the same "
        f"logits (default: {default})"
    )
    parser.add_argument("--backend", action=_BackendChoice, metavar="{float,quantized,integer,c}", help=meaning)
    parser.add_argument("--engine", action=_BackendChoice, help=argparse.SUPPRESS)
