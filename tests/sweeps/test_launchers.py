"""A sweep has the same results with every launcher: real processes, a real Ray cluster; only Slurm is a fake."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import PATIENCE_S, REPOSITORY, Process, environment, run
from installed_extras import needs
from sweep_processes import run_sweep

FAKE_SLURM = Path(__file__).with_name("fake_slurm.py")
# One float network is trained; one trial finds out late that it can't work; two do not fit.
TRIALS = [
    "model.hidden_size=4,400",
    "memory_budget=kb8",
    "split=random,unseen_speaker",
    "split.held_out=nobody",
    "trainer.max_epochs=1",
    "quantization=int8_qat",
    "quantization.epochs=1",
]
ENDS = {
    "4 random": "done",
    "4 unseen_speaker": "failed",
    "400 random": "over_budget",
    "400 unseen_speaker": "over_budget",
}

needs_joblib = needs("hydra-joblib-launcher", "parallel")
needs_submitit = needs("hydra-submitit-launcher", "slurm")
needs_ray = needs("hydra-ray-launcher", "ray")


def train(folder: Path, *overrides: str, **more: str) -> Process:
    folder.mkdir(exist_ok=True)
    return run(folder, "-m", "fsdd_lightning.train", "-m", *overrides, **more)


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """The records of a sweep by trial, without what may differ: times, folders, who trained the shared network."""
    found = {}
    for path in sorted(folder.glob("multirun/*/*/run.json")):
        text = path.read_text().replace(str(folder), "FOLDER")
        content = json.loads(text)
        for key in ("timings_s", "started", "git"):
            del content[key]
        for key in ("reused", "run"):
            content["training"].get("float", {}).pop(key, None)
        config = content["config"]
        found[f"{config['model']['hidden_size']} {config['split']['name']}"] = content
    return found


def networks(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("multirun/*/*/integer_model.npz")}


@pytest.fixture(scope="module")
def sequential(tiny_overrides: list[str], once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    folder = once("sequential", lambda folder: run_sweep([*tiny_overrides, *TRIALS], folder))
    assert {name: record["status"] for name, record in records(folder).items()} == ENDS
    return folder


def assert_same(folder: Path, process: Process, sequential: Path) -> None:
    assert records(folder) == records(sequential), process.stderr
    assert networks(folder) == networks(sequential)
    assert len(networks(folder)) == 1
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: ") and "no such speaker" in line


@pytest.mark.slow
@needs_joblib
def test_joblib(sequential: Path, tiny_overrides: list[str], tmp_path: Path) -> None:
    process = train(tmp_path / "work", *tiny_overrides, *TRIALS, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert_same(tmp_path / "work", process, sequential)


@pytest.mark.slow
@needs_submitit
def test_submitit_on_this_machine(sequential: Path, tiny_overrides: list[str], tmp_path: Path) -> None:
    process = train(tmp_path / "work", *tiny_overrides, *TRIALS, "hydra/launcher=submitit_local")
    assert_same(tmp_path / "work", process, sequential)


@pytest.fixture
def slurm(tmp_path: Path) -> Path:
    """A folder with commands for PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "fake_slurm.py"
    shutil.copyfile(FAKE_SLURM, program)
    for name in ("sbatch", "srun", "sacct"):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {program} {name} "$@"\n')
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.mark.slow
@needs_submitit
def test_slurm(sequential: Path, tiny_overrides: list[str], tmp_path: Path, slurm: Path) -> None:
    process = train(
        tmp_path / "work",
        *tiny_overrides,
        *TRIALS,
        "hydra/launcher=submitit_slurm",
        "hydra.launcher.partition=small",
        "hydra.launcher.array_parallelism=3",
        PATH=f"{slurm}{os.pathsep}{os.environ['PATH']}",
    )
    script = (slurm / "submitted.sh").read_text()
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script, flags=re.MULTILINE))
    assert options["array"] == f"0-{len(ENDS) - 1}%3"
    assert options["cpus-per-task"] == "1"
    assert options["ntasks-per-node"] == options["nodes"] == "1"
    assert (options["time"], options["mem"], options["partition"]) == ("720", "4GB", "small")
    assert options["job-name"] == "fsdd_default"
    lines = script.splitlines()
    setup = next(i for i, line in enumerate(lines) if line.startswith("export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK"))
    run = next(i for i, line in enumerate(lines) if line.startswith("srun "))
    assert setup < run
    assert "submitit.core._submit" in lines[run]
    assert_same(tmp_path / "work", process, sequential)


@needs_submitit
def test_without_slurm_the_answer_is_one_line(tiny_overrides: list[str], tmp_path: Path) -> None:
    process = train(
        tmp_path / "work", *tiny_overrides, "hydra/launcher=submitit_slurm", PATH=str(Path(sys.executable).parent)
    )
    assert process.returncode == 2
    assert process.stderr == (
        "error: hydra/launcher=submitit_slurm: there is no Slurm on this machine (no srun on PATH); "
        "hydra/launcher=submitit_local runs the same way without\n"
    )


@pytest.fixture
def ray_cluster() -> Iterator[str]:
    """The address of a small cluster, started from another folder as a user would; ended with all its processes."""
    session = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # sockets must have short paths
    words = ["--head", "--block", "--port=0", "--num-cpus=2", "--object-store-memory=80000000"]
    quiet = ["--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={session}"]
    with (session / "log").open("wb") as log:
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), "start", *words, *quiet],
            cwd=session,
            env=environment(session),
            stdout=log,
            stderr=log,
        )
    try:
        yield address_in(session / "log", head)
    finally:
        head.send_signal(signal.SIGTERM)
        head.wait(60)
        shutil.rmtree(session, ignore_errors=True)


def address_in(log: Path, head: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and head.poll() is None:
        found = re.search(r"--address='([\d.:]+)'", log.read_text())
        if found:
            return found[1]
        time.sleep(0.2)
    pytest.fail(f"no Ray cluster came up: {log.read_text()}")


@pytest.mark.slow
@needs_ray
def test_ray(sequential: Path, tiny_overrides: list[str], tmp_path: Path, ray_cluster: str) -> None:
    process = train(tmp_path / "work", *tiny_overrides, *TRIALS, "hydra/launcher=ray", RAY_ADDRESS=ray_cluster)
    assert_same(tmp_path / "work", process, sequential)


@needs_ray
def test_without_a_ray_cluster_the_answer_is_one_line(tiny_overrides: list[str], tmp_path: Path) -> None:
    if subprocess.run(["pgrep", "-f", "ray/gcs/gcs_server"], capture_output=True, check=False).returncode == 0:
        pytest.skip("somebody's Ray cluster runs on this machine")
    process = train(tmp_path / "work", *tiny_overrides, "hydra/launcher=ray")
    assert process.returncode == 2
    assert process.stderr == (
        "error: hydra/launcher=ray: no Ray cluster runs here; start one with `ray start --head`\n"
    )


MISSING = """
import importlib.util

find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == {name!r} else find_spec(name, package)
"""


@pytest.mark.parametrize(
    ("package", "choice", "extra"),
    [
        ("hydra_plugins.hydra_joblib_launcher", "hydra/launcher=joblib", "fsdd_lightning[parallel]"),
        ("hydra_plugins.hydra_submitit_launcher", "hydra/launcher=submitit_local", "fsdd_lightning[slurm]"),
        ("hydra_plugins.hydra_submitit_launcher", "hydra/launcher=submitit_slurm", "fsdd_lightning[slurm]"),
        ("hydra_plugins.hydra_ray_launcher", "hydra/launcher=ray", "fsdd_lightning[ray]"),
        ("optuna", "hparams_search=accuracy_vs_bytes", "fsdd_lightning[search]"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(
    package: str, choice: str, extra: str, tiny_overrides: list[str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(MISSING.format(name=package))
    python_path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    process = train(tmp_path / "work", *tiny_overrides, choice, PYTHONPATH=python_path)
    assert process.returncode == 2
    last = process.stderr.splitlines()[-1]
    assert last.startswith("error: ") and last.endswith(f"pip install '{extra}'")
    assert not (tmp_path / "work" / "multirun").exists()
