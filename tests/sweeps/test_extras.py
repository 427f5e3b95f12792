"""Options for sweeps, and the extras that they need."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from fsdd_lightning import train
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.sweeps import launchers
from fsdd_lightning.sweeps.launchers import launcher_errors


@pytest.mark.parametrize(
    "choice", ["hparams_search=accuracy_vs_bytes", "hydra/launcher=joblib", "hydra/sweeper=pareto"]
)
def test_options_for_sweeps_need_m(choice: str) -> None:
    with pytest.raises(UserError, match=f"^{choice} is about sweeps: add -m$"):
        launchers.check_alone(["seed=1", choice])
    launchers.check_alone(["seed=1", "search=null"])


@pytest.mark.parametrize("arguments", [["hparams_search=accuracy_vs_bytes"], ["hydra/launcher=joblib"]])
def test_the_command_rejects_them_without_m(
    arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launchers, "find_spec", lambda name: object())  # installed or not
    monkeypatch.setattr(sys, "argv", ["fsdd-train", *arguments])
    with pytest.raises(SystemExit) as end:
        train.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == f"error: {arguments[0]} is about sweeps: add -m\n"


def test_a_launcher_without_its_package_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launchers, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^hydra/launcher=ray needs an extra .* 'fsdd_lightning\[ray\]'$"):
        launchers.check_launcher(["-m", "hydra/launcher=ray"])
    launchers.check_launcher(["-m", "hydra/launcher=basic", "hydra.launcher.n_jobs=2"])


def test_no_hydra_plugins_at_all_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> None:
        raise ModuleNotFoundError("hydra_plugins")

    monkeypatch.setattr(launchers, "find_spec", find_spec)
    with pytest.raises(UserError, match="needs an extra"):
        launchers.check_launcher(["hydra/launcher=joblib"])


def test_what_the_user_can_fix_is_one_line_and_other_errors_pass() -> None:
    with pytest.raises(UserError, match="start one with `ray start --head`"), launcher_errors():
        raise ConnectionError("Could not find any running Ray instance. Please specify the one to connect to")
    with pytest.raises(UserError, match="no Slurm on this machine"), launcher_errors():
        raise RuntimeError('Could not detect "srun", are you indeed on a slurm cluster?')
    with pytest.raises(RunFailedError, match="killed, perhaps for want of memory"), launcher_errors():
        raise OSError("A worker process managed by the executor was unexpectedly terminated. This could be ...")
    with pytest.raises(MemoryError), launcher_errors():
        raise MemoryError
