"""A signal that asks to end ends the command, wherever it comes: promptly, with its exit code, one word and no more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from lost_signals import CODES, PLACES

from fsdd_lightning import interruption
from fsdd_lightning.console.command_line import run_command

NUMBERS = pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)


def end_of(command: Callable[[], None], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        run_command(command)
    code = caught.value.code
    assert isinstance(code, int)
    return code, capfd.readouterr().err


@NUMBERS
@pytest.mark.parametrize("place", PLACES)
def test_it_is_obeyed_wherever_its_exception_is_lost(
    capfd: pytest.CaptureFixture[str], place: str, number: signal.Signals
) -> None:
    steps = []

    def command() -> None:
        PLACES[place](number)
        while place != "in_a_library":  # for ever, were it lost
            steps.append(time.sleep(0.001))

    assert end_of(command, capfd) == CODES[number]


@NUMBERS
@pytest.mark.parametrize("place", PLACES)
def test_without_a_second_try_the_flag_is_enough(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: str, number: signal.Signals
) -> None:
    monkeypatch.setattr(interruption, "_send_again", lambda state, signum: None)
    steps = []

    def command() -> None:
        PLACES[place](number)
        interruption.obey()
        steps.append("went on")

    assert end_of(command, capfd) == CODES[number]
    assert steps == []


@NUMBERS
def test_what_it_broke_off_is_no_error(capfd: pytest.CaptureFixture[str], number: signal.Signals) -> None:
    def command() -> None:
        PLACES["in_a_library"](number)
        raise ValueError("a half of it is missing")

    assert end_of(command, capfd) == CODES[number]


@NUMBERS
def test_a_step_that_must_not_be_left_half_way_is_finished(
    capfd: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    steps = []

    def command() -> None:
        with interruption.shielded():
            os.kill(os.getpid(), number)
            steps.append("whole")
        interruption.obey()
        steps.append("went on")

    assert end_of(command, capfd) == CODES[number]
    assert steps == ["whole"]


def test_other_exceptions_in_del_are_shown_as_ever(capfd: pytest.CaptureFixture[str]) -> None:
    seen = []
    interruption.listen()
    sys.unraisablehook = interruption._Lost(lambda lost: seen.append(lost.exc_type))

    class Thing:
        def __del__(self) -> None:
            raise ValueError

    Thing()
    assert seen == [ValueError]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_what_is_ignored_at_the_start_stays_ignored(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    signal.signal(number, signal.SIG_IGN)  # `nohup`, and what a shell runs in the background
    assert end_of(lambda: os.kill(os.getpid(), number), capfd) == (0, "")


PROGRAM = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test runner may ignore it
from fsdd_lightning import interruption
from fsdd_lightning.console.command_line import run_command
{}
"""


def ended(text: str) -> tuple[int, str]:
    program = [sys.executable, "-c", PROGRAM.format(text)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@NUMBERS
def test_as_python_tidies_up_it_ends_at_once(number: signal.Signals) -> None:
    text = f"import atexit; atexit.register(os.kill, os.getpid(), {int(number)})\nrun_command(lambda: None)"
    assert ended(text) == (128 + number, "")


def test_who_presses_ctrl_c_again_and_again_need_not_wait() -> None:
    text = """
def command():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        while True:
            os.kill(os.getpid(), signal.SIGINT)
run_command(command)"""
    assert ended(text) == CODES[signal.SIGINT]


def test_it_ends_what_waits_for_a_lock() -> None:
    text = """
import threading
threading.Timer(0.2, interruption.ask, [signal.SIGTERM]).start()
lock = threading.Lock()
lock.acquire()
run_command(lock.acquire)"""
    assert ended(text) == CODES[signal.SIGTERM]
