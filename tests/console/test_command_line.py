"""How commands end: one line on stderr, and an exit code that scripts can rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import version
from typing import NoReturn

import pytest

from fsdd_lightning.console.command_line import run_command
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.interruption import HungUp, Terminated

COMMANDS = ["train", "plan", "evaluate", "predict", "export_model", "report", "record", "listen"]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("seed must be a number"), 2, "error: seed must be a number\n"),
        (RunFailedError("no network"), 1, "error: no network\n"),
        (ValueError("unforeseen"), 1, "error: ValueError: unforeseen\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (Terminated(), 143, "terminated\n"),
        (HungUp(), 129, "hung up\n"),
        (SystemExit(7), 7, ""),
        (None, 0, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_end_has_its_exit_code_and_one_line(
    capfd: pytest.CaptureFixture[str], error: BaseException | None, code: int, line: str
) -> None:
    def command() -> None:
        if error is not None:
            raise error

    with pytest.raises(SystemExit) as caught:
        run_command(command)
    assert caught.value.code == code
    out, err = capfd.readouterr()
    assert (out, err) == ("", line)


def test_sigterm_reaches_the_command_and_a_second_one_does_not_disturb_its_end() -> None:
    reached = []

    def command() -> NoReturn:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("SIGTERM was not delivered")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("the end")

    with pytest.raises(SystemExit) as caught:
        run_command(command)
    assert caught.value.code == 143
    assert reached == ["the end"]


def test_a_reader_that_has_gone_is_no_reason_for_a_traceback() -> None:
    program = (
        "from fsdd_lightning.console.command_line import run_command\n"
        "def command():\n    for _ in range(100_000): print('x' * 100)\n"
        "run_command(command)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout and child.stderr
    child.stdout.read(10)
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait() == 1
    child.stderr.close()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_names_its_version_without_loading_anything(name: str) -> None:
    program = (
        f"import sys; sys.argv = ['{name}', '--version']\n"
        f"from fsdd_lightning.{name} import main\n"
        "try:\n    main()\nfinally:\n    assert not {'torch', 'hydra', 'numpy', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    versions = [f"{package} {version(package)}" for package in ("fsdd_lightning", "torch", "pytorch-lightning")]
    assert done.stdout.startswith(", ".join(versions))
