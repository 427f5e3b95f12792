"""Sweeps in processes of their own that can be killed, forked from one that has imported everything already."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from commands import PATIENCE_S
from sketches import sketch_confusions

from fsdd_lightning.console import terminal

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "fsdd_lightning.training.experiment",
        "fsdd_lightning.sweeps.sweeper",
        "matplotlib.image",
        "optuna",
    ]  # what is not installed is passed over
)


@dataclass(frozen=True)
class Finished:
    """A sweep that ran to its end, in `folder`, with `words`."""

    folder: Path
    words: list[str]
    out: str

    @property
    def trials(self) -> Path:
        """Where the run folders are."""
        return self.folder / "multirun" / "grid"


def start_sweep(
    words: Sequence[str], folder: Path, before: Callable[..., None] | None = None, *arguments: Any
) -> BaseProcess:
    """`fsdd-train -m WORDS` in `folder`; what it prints goes to folder/out.txt and folder/err.txt.

    `before` is called in the child with `arguments`, to change what a test wants changed.
    """
    child = CONTEXT.Process(target=_sweep, args=(list(words), folder, before, arguments))
    child.start()
    return child


def _sweep(words: list[str], folder: Path, before: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    call_command("train", ["-m", *words], folder, before, arguments)


def call_command(
    module: str, words: list[str], folder: Path, before: Callable[..., None] | None, arguments: tuple[Any, ...]
) -> None:
    """`fsdd-MODULE WORDS` in this process, which is a process of its own."""
    sketch_confusions(pytest.MonkeyPatch())
    terminal.console.width = 120  # as in a pipe, whatever the fork server's own stdout is
    os.chdir(folder)
    os.setpgid(0, 0)
    for number, name in ((1, "out.txt"), (2, "err.txt")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test runner may ignore it
    sys.argv = [f"fsdd-{module}", *words]
    if before is not None:
        before(*arguments)
    importlib.import_module(f"fsdd_lightning.{module}").main()


def run_sweep(
    words: Sequence[str], folder: Path, before: Callable[..., None] | None = None, *arguments: Any
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a whole sweep."""
    folder.mkdir(exist_ok=True)
    return end_of(start_sweep(words, folder, before, *arguments), folder)


def end_of(child: BaseProcess, folder: Path) -> tuple[int, str, str]:
    """Wait for it."""
    child.join(PATIENCE_S)
    if child.is_alive():
        child.kill()
        raise AssertionError(f"the sweep did not end: {(folder / 'out.txt').read_text()}")
    assert child.exitcode is not None
    return child.exitcode, (folder / "out.txt").read_text(), (folder / "err.txt").read_text()
