#!/usr/bin/env python3
"""A fake sbatch, srun and sacct: runs the tasks of a job array one after the other on this machine.

Called by the name of the command that it stands for. A copy of every submitted script is kept beside it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

JOB = 4242
HERE = Path(__file__).resolve().parent


def sbatch(script: str) -> None:
    """Queue a job: answer at once, run it in the background."""
    kept = HERE / "submitted.sh"
    kept.write_text(Path(script).read_text())
    with (HERE / "queue.log").open("wb") as log:  # our caller waits until its pipes are closed
        subprocess.Popen([sys.executable, __file__, "run", str(kept)], stdout=log, stderr=log, start_new_session=True)
    print(f"Submitted batch job {JOB}")


def run(script: str) -> None:
    """Run the script for every index of the array, as a node does."""
    text = Path(script).read_text()
    (last,) = re.findall(r"^#SBATCH --array=0-(\d+)", text, flags=re.MULTILINE)
    (cpus,) = re.findall(r"^#SBATCH --cpus-per-task=(\d+)", text, flags=re.MULTILINE)
    for index in range(int(last) + 1):
        job = {"SLURM_ARRAY_JOB_ID": str(JOB), "SLURM_ARRAY_TASK_ID": str(index), "SLURM_JOB_ID": str(JOB + index)}
        task = {"SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
        node = {"SLURM_JOB_NUM_NODES": "1", "SLURM_CPUS_PER_TASK": cpus}
        subprocess.run(["bash", script], env={**os.environ, **job, **task, **node}, check=False)


def srun(*words: str) -> None:
    """Run the command behind the options, with its outputs where they point; %A is the array, %a the index."""
    names = {"%A": os.environ["SLURM_ARRAY_JOB_ID"], "%a": os.environ["SLURM_ARRAY_TASK_ID"], "%t": "0"}
    outputs, command = {}, list(words)
    while command[0].startswith("--"):
        option = command.pop(0)
        if option in ("--output", "--error"):
            outputs[option] = re.sub("%[Aat]", lambda found: names[found[0]], command.pop(0))
    with Path(outputs["--output"]).open("ab") as out, Path(outputs["--error"]).open("ab") as err:
        subprocess.run(command, stdout=out, stderr=err, check=False)


def sacct(*_: str) -> None:
    """Print nothing."""
    print("JobID|State|NodeList")


if __name__ == "__main__":
    name = Path(sys.argv[0]).name
    arguments = sys.argv[1:]
    if name == "fake_slurm.py":
        name, *arguments = arguments
    {"sbatch": sbatch, "srun": srun, "sacct": sacct, "run": run}[name](*arguments)
