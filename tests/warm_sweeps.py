"""Tiny sweeps of about a second: forked from a process that has already run the very same one."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from commands import PATIENCE_S
from sweep_processes import CONTEXT, call_command

_FORK = multiprocessing.get_context("fork")
TINY_SWEEP = (
    "data=synthetic",
    "data.synthetic.speakers=2",
    "data.synthetic.takes=6",
    "trainer.max_epochs=1",
    "quantization.epochs=1",
    "quantization=int4_qat",
    "logger.misclassified_clips=0",
    "callbacks=quiet",
    "memory_budget=kb8",
    "model.hidden_size=4,3,200",
    "name=grid",
)


class Ended(NamedTuple):
    """How a command ended; code: negative for a signal."""

    code: int
    out: str
    err: str


Before = Callable[..., None]


def fork_workers() -> None:
    """Let the joblib launcher fork its workers: those of joblib start afresh, which takes five seconds each."""
    from hydra_plugins.hydra_joblib_launcher import _core

    _core.Parallel = _ForkingParallel
    # Hydra's own state is there already, and it could not be set a second time.
    _core.Singleton = SimpleNamespace(get_state=lambda: None, set_state=lambda state: None)


class _ForkingParallel:
    """joblib's Parallel, as far as the launcher uses it: as many processes at once, a new one for each call."""

    def __init__(self, n_jobs: int, **others: Any) -> None:
        self._at_once = n_jobs

    def __call__(self, calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
        """The results; a worker without one has died."""
        results, waiting = [], list(calls)
        while waiting:
            batch, waiting = waiting[: self._at_once], waiting[self._at_once :]
            started = [self._start(*call) for call in batch]
            results += [pickle.loads(connection.recv_bytes()) for connection, _ in started]
            for _, worker in started:
                worker.join()
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def _start(self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        from joblib.externals import cloudpickle  # takes classes that were imported twice, as joblib does

        ours, theirs = _FORK.Pipe()

        def work() -> None:
            try:
                result = function(*arguments, **keywords)
            except Exception as error:  # raised again by who waits
                result = error
            theirs.send_bytes(cloudpickle.dumps(result))

        worker = _FORK.Process(target=work)
        worker.start()
        theirs.close()
        return ours, worker


class WarmSweeps:
    """A process that has imported and composed everything, and forks one process for every sweep in `place`."""

    def __init__(self, words: Sequence[str], place: Path, prepare: Before | None = None) -> None:
        self.place, self._words = place, words
        self._connection, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(theirs, list(words), place, prepare))
        self._process.start()
        self._answer()

    def run(self, before: Before | None = None, *arguments: Any, more: Sequence[str] = ()) -> Ended:
        """The sweep, with `more` words; `before(*arguments)` is called in its process first."""
        return self.call("train", ["-m", *self._words, *more], before, *arguments)

    def call(self, module: str, words: Sequence[str], before: Before | None = None, *arguments: Any) -> Ended:
        """The same for `fsdd-MODULE WORDS`."""
        self._connection.send((module, list(words), before, arguments))
        code = self._answer()
        return Ended(code, (self.place / "out.txt").read_text(), (self.place / "err.txt").read_text())

    def close(self) -> None:
        """End it."""
        self._connection.send(None)
        self._process.join(PATIENCE_S)

    def _answer(self) -> int:
        if not self._connection.poll(PATIENCE_S):
            raise AssertionError("the sweep did not end")
        return int(self._connection.recv())


def _serve(connection: Connection, words: list[str], place: Path, prepare: Before | None) -> None:
    if prepare is not None:
        prepare()
    _warm_up(words, place)
    connection.send(0)
    while (request := connection.recv()) is not None:
        module, given, before, arguments = request
        child = _FORK.Process(target=call_command, args=(module, given, place, before, arguments))
        child.start()
        child.join()
        connection.send(child.exitcode)


def _warm_up(words: list[str], place: Path) -> None:
    """Run it here: what is imported, composed and compiled then, is there for all."""
    _compose_once()
    os.environ["CC"] = "no-compiler"  # half of the time
    place.mkdir(parents=True)
    try:
        call_command("train", ["-m", *words], place, None, ())
    except SystemExit as error:
        assert error.code == 0, (place / "err.txt").read_text()
    shutil.rmtree(place / "multirun")


def _compose_once() -> None:
    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    load: Callable[..., Any] = ConfigLoaderImpl.load_configuration
    known: dict[str, Any] = {}

    def load_once(loader: Any, *arguments: Any, **keywords: Any) -> Any:
        key = repr((arguments, keywords))
        if key not in known:
            known[key] = load(loader, *arguments, **keywords)
        return copy.deepcopy(known[key])

    ConfigLoaderImpl.load_configuration = load_once  # type: ignore[method-assign]
