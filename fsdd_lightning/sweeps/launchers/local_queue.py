"""submitit's local launcher with limits: by itself it starts the processes of all runs at once, with all threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, env_override
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LimitedLocalLauncher(Launcher):
    """Runs as many jobs as the cores allow, then the next ones. Its parameters are submitit's."""

    def __init__(self, cpus_per_task: int | None, **submitit: Any) -> None:
        from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher

        self._launcher = LocalLauncher(cpus_per_task=cpus_per_task, **submitit)
        self._cpus = cpus_per_task or 1

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what jobs are made from."""
        self._launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs, with as many threads in a job as it has cores, where the environment does not say otherwise."""
        at_once = max(1, (os.cpu_count() or 1) // self._cpus)
        returned: list[JobReturn] = []
        with env_override({name: os.environ.get(name, str(self._cpus)) for name in _THREADS}):
            for first in range(0, len(job_overrides), at_once):
                batch = job_overrides[first : first + at_once]
                returned += self._launcher.launch(batch, initial_job_idx + first)
        return returned
