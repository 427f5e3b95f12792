"""What is printed to the terminal and what only to the run's log."""

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


# No markup: folders and speakers may be called [b] or :smile: and are to be printed as they are.
console = Console(highlight=False, markup=False, emoji=False, width=width())


def configure_console() -> None:
    """Keep Lightning's advertisements and hints that do not apply out of the way; warnings go to the log file."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a log that can't be written, for a full disk, is not worth a traceback
    threading.excepthook = _log_thread_error
    # Batches are gathered in memory by one index operation: workers would only copy them between processes.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings(
        "ignore", message=".*number of training batches.*smaller than the logging interval.*"
    )


def _log_thread_error(error: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread, and raises what happened there once more where it is called."""
    logging.getLogger(__name__).error("in a thread: %s: %s", error.exc_type.__name__, error.exc_value)


@contextmanager
def quiet_console(quiet: bool) -> Iterator[None]:
    """Print nothing inside, if `quiet`: of a sweep's trials one line each is told elsewhere."""
    before, console.quiet = console.quiet, quiet or console.quiet
    try:
        yield
    finally:
        console.quiet = before
