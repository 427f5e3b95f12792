"""One process that has imported what commands import, and forks a child for every command: 30 ms instead of 5 s.

Requests and answers are JSON, a line each. What a child does is judged elsewhere (judge.py); here it is limited,
watched (guard.py) and counted.
"""

from __future__ import annotations

import copy
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import guard

REPOSITORY = Path(__file__).resolve().parents[2]
BARE = "FUZZ_BARE" in os.environ  # nothing is imported: the tests of the judge need nothing
CPU_S = int(os.environ.get("FUZZ_CPU_S", "20"))  # of a command and all that it starts; the promise
LEFT_S = 10  # of a training, to end in after SIGTERM
IDLE_S = int(os.environ.get("FUZZ_IDLE_S", "20"))  # without any processor time: it hangs
WALL_S = 300  # on a machine that is busy with other things
FILE_BYTES = 2**31
MORE_ADDRESSES = 5 * 2**29  # beyond those of the zygote: a MemoryError instead of a machine without memory
PRELOADED = (
    *("fsdd_lightning.train", "fsdd_lightning.plan", "fsdd_lightning.evaluate", "fsdd_lightning.predict"),
    *("fsdd_lightning.export_model", "fsdd_lightning.report", "fsdd_lightning.record", "fsdd_lightning.listen"),
    *("fsdd_lightning.training.experiment", "fsdd_lightning.sweeps.sweeper", "fsdd_lightning.sweeps.task"),
    *("fsdd_lightning.reports.page", "fsdd_lightning.evaluation.run", "fsdd_lightning.evaluation.predict"),
    *("fsdd_lightning.evaluation.other_recordings", "fsdd_lightning.evaluation.other_corpora_report"),
    *("fsdd_lightning.data.download", "fsdd_lightning.export.onnx", "fsdd_lightning.console.tables"),
    *("fsdd_lightning.sweeps.command_line.help", "fsdd_lightning.sweeps.launchers", "fsdd_lightning.sweeps.plan"),
    *("librosa", "pandas", "matplotlib.pyplot", "matplotlib.image", "scipy.signal", "sklearn.metrics", "soundfile"),
    *("soxr", "requests", "rich.table", "tensorboard.compat.proto.event_pb2", "torch.utils.tensorboard"),
)
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: orphans of a child become children of this process


@dataclass(frozen=True)
class Request:
    """A command to run: the module with its `main`, its words, and its surroundings."""

    module: str
    words: list[str]
    folder: str  # the current one
    environment: dict[str, str]
    stdin: str
    out: str
    err: str
    audit: str  # where guard.py writes what is forbidden
    own: list[str]  # folders that may be written to
    patience_s: int = 0  # of a training, which may take its time: then SIGTERM, and it has to end in LEFT_S


@dataclass(frozen=True)
class Ended:
    """How it ended: `code` as subprocess has it, negative for a signal."""

    code: int
    cpu_s: float
    wall_s: float
    memory_bytes: int
    hung: bool
    terminated: bool
    left: int  # processes that were still there


class Zygote:
    """The client's side; a context."""

    def __init__(self, **variables: str) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._variables = variables

    def __enter__(self) -> Zygote:
        kept = {key: value for key, value in os.environ.items() if key not in ("FSDD_ROOT", "HYDRA_FULL_ERROR")}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **kept,
                **self._variables,
                "OMP_NUM_THREADS": "1",
                "PYTHONDONTWRITEBYTECODE": "1",  # of a fresh clone, by a child that is watched
                "PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}",
            },
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        if value is not None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def run(self, request: Request) -> Ended:
        """Run a command and wait for it."""
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(asdict(request)) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the zygote died: {process.wait()}")
        return Ended(**json.loads(answer))


# --- in the zygote ---


def serve() -> None:
    """Answer requests until there are no more."""
    requests, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not BARE:
        _preload()
    for line in requests:
        answers.write(json.dumps(asdict(_run(Request(**json.loads(line))))) + "\n")
        answers.flush()


def _preload() -> None:
    import torch

    torch.set_num_threads(1)
    for name in PRELOADED:
        importlib.import_module(name)
    from fsdd_lightning.config.load import register_resolvers
    from fsdd_lightning.sweeps.compose import check_command

    register_resolvers()
    check_command(["data=synthetic", "model.hidden_size=8"])  # parsers are built at their first use
    _parse_once()
    gc.collect()
    gc.freeze()  # so that a child's collector touches, and copies, no page of these


def _parse_once() -> None:
    """A third of the time of composing is parsing: the files of conf/ are parsed here, those of a user in his case."""
    from hydra._internal.core_plugins.file_config_source import FileConfigSource

    from fsdd_lightning.config.load import config_directory

    load_config, parsed = FileConfigSource.load_config, {}

    def load_once(source: FileConfigSource, config_path: str) -> object:
        if Path(source.path) != config_directory():
            return load_config(source, config_path)
        if config_path not in parsed:
            parsed[config_path] = load_config(source, config_path)
        return copy.deepcopy(parsed[config_path])

    FileConfigSource.load_config = load_once
    source = FileConfigSource("fuzz", f"file://{config_directory()}")
    for path in config_directory().rglob("*.yaml"):
        source.load_config(str(path.relative_to(config_directory()).with_suffix("")))


def _run(request: Request) -> Ended:
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _child(request)
    hung, terminated = False, False
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        time.sleep(0.003 if time.monotonic() - start < 0.5 else 0.02)
        if 0 < request.patience_s < _cpu_s(pid) and not terminated:
            os.kill(pid, signal.SIGTERM)
            terminated = True
        if not hung and _hangs(pid, time.monotonic() - start):
            os.killpg(pid, signal.SIGKILL)
            hung = True
    left = _end_others(pid)
    return Ended(
        code=os.waitstatus_to_exitcode(status),
        cpu_s=usage.ru_utime + usage.ru_stime,
        wall_s=time.monotonic() - start,
        memory_bytes=usage.ru_maxrss * 1024,
        hung=hung,
        terminated=terminated,
        left=left,
    )


_seen: dict[int, tuple[float, float]] = {}  # of the child: processor time, and when it was last seen to grow


def _hangs(pid: int, wall_s: float) -> bool:
    if wall_s < 2:
        return False
    cpu_s, now = _cpu_s(pid), time.monotonic()
    if pid not in _seen:
        _seen.clear()
    before, since = _seen.get(pid, (-1.0, now))
    if cpu_s > before + 0.05:
        before, since = cpu_s, now
    _seen[pid] = before, since
    return now - since > IDLE_S or wall_s > WALL_S


def _cpu_s(pid: int) -> float:
    """Of a process and of its children that have ended; of those that run, a little is overlooked."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _end_others(group: int) -> int:
    """Kill what the command left behind; how many processes that were."""
    left = 0
    deadline = time.monotonic() + 1.0  # what has been killed by the command itself needs a moment
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return left
        if ended:
            continue
        if time.monotonic() < deadline:
            time.sleep(0.01)
            continue
        for pid in _children():
            left += 1
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(each) for each in text.split()]


def _child(request: Request) -> NoReturn:
    code = 70
    try:
        _surround(request)
        code = _main(request.module)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _surround(request: Request) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    watched = os.open(request.audit, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number, path, flags in (
        (0, request.stdin, os.O_RDONLY),
        (1, request.out, os.O_WRONLY | os.O_CREAT),
        (2, request.err, os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = [request.module.rpartition(".")[2], *request.words]
    _limit(request)
    if not BARE:
        _isolate()
    guard.watch(watched, tuple(request.own), tuple(request.words))


def _limit(request: Request) -> None:
    cpu_s = request.patience_s + LEFT_S if request.patience_s else CPU_S
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert used.ru_utime + used.ru_stime < 1  # counted from the fork on
    addresses = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MORE_ADDRESSES
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _isolate() -> None:
    """No recordings beside the checkout, and no waiting between attempts to download."""
    import tempfile

    from fsdd_lightning.data import locate
    from fsdd_lightning.data.download import download_fsdd
    from fsdd_lightning.data.fetch import Patience

    locate.nearby_folders = lambda name="": ()
    download_fsdd.__defaults__ = (Patience(attempts=2, backoff_s=0.01, timeout_s=1.0, start_s=2.0, whole_s=10.0),)
    tempfile.tempdir = None
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _main(module: str) -> int:
    """As the interpreter ends a program."""
    try:
        importlib.import_module(module).main()
        code: Any = 0
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    import atexit

    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if code is None or isinstance(code, int):
        return int(code or 0) & 255
    os.write(2, f"{code}\n".encode())
    return 1


def words_of(text: Sequence[str]) -> list[str]:
    """Words as a shell would pass them: bytes that are no UTF-8 are kept."""
    return [os.fsdecode(os.fsencode(word)) for word in text]


def environment(home: Path, temporary: Path, **more: str) -> Mapping[str, str]:
    """A user's, without anything of the machine's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "NO_PROXY": "*",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
        **more,
    }


if __name__ == "__main__":
    serve()
