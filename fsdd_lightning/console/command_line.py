"""What all commands share: how they end. 0 done, 1 failed, 2 wrong input, 130 Ctrl-C, 143 SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from fsdd_lightning.errors import RunFailedError, UserError, first_line

logger = logging.getLogger(__name__)


class Terminated(BaseException):
    """SIGTERM arrived. Like KeyboardInterrupt not an `Exception`, so that nothing mistakes it for a failure."""


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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # our reader has gone, e.g. `| head`
        code = 1
    except Exception as error:
        logger.debug("unexpected", exc_info=True)  # a run's own log has the traceback; see runs/record.py
        code = _complain(
            first_line(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}", 1
        )
    sys.exit(code)


def _complain(message: object, code: int) -> int:
    print(f"error: {message}" if code in (1, 2) else f"{message}", file=sys.stderr, flush=True)
    return code


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; let the record be written in peace
    raise Terminated
