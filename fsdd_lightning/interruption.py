"""A signal that asks a command to end: raised where the program is, and remembered until it has been obeyed.

Python swallows what a handler raises inside `__del__`, the callback of a weak reference or one of C: then the signal
comes again, by `sys.unraisablehook`. What was lost in any other way `obey` raises, which is called between stages,
batches and trials and before an end is recorded. Only the main thread gets signals, so nothing here takes a lock.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any


class Terminated(BaseException):
    """SIGTERM arrived. Not an `Exception`, like KeyboardInterrupt, so that no handler treats it as a failure."""


class HungUp(Terminated):
    """SIGHUP arrived: the terminal was closed."""


ERRORS = (KeyboardInterrupt, Terminated)
_AT_ONCE = 5  # so many Ctrl-C are meant: whatever the command is still tidying up
_AGAIN_S = 0.01  # after which a lost signal comes again: by then what has swallowed it is left


@dataclass(frozen=True)
class _End:
    error: type[BaseException]
    word: str


_ENDS = {signal.SIGINT: _End(KeyboardInterrupt, "interrupted"), signal.SIGTERM: _End(Terminated, "terminated")}
if hasattr(signal, "SIGHUP"):  # not on Windows
    _ENDS[signal.SIGHUP] = _End(HungUp, "hung up")


@dataclass
class _State:
    asked: int | None = None  # the first signal that came
    presses: int = 0  # of Ctrl-C
    shields: int = 0
    closed: bool = False


_state = _State()


# --- what a command and a job of a sweep do


def listen(*only: signal.Signals) -> None:
    """From now on signals that ask to end are raised; `only` these of them. One that is ignored stays so (`nohup`)."""
    global _state
    _state = _State()
    for number in only or _ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    if not isinstance(sys.unraisablehook, _Lost):
        sys.unraisablehook = _Lost(sys.unraisablehook)


@contextmanager
def listening(*only: signal.Signals) -> Iterator[None]:
    """`listen` inside the context, and where nobody else handles them."""
    free = [number for number in only if signal.getsignal(number) in (signal.SIG_DFL, _on_signal)]
    before, hook = {number: signal.getsignal(number) for number in free}, sys.unraisablehook
    if free:
        listen(*free)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def close() -> None:
    """The command is over: a signal that comes while Python tidies up ends the process at once."""
    _state.closed = True


def ask(signum: int) -> None:
    """As if `signum` had come; from any thread."""
    _state.asked = _state.asked or signum
    _send(signum)


def code_and_word(error: BaseException) -> tuple[int, str]:
    """The exit code of a command that one of ERRORS has ended, as shells give it, and what it prints."""
    number, end = next((number, end) for number, end in reversed(_ENDS.items()) if isinstance(error, end.error))
    return 128 + number, end.word


# --- what works that take long do


def asked() -> int | None:
    """The signal that asked to end, if one did."""
    return _state.asked


def obey() -> None:
    """Raise what a signal has asked for, if it has not ended the work yet."""
    if _state.asked is not None:
        raise _ENDS[signal.Signals(_state.asked)].error


@contextmanager
def shielded() -> Iterator[None]:
    """Signals are noted and not raised: for steps that must not be left half way. Call `obey` after them."""
    _state.shields += 1
    try:
        yield
    finally:
        _state.shields -= 1


# --- how it works


def _on_signal(signum: int, frame: FrameType | None) -> None:
    if _state.closed:
        os._exit(128 + signum)
    _state.asked = _state.asked or signum
    _state.presses += signum == signal.SIGINT
    end = _ENDS[signal.Signals(signum)]
    if _state.presses >= _AT_ONCE:
        with suppress(OSError):
            os.write(2, f"{end.word}\n".encode())
        os._exit(128 + signum)
    if not _state.shields and not _is_on_its_way():  # what is tidied up and recorded must not be disturbed
        raise end.error


def _is_on_its_way() -> bool:
    """Whether an earlier signal's exception is ending the work right now."""
    error = sys.exception()
    for _ in range(100):
        if error is None or isinstance(error, ERRORS):
            break
        error = error.__context__
    return isinstance(error, ERRORS)


class _Lost:
    """In place of `sys.unraisablehook`, which prints "Exception ignored in"."""

    def __init__(self, others: Callable[[Any], Any]) -> None:
        self._others = others

    def __call__(self, lost: Any) -> None:
        """An exception could not be raised: if it was one of ours, it is to come again."""
        if _state.asked is None or not issubclass(lost.exc_type, ERRORS):
            self._others(lost)
        else:  # without `threading`, whose locks the main thread may hold
            _thread.start_new_thread(_send_again, (_state, _state.asked))


def _send_again(state: _State, signum: int) -> None:
    time.sleep(_AGAIN_S)
    if state is _state and not state.closed:  # else it was obeyed in the meantime
        _send(signum)


def _send(signum: int) -> None:
    """To the main thread, so that it also ends what waits there."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signum)
    else:
        _thread.interrupt_main(signal.Signals(signum))
