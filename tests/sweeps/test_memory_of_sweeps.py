"""The memory of a long sweep in one process stays flat."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sweep_processes import run_sweep

pytestmark = pytest.mark.slow

TRIALS, SETTLED_AFTER = 24, 5
MOST_GROWTH_MB = 25.0  # two a trial would be too much


def note_memory(file: Path) -> None:
    """Write down the resident set after each trial."""
    from fsdd_lightning.sweeps import task as trial_task

    run_trial = trial_task.run_trial

    def noting(config):  # type: ignore[no-untyped-def]
        answer = run_trial(config)
        resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
        with file.open("a") as notes:
            notes.write(f"{resident_pages * os.sysconf('SC_PAGE_SIZE') / 2**20}\n")
        return answer

    trial_task.run_trial = noting


def test_many_trials_in_one_process_take_no_more_memory_than_five(small: list[str], tmp_path: Path) -> None:
    words = [*small, "quantization=int4_qat", "model.hidden_size=2", "model.layers=1", "training.batch_size=64"]
    sweep = [*words, "quantization.learning_rate=.001,.002,.003,.004", f"seed=range(0,{TRIALS // 4})"]
    code, _, err = run_sweep(sweep, tmp_path, note_memory, tmp_path / "memory.txt")
    assert (code, err) == (0, "")
    resident_mb = [float(line) for line in (tmp_path / "memory.txt").read_text().split()]
    assert len(resident_mb) == TRIALS
    assert max(resident_mb[SETTLED_AFTER:]) - resident_mb[SETTLED_AFTER - 1] < MOST_GROWTH_MB, resident_mb
