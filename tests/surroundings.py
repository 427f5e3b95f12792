"""Surroundings that a command seldom meets, made in its own process before it starts."""

from __future__ import annotations

import itertools
import os
import resource
import sys
import tempfile
import time
from pathlib import Path


def narrow_umask() -> None:
    """Nobody else may read what is written."""
    os.umask(0o077)


def closed_streams() -> None:
    """`<&- >&- 2>&-`: as Python finds them, there are none."""
    for number in range(3):
        os.close(number)
    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]


def full_stdout() -> None:
    """`> /dev/full`."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def no_working_folder() -> None:
    """Somebody has removed it."""
    gone = Path("gone")
    gone.mkdir()
    os.chdir(gone)
    Path("../gone").rmdir()


def no_folder_for_temporary_files() -> None:
    """TMPDIR names none."""
    os.environ["TMPDIR"] = "/nonexistent/tmp"
    tempfile.tempdir = None


def no_home() -> None:
    """Neither is there a cache."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        os.environ.pop(name, None)
    os.environ["HOME"] = "/dev/null/home"


def c_locale() -> None:
    """What output is encoded in then, whatever the locale of the system."""
    os.environ.update(LC_ALL="POSIX", LANG="C")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="ascii", errors="strict")  # type: ignore[union-attr]


def clock_that_runs_backwards() -> None:
    """Set back by a second whenever it is looked at."""
    start, looks = time.time(), itertools.count()
    time.time = lambda: start - next(looks)


def set_clock(seconds: float) -> None:
    """To so many seconds after the start of 1970; it goes on from there."""
    before = time.time()
    now = time.time
    time.time = lambda: seconds + now() - before


def few_files() -> None:
    """No more than 32 at once."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


def small_files() -> None:
    """None larger than 20 kB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def little_memory(megabytes: int) -> None:
    """So much more than there is already."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def another_version(digest: str) -> None:
    """The program with another code."""
    from fsdd_lightning.runs import record, state
    from fsdd_lightning.sweeps import manifest
    from fsdd_lightning.training import float_networks

    for module in (record, state, manifest, float_networks):
        vars(module)["code_digest"] = lambda: digest
    original = state.Environment.__init__

    def init(environment: state.Environment, *arguments: object, **keywords: object) -> None:
        original(environment, *arguments, **keywords)  # type: ignore[arg-type]
        environment.code = digest

    state.Environment.__init__ = init  # type: ignore[method-assign,assignment]
