"""What a command expects of the process it runs in: a working folder, and standard streams that can be used."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from fsdd_lightning.console.lines import say_aside

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


@contextmanager
def usable_surroundings() -> Iterator[None]:
    """While a command runs, which ends by SystemExit.

    A stream that is closed is /dev/null. Where stdout can't be written (to a full disk) the command does its work
    nevertheless, and ends with exit code 1.
    """
    open_streams()
    before, sys.stdout = sys.stdout, _Standing(sys.stdout)
    try:
        _check_working_folder()
        yield
    except SystemExit as end:
        raise SystemExit(_code_of(end, sys.stdout)) from None
    finally:
        sys.stdout = before


def open_streams() -> None:
    """Open the standard streams that are closed.

    Else the next file that is opened would get the number of one, and all that other programs print would get into it.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)  # for child processes, too
            if null != number:
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except OSError:
        say_aside("error: the working folder does not exist any more: cd to another one")
        raise SystemExit(2) from None


def _code_of(end: SystemExit, stdout: Any) -> object:
    try:
        stdout.flush()
    except BrokenPipeError:
        stdout.close_down()
        return end.code or 1
    if stdout.problem is None or end.code not in (0, None):
        return end.code
    say_aside(f"error: standard output can't be written ({stdout.problem})")
    return 1


class _Standing:
    """A stream that goes on as /dev/null once it can't be written; `problem` is why."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem: str | None = None

    def write(self, text: str) -> int:
        """All of it. BrokenPipeError passes: the reader wants no more."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._fail(error)
            return len(text)

    def flush(self) -> None:
        """The same."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._fail(error)

    def close_down(self) -> None:
        """Go on as /dev/null, so that nothing fails when the interpreter flushes it at its end."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)

    def _fail(self, error: OSError) -> None:
        self.problem = error.strerror or type(error).__name__
        self.close_down()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
