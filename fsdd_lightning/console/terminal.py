"""What goes to the terminal, and what only to the log of a run."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


def width() -> int | None:
    """A file or a pipe has none: numbers must not be cut to fit the 80 columns that rich then assumes."""
    return None if sys.stdout.isatty() else 120


# No markup: a folder or a speaker named [b] or :smile: must be printed as it is.
console = Console(highlight=False, markup=False, emoji=False, width=width())


def configure_console() -> None:
    """Silence Lightning's advertisements and the hints that do not apply; warnings go to the log file."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a log that a full disk refuses is not worth a traceback
    threading.excepthook = _log_thread_error
    # Batches are gathered in memory by one index operation: workers would only copy them between processes.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*number of training batches.*smaller than the logging interval.*")


def _log_thread_error(error: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread, and raises its errors again in the caller."""
    logging.getLogger(__name__).error("in a thread: %s: %s", error.exc_type.__name__, error.exc_value)


@contextmanager
def quiet_console(quiet: bool) -> Iterator[None]:
    """Print nothing inside, if `quiet`: the sweep prints one line for every trial."""
    before, console.quiet = console.quiet, quiet or console.quiet
    try:
        yield
    finally:
        console.quiet = before
