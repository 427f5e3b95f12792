"""What networks share is compiled once for all processes, again only where needed, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import c_programs
import numpy as np
import pytest

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.export import compiler, host
from fsdd_lightning.export.host import BUILDS, compile_host
from fsdd_lightning.runs.archive import load_archive

OBJECTS = 3  # that networks share: runtime, front end, listener
OPEN = "import sys, test_runtime_object as tests; tests.assert_works(tests.load_archive(tests.Path(sys.argv[1])))"


@pytest.fixture(scope="module")
def model_file(finished_run: Path) -> Path:
    c_programs.compiler()
    return finished_run / "integer_model.npz"


@pytest.fixture(scope="module")
def deployment(model_file: Path) -> Deployment:
    return load_archive(model_file)


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled files are kept: an empty cache, an empty temporary folder, a process that compiled nothing yet."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(host, "OPTIMIZE", ("-O0", *host.OPTIMIZE[1:]))  # compiles in half the time
    host._object.cache_clear()
    return tmp_path / "cache" / "fsdd_lightning" / BUILDS


@pytest.fixture
def compilations(builds: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of every call of the compiler, whether it compiled what networks share."""
    calls: list[bool] = []
    compile_c = host.compile_c

    def watched(arguments: Sequence[str | Path], scratch: Path) -> None:
        calls.append("-c" in arguments)
        compile_c(arguments, scratch)

    monkeypatch.setattr(host, "compile_c", watched)
    return calls


def assert_works(deployment: Deployment) -> None:
    rng = np.random.default_rng(0)
    features_q4 = rng.integers(-128, 128, (3, 9, deployment.model.input_size)).astype(np.int8)
    lengths = np.array([1, 5, 9])
    with compile_host(deployment) as network:
        logits = network.logits(features_q4, lengths)
    assert np.array_equal(logits, network_logits(deployment.model, features_q4, lengths))


def assert_nothing_is_left(builds: Path, compilers: int = 1) -> None:
    assert [path.suffix for path in sorted(builds.glob("*"))] == [".o", ".lock"] * (OBJECTS * compilers)
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


def as_a_new_process() -> None:
    host._object.cache_clear()


def replaced_compiler(builds: Path, instead: str) -> dict[str, str]:
    """The environment of a process whose C compiler does something before it compiles the runtime."""
    path = builds.parent.parent / "cc"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\ncase "$*" in *fsdd_lstm.c*) {instead};; esac\nexec gcc "$@"\n')
    path.chmod(0o755)
    return {**os.environ, "CC": str(path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_networks_and_processes_share_all_but_weights(
    deployment: Deployment, builds: Path, compilations: list[bool]
) -> None:
    assert_works(deployment)
    assert_works(deployment)
    as_a_new_process()
    assert_works(deployment)
    assert compilations == [True] * OBJECTS + [False] * 3
    assert_nothing_is_left(builds)


def test_a_damaged_runtime_is_compiled_again(deployment: Deployment, builds: Path, compilations: list[bool]) -> None:
    assert_works(deployment)
    (runtime,) = builds.glob("fsdd_lstm-*.o")
    whole = runtime.read_bytes()
    runtime.write_bytes(whole[:999] + bytes([whole[999] ^ 1]) + whole[1000:])
    as_a_new_process()
    assert_works(deployment)
    assert sum(compilations) == OBJECTS + 1
    assert runtime.read_bytes() == whole


def change_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "gcc -O1")


def change_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    files = host.runtime_files(listening=False)
    files["fsdd_lstm.h"] += "/* another one */\n"
    monkeypatch.setattr(host, "runtime_files", lambda listening: files)


def change_version(monkeypatch: pytest.MonkeyPatch) -> None:
    run = compiler._run

    def updated(command: Sequence[str], *environment: Any) -> subprocess.CompletedProcess[str]:
        finished = run(command, *environment)
        finished.stdout = finished.stdout + "13" if "--version" in command else finished.stdout
        return finished

    monkeypatch.setattr(compiler, "_run", updated)


def runtime_key() -> str:
    ((_, files),) = host._shared_sources(Path(), listening=False)
    return host._object_key(files)


CHANGES = {
    "compiler": change_compiler,
    "flags": lambda monkeypatch: monkeypatch.setattr(host, "OPTIMIZE", ("-O1", *host.OPTIMIZE[1:])),
    "processor": lambda monkeypatch: monkeypatch.setattr(host, "THIS_PROCESSOR", ()),
    "sources": change_sources,
    "version": change_version,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_origin_has_another_key(
    builds: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]
) -> None:
    c_programs.compiler()
    before = runtime_key()
    assert runtime_key() == before
    change(monkeypatch)
    assert runtime_key() != before


def test_another_compiler_has_a_runtime_of_its_own(
    deployment: Deployment, builds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_works(deployment)
    change_compiler(monkeypatch)
    assert_works(deployment)
    assert_nothing_is_left(builds, compilers=2)


def test_a_processor_that_the_compiler_does_not_know_is_done_without(
    deployment: Deployment, builds: Path, compilations: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "THIS_PROCESSOR", ("-march=abacus",))
    assert_works(deployment)
    assert compilations == [True] * (2 * OBJECTS) + [False, False]


def unusable(builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds.parent.parent.mkdir()
    builds.parent.write_text("in the way")


def read_only(builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file system answers that is mounted so: tests may run as root, whom no permission stops."""
    builds.mkdir(parents=True)
    make_folder, open_file = os.mkdir, os.open

    def refuse(path: object) -> None:
        if str(path).startswith(str(builds)):
            raise OSError(30, "Read-only file system", str(path))

    def mkdir(path: object, mode: int = 0o777, **words: object) -> None:
        refuse(path)
        make_folder(path, mode, **words)  # type: ignore[arg-type]

    def opened(path: object, flags: int, *more: object, **words: object) -> int:
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            refuse(path)
        return open_file(path, flags, *more, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(os, "open", opened)


@pytest.mark.parametrize("spoil", [unusable, read_only])
def test_without_a_cache_folder_it_works_and_leaves_nothing(
    deployment: Deployment,
    builds: Path,
    compilations: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    spoil(builds, monkeypatch)
    assert_works(deployment)
    assert_works(deployment)
    assert compilations == [True] * OBJECTS + [False, False]  # kept in memory
    assert not list(Path(os.environ["TMPDIR"]).iterdir())
    assert not builds.is_dir() or not list(builds.iterdir())


def test_processes_at_once_compile_it_once_and_leave_nothing(model_file: Path, builds: Path) -> None:
    calls = builds.parent.parent / "cc.calls"
    environment = replaced_compiler(builds, f"echo >>{calls}; sleep 0.5")
    command = [sys.executable, "-c", OPEN, str(model_file)]
    jobs = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [job.wait(timeout=300) for job in jobs] == [0, 0, 0]
    assert calls.read_text() == "\n"
    assert_nothing_is_left(builds)


def test_a_killed_compilation_harms_nobody_and_its_files_go(
    model_file: Path, deployment: Deployment, builds: Path, compilations: list[bool]
) -> None:
    environment = replaced_compiler(builds, "echo >$TMPDIR/half.o; sleep 60")
    command = [sys.executable, "-c", OPEN, str(model_file)]
    job = subprocess.Popen(command, env=environment, start_new_session=True)
    while not list(builds.glob("build-*/half.o")):
        assert job.poll() is None
        time.sleep(0.05)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    abandoned = list(builds.glob("build-*"))
    assert_works(deployment)
    assert compilations == [True] * OBJECTS + [False]
    assert all(folder.exists() for folder in abandoned), "it might belong to a process that is at work"
    for folder in abandoned:
        os.utime(folder, (0, 0))
    assert_works(deployment)
    assert not list(builds.glob("build-*"))
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


def test_another_front_end_has_objects_of_its_own_beside_the_same_runtime(
    deployment: Deployment, builds: Path, compilations: list[bool]
) -> None:
    assert_works(deployment)
    listening = deployment.listening
    assert listening is not None
    front_end = replace(listening.front_end, quietest_level=listening.front_end.quietest_level + 1)
    assert_works(replace(deployment, input=replace(listening, front_end=front_end)))
    assert compilations == [True] * OBJECTS + [False] + [True] * (OBJECTS - 1) + [False]
