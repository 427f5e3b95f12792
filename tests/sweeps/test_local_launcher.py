"""No more processes and threads than cores."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hydra.core.utils import JobReturn

pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra [slurm] is not installed")

from fsdd_lightning.sweeps.launchers import LimitedLocalLauncher


@pytest.mark.parametrize(
    ("cores", "cpus_per_task", "batches"),
    [(4, 2, [[0, 1], [2, 3], [4]]), (2, None, [[0, 1], [2, 3], [4]]), (1, 4, [[0], [1], [2], [3], [4]])],
)
def test_jobs_share_the_cores(
    cores: int, cpus_per_task: int | None, batches: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher  # Hydra imports it again

    seen: list[list[int]] = []
    threads: set[str] = set()

    def launch(self: object, jobs: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        seen.append([first + i for i in range(len(jobs))])
        assert jobs == [[f"seed={number}"] for number in seen[-1]]
        threads.add(os.environ["OPENBLAS_NUM_THREADS"])
        return [JobReturn(overrides=job) for job in jobs]

    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(LocalLauncher, "launch", launch)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    launcher = LimitedLocalLauncher(cpus_per_task=cpus_per_task, submitit_folder="x")
    returned = launcher.launch([[f"seed={number}"] for number in range(5)], 0)
    assert seen == batches
    assert [job.overrides for job in returned] == [[f"seed={number}"] for number in range(5)]
    assert threads == {str(cpus_per_task or 1)}
    assert "OPENBLAS_NUM_THREADS" not in os.environ
