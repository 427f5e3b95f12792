"""Plain lines on stdout and stderr: the one place that calls `print`. Tables and colors: terminal.py."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

from fsdd_lightning.escaping import LineFormatter, json_text, one_line, visible, visible_lines


def say(text: object) -> None:
    """Print one line."""
    print(visible(text), flush=True)


def say_lines(text: str) -> None:
    """Print a text of our own that has several lines; nothing where it is empty."""
    if text:
        print(visible_lines(text.removesuffix("\n")), flush=True)


def say_json(content: Any, indent: int | None = None) -> None:
    """Print JSON; all characters beyond ASCII, and all that are not seen, are escaped in it."""
    print(json_text(content, indent), flush=True)


def say_aside(text: object) -> None:
    """Print one line on stderr: a note beside a result, or an error; nowhere where stderr is closed."""
    if sys.stderr is not None:  # for which `print` would take stdout
        print(one_line(text), file=sys.stderr, flush=True)


class VisibleStream:
    """A stream for text of others (argparse, Hydra, warnings, tracebacks): lines stay, all in them is visible.

    A carriage return at the start of a write stays, too: a bar of progress needs it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """All of it."""
        back = "\r" if text.startswith("\r") else ""
        self._stream.write(back + visible_lines(text.removeprefix("\r").expandtabs()))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """The same for each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def safe_streams() -> Iterator[None]:
    """While a command runs, a character that the locale can't encode is an escape, and what others say is visible.

    stdout is for our own: its texts are made visible one by one, as colors and the line of progress are no text.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # None where it was closed before we began
            stream.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(LineFormatter())
    with redirect_stderr(_visible(sys.stderr)):
        yield


def visible_stdout() -> AbstractContextManager[Any]:
    """While others print on stdout what a user gave them, such as Hydra a config."""
    return redirect_stdout(_visible(sys.stdout))


def _visible(stream: TextIO | None) -> Any:
    return None if stream is None else VisibleStream(stream)
