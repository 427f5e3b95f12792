"""Launchers run the trials of a sweep: what they need, what they take to another process, and how they fail."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hydra.core.utils import JobReturn, env_override
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from fsdd_lightning.config.load import register_resolvers
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.sweeps.orphans import run_job

# Hydra option: (package that brings it, extra of ours that installs it)
_LAUNCHERS = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "parallel"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "submitit_slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "ray": ("hydra_plugins.hydra_ray_launcher", "ray"),
}
_FOR_SWEEPS = ("hparams_search", "hydra/launcher", "hydra/sweeper")
# What decides where data are found and how errors are shown. A Ray worker has the environment of `ray start` instead.
_CARRIED = ("FSDD_ROOT", "XDG_CACHE_HOME", "HYDRA_FULL_ERROR")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_NOTICE_S, _PATIENCE_S = 2.0, 10.0  # in which a job ends that was interrupted before, and now
# text in the error of a launcher: what to raise instead
_FIXABLE: dict[str, UserError | RunFailedError] = {
    "Could not find any running Ray instance": UserError(
        "hydra/launcher=ray: no Ray cluster runs here; start one with `ray start --head`"
    ),
    'Could not detect "srun"': UserError(
        "hydra/launcher=submitit_slurm: there is no Slurm on this machine (no srun on PATH); "
        "hydra/launcher=submitit_local runs the same way without"
    ),
    "A worker process managed by the executor was unexpectedly terminated": RunFailedError(
        "a worker process of joblib was killed, perhaps for want of memory; run fewer at once with "
        "hydra.launcher.n_jobs"
    ),
}


def check_launcher(overrides: Sequence[str]) -> None:
    """Reject a command line that chooses a launcher whose package is missing.

    Raises:
        UserError: naming the extra to install.
    """
    for choice in (text.lstrip("+") for text in overrides):
        key, _, value = choice.partition("=")
        if key == "hydra/launcher" and value in _LAUNCHERS:
            require(*_LAUNCHERS[value], needed_by=choice)


def check_alone(overrides: Sequence[str]) -> None:
    """Reject an option for sweeps in a command line without -m: Hydra would ignore it silently.

    Raises:
        UserError: naming the option.
    """
    for text in overrides:
        key, _, value = text.lstrip("+").partition("=")
        if key in _FOR_SWEEPS and value != "null":
            raise UserError(f"{text} is about sweeps: add -m")


def require(package: str, extra: str, needed_by: str) -> None:
    """Reject `needed_by` where `package` is not installed.

    Raises:
        UserError: naming the extra to install.
    """
    if not _is_installed(package):
        raise UserError(f"{needed_by} needs an extra that is not installed: pip install 'fsdd_lightning[{extra}]'")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the namespace package that it would be part of
        return False


def silence_schema_matching() -> None:
    """Hydra warns that it checks conf/hydra/launcher/X.yaml against the schema of the plugin of that name: welcome."""
    warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")


@contextmanager
def launcher_errors() -> Iterator[None]:
    """Raise what the user can fix as one line. All other errors pass unchanged.

    Raises:
        UserError: the launcher can't work here at all.
        RunFailedError: it has lost its workers.
    """
    try:
        yield
    except Exception as error:
        for text, answer in _FIXABLE.items():
            if text in str(error):
                raise type(answer)(str(answer)) from error
        raise


class Job:
    """A task that works the same in this process, in another one, and on another machine with the same folders.

    Hydra resolves the run's folder before it calls the task. So unpickling the task must restore all that this takes:
    our resolvers, the folder that relative paths start from, and a few environment variables.
    `command`: the process that it comes from.
    """

    def __init__(self, task: Callable[[Any], Any], command: int | None = None) -> None:
        functools.update_wrapper(self, task)  # Hydra names its jobs after the task's module
        self._task, self._command = task, command or os.getpid()

    def __call__(self, config: Any) -> Any:
        """Run the task; in another process, for as long as the command lives."""
        return self._task(config) if self._command == os.getpid() else run_job(self._task, config, self._command)

    def __getstate__(self) -> dict[str, Any]:
        carried = {name: os.environ[name] for name in _CARRIED if name in os.environ}
        return {"task": self._task, "command": self._command, "folder": str(Path.cwd()), "environment": carried}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["task"], state["command"])  # type: ignore[misc]
        os.environ.update(state["environment"])
        with suppress(OSError):  # not on this machine: the command will not find the run, and reports that
            os.chdir(state["folder"])
        register_resolvers()
        silence_schema_matching()


class LimitedLocalLauncher(Launcher):
    """submitit's local launcher, with as many jobs at once as the cores allow. Its parameters are submitit's.

    By itself submitit starts the processes of all runs at once, and every process uses all cores.
    """

    def __init__(self, cpus_per_task: int | None, **submitit: Any) -> None:
        from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher

        self._launcher = LocalLauncher(cpus_per_task=cpus_per_task, **submitit)
        self._cpus = cpus_per_task or 1

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what jobs are made from."""
        self._launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs. A job has as many threads as cores, unless the environment sets another number."""
        at_once = max(1, (os.cpu_count() or 1) // self._cpus)
        returned: list[JobReturn] = []
        with _ending_with_us(), env_override({name: os.environ.get(name, str(self._cpus)) for name in _THREADS}):
            for first in range(0, len(job_overrides), at_once):
                batch = job_overrides[first : first + at_once]
                returned += self._launcher.launch(batch, initial_job_idx + first)
        return returned


@contextmanager
def _ending_with_us() -> Iterator[None]:
    """End jobs of submitit's local executor by Ctrl-C where this process is ended: by themselves they outlive it."""
    from submitit.local import local

    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: Any, **keywords: Any) -> subprocess.Popen[bytes]:
        popen: Any = subprocess.Popen
        started.append(popen(*arguments, stderr=subprocess.DEVNULL, **keywords))  # without its tracebacks
        return started[-1]

    module = vars(local)
    original, module["subprocess"] = module["subprocess"], SimpleNamespace(Popen=start)
    try:
        yield
    except BaseException:
        _wait(started, _NOTICE_S)  # a terminal sends Ctrl-C to them, too, and a second one would cut their end short
        for process in started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        _wait(started, _PATIENCE_S)
        raise
    finally:
        module["subprocess"] = original


def _wait(processes: Sequence[subprocess.Popen[bytes]], most_s: float) -> None:
    deadline = time.monotonic() + most_s
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(deadline - time.monotonic(), 0.0))
