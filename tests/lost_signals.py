"""Places in which Python swallows what a signal's handler raises."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import weakref
from collections.abc import Callable
from contextlib import suppress


def _send(number: int) -> None:
    os.kill(os.getpid(), number)
    for _ in range(10):  # handlers run between instructions
        pass


def in_del(number: int) -> None:
    """As an object is thrown away."""

    class Thing:
        def __del__(self) -> None:
            _send(number)

    Thing()


def in_weakref_callback(number: int) -> None:
    """As something that is only referred to weakly is thrown away."""

    class Thing:
        pass

    thing = Thing()
    _reference = weakref.ref(thing, lambda _: _send(number))
    del thing


def in_garbage_collection(number: int) -> None:
    """Of a reference cycle."""

    class Thing:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            _send(number)

    Thing()
    gc.collect()


def in_c(number: int) -> None:
    """In a function that C calls."""
    ctypes.CFUNCTYPE(None)(lambda: _send(number))()


def in_logging(number: int) -> None:
    """As a line is logged, with the lock of its handler held; not lost."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            _send(number)

    logger = logging.Logger("own")
    logger.addHandler(Handler())
    logger.warning("a line")


def in_a_library(number: int) -> None:
    """That takes every exception for its own."""
    with suppress(BaseException):
        _send(number)


def twice(number: int) -> None:
    """The second one as the first is tidied up after."""
    try:
        in_del(number)
        _send(number)
    finally:
        _send(number)


PLACES: dict[str, Callable[[int], None]] = {
    place.__name__: place
    for place in (in_del, in_weakref_callback, in_garbage_collection, in_c, in_logging, in_a_library, twice)
}
CODES = {
    signal.SIGINT: (130, "interrupted\n"),
    signal.SIGTERM: (143, "terminated\n"),
    signal.SIGHUP: (129, "hung up\n"),
}
