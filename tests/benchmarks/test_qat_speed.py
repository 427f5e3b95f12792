"""A quantization-aware training step against a float one: `pytest tests/benchmarks --benchmark-only -s`.

Both train the same network on the same batch of 64 clips: forward, backward, clipping, AdamW, one thread. They
alternate, step by step, and processor time is compared, so that whatever else the machine does slows down both.

Measured on two cores of an AMD EPYC with other programs, gcc 12, clips of 7 to 36 frames: int8 / int4 / pot took 1.31 /
1.35 / 1.36 of a float step at 2x24 and 1.28 / 1.35 / 1.39 at 2x48; with steps in operations of torch, at the same time
in another process, 2.49 / 2.55 / 2.59 and 2.13 / 2.23 / 2.26.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.training.allocator import keep_freed_memory
from fsdd_lightning.training.compiled_steps import use_compiled_steps

CLIPS, FRAMES, FEATURES, CLASSES = 64, 36, 13, 10
ROUNDS = 60


def training_step(code: str | None, hidden_size: int, lengths: torch.Tensor) -> Callable[[], None]:
    """One step of the float network, or of its view through a weight code."""
    torch.manual_seed(0)
    network = LSTMClassifier(NetworkShape(FEATURES, hidden_size, 2, CLASSES))
    forward: torch.nn.Module = QuantizedView(network, weight_code(code)) if code else network
    optimizer = torch.optim.AdamW(network.parameters(), foreach=True)
    features, labels = torch.randn(CLIPS, FRAMES, FEATURES), torch.randint(0, CLASSES, (CLIPS,))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(forward(features, lengths), labels).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    return step


def clip_lengths(kind: str) -> torch.Tensor:
    """`full`: 36 frames; `spoken`: as spread as FSDD's digits, 21 frames on average."""
    if kind == "full":
        return torch.full((CLIPS,), FRAMES)
    order = torch.randperm(CLIPS, generator=torch.Generator().manual_seed(0))
    return torch.linspace(8, 34, CLIPS).round().long()[order]


def seconds(step: Callable[[], None]) -> float:
    start = time.thread_time()
    step()
    return time.thread_time() - start


@pytest.mark.parametrize("hidden_size", [24, 48])
@pytest.mark.parametrize("lengths", ["full", "spoken"])
@pytest.mark.parametrize("code", ["int8", "int4", "pot"])
def test_step_against_float_step(benchmark: Any, code: str, lengths: str, hidden_size: int) -> None:
    keep_freed_memory(), use_compiled_steps()
    float_step, quantized_step = (training_step(name, hidden_size, clip_lengths(lengths)) for name in (None, code))
    for _ in range(3):
        float_step(), quantized_step()
    pairs = []
    benchmark.pedantic(lambda: pairs.append((seconds(float_step), seconds(quantized_step))), rounds=ROUNDS)
    float_ms, quantized_ms = (1e3 * statistics.median(side) for side in zip(*pairs, strict=True))
    low, middle, high = statistics.quantiles(quantized / plain for plain, quantized in pairs)
    ratio = quantized_ms / float_ms
    benchmark.extra_info.update(float_ms=float_ms, quantized_ms=quantized_ms, ratio_of_medians=ratio)
    print(
        f"\n2x{hidden_size}, {code}, {lengths} clips: float {float_ms:.1f} ms, quantized {quantized_ms:.1f} ms, "
        f"ratio of medians {ratio:.2f}; ratio of pairs {middle:.2f}, half of them in {low:.2f}..{high:.2f}"
    )
