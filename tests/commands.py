"""Commands as a user meets them: in this process, or in one of their own with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE_S = 300
HEAVY = {
    "torch",
    "pytorch_lightning",
    "librosa",
    "sklearn",
    "scipy",
    "matplotlib",
    "tensorboard",
    "soundfile",
    "requests",
}
Process = subprocess.CompletedProcess[str]


class Ended(NamedTuple):
    """A command that came to its end."""

    code: int
    out: str
    err: str


Call = Callable[..., Ended]


def call_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: ModuleType, *arguments: object
) -> Ended:
    """The command of a module such as fsdd_lightning.predict, without the cost of another process."""
    monkeypatch.setattr(sys, "argv", [command.__name__, *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        command.main()
    return Ended(int(caught.value.code or 0), *capsys.readouterr())


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A user's with a home of his own and no dataset."""
    kept = {key: value for key, value in os.environ.items() if key not in ("FSDD_ROOT", "HYDRA_FULL_ERROR")}
    python_path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    home = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "NO_PROXY": "*", "COLUMNS": "200"}
    return {**kept, **home, "PYTHONPATH": python_path, **more}


def run(folder: Path, *command: str, **more: str) -> Process:
    """A Python process in `folder`; `more` are variables of its environment."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def run_command(folder: Path, module: str, *words: str) -> Process:
    """A command whose last line of output names the heavy modules that it imported."""
    program = (
        f"import sys; sys.argv = ['fsdd-{module}', *{words!r}]\n"
        f"from fsdd_lightning.{module} import main\n"
        f"try:\n    main()\nfinally:\n    print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))"
    )
    return run(folder, "-c", program)


def only_line(text: str) -> str:
    """The line that a text consists of."""
    (line,) = text.splitlines()
    return line
