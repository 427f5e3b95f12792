"""What a launcher hands to another process: the task, and where and with what the command was started."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsdd_lightning.config.load import register_resolvers
from fsdd_lightning.sweeps.launchers.complaints import silence_schema_matching

# What decides where data are found and how errors are shown. A Ray worker has the environment of `ray start` instead.
_CARRIED = ("FSDD_ROOT", "XDG_CACHE_HOME", "HYDRA_FULL_ERROR")


class Job:
    """A task that works the same in this process, in another one, and on another machine with the same folders.

    Hydra resolves the run's folder before it calls the task, so all that takes must be in place as soon as the task
    has arrived: our resolvers, the folder that relative paths start from, and a few environment variables.
    """

    def __init__(self, task: Callable[[Any], Any]) -> None:
        functools.update_wrapper(self, task)  # Hydra names its jobs after the task's module
        self._task = task

    def __call__(self, config: Any) -> Any:
        """Run the task."""
        return self._task(config)

    def __getstate__(self) -> dict[str, Any]:
        carried = {name: os.environ[name] for name in _CARRIED if name in os.environ}
        return {"task": self._task, "folder": str(Path.cwd()), "environment": carried}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["task"])  # type: ignore[misc]
        os.environ.update(state["environment"])
        with suppress(OSError):  # not on this machine: the command will not see the run, and says so
            os.chdir(state["folder"])
        register_resolvers()
        silence_schema_matching()
