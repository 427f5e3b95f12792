"""A run on a machine that does not share the sweep's folder leaves nothing here; the sweep reports it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.sweeps.compose import ComposedSweep, compose_trials
from fsdd_lightning.sweeps.sweeper import ResumingSweeper


class Elsewhere:
    """A launcher whose jobs end well on the disk of another machine."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        return [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]


def test_a_run_without_a_record_is_a_failure_that_names_the_folder(
    tiny_overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda self, **_: Elsewhere())
    words = [*tiny_overrides, f"output_root={tmp_path}", "name=far", "seed=1,2"]
    trials = [(overrides, plan_run(config)) for overrides, config in compose_trials(words, multirun=True)]
    sweeper = ResumingSweeper()
    monkeypatch.setattr(ResumingSweeper, "composed", ComposedSweep(trials, None), raising=False)
    sweeper.setup(
        hydra_context=SimpleNamespace(),
        task_function=print,
        config=OmegaConf.create({"fail_fast": False, "quiet": False, "hydra": {"launcher": {"_target_": "elsewhere"}}}),
    )  # type: ignore[arg-type]
    with pytest.raises(RunFailedError, match=r"2 of 2 trials failed.*has to share this folder") as caught:
        sweeper.sweep([])
    assert str(tmp_path / "far") in str(caught.value)
