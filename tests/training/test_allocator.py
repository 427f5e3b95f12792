"""A training step takes the memory that the step before has freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fsdd_lightning.training.allocator import keep_freed_memory

# Pages that 20 steps got from the system, after 20 others.
STEPS = """
import resource
import torch
from fsdd_lightning.training.allocator import keep_freed_memory

keep_freed_memory()
torch.set_num_threads(1)
lstm, clips = torch.nn.LSTM(13, 24, 2, batch_first=True), torch.randn(64, 36, 13)
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        lstm(clips)[0].sum().backward()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not keep_freed_memory(), reason="a C library without mallopt")
def test_a_step_gets_no_new_pages() -> None:
    """By default a thousand a step, in a process that has never freed a large block."""
    printed = subprocess.run([sys.executable, "-c", STEPS], check=True, timeout=120, stdout=subprocess.PIPE).stdout
    assert int(printed) < 20 * 50
