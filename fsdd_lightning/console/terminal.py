"""The console, and what goes only to the log of a run."""

from __future__ import annotations

import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from fsdd_lightning.escaping import visible, visible_lines


class VisibleConsole(Console):
    """Shows every text as what it is: a string is one line, wherever it stands; codes are the console's own.

    A `Text` may have lines (what others print while a line of progress is shown comes as one): ours are of `line_of`.
    """

    def render_str(self, text: str, **keywords: Any) -> Text:
        """Every string passes here, also titles and cells of tables, before its width is measured."""
        return super().render_str(visible(text), **keywords)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Everything passes here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible_lines(segment.text))


def line_of(*parts: str | tuple[str, str], **keywords: Any) -> Text:
    """One line of texts and (text, style)."""
    shown = [visible(part) if isinstance(part, str) else (visible(part[0]), part[1]) for part in parts]
    return Text.assemble(*shown, **keywords)


def new_console(quiet: bool = False) -> Console:
    """A console on stdout. No markup: a folder or a speaker named [b] or :smile: must be printed as it is."""
    # A file or a pipe has no width; rich assumes 80 columns then, and would cut numbers to fit them.
    width = None if sys.stdout is not None and sys.stdout.isatty() else 120
    return VisibleConsole(highlight=False, markup=False, emoji=False, width=width, quiet=quiet)


def rendered(renderable: RenderableType) -> str:
    """Lines without colors, for where the console itself can't print; none where it is quiet."""
    out = io.StringIO()
    VisibleConsole(file=out, highlight=False, markup=False, emoji=False, width=console.width).print(renderable)
    return "" if console.quiet else out.getvalue()


console = new_console()
results = new_console()  # what `quiet=true` leaves: the result of a run, and what it would be misread without


def configure_console() -> None:
    """Silence Lightning's advertisements and the hints that do not apply; send warnings to the log file."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a full disk must not add tracebacks of the log
    threading.excepthook = _log_thread_error
    # One index operation gathers a batch in memory: workers would only copy it between processes.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*number of training batches.*smaller than the logging interval.*")


def _log_thread_error(error: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread. It raises the error in the caller, too, so one line in the log is enough."""
    logging.getLogger(__name__).error("in a thread: %s: %s", error.exc_type.__name__, error.exc_value)


@contextmanager
def quiet_console(quiet: bool, is_sweep: bool) -> Iterator[None]:
    """Inside the context a run prints its result alone if `quiet`; nothing in a sweep, which prints a line a trial."""
    before = console.quiet, results.quiet
    console.quiet, results.quiet = quiet or is_sweep or console.quiet, is_sweep or results.quiet
    try:
        yield
    finally:
        console.quiet, results.quiet = before
