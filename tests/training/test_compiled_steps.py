"""Where the steps of quantization-aware training are compiled, and where torch computes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from fsdd_lightning.export.compiler import CompilerMissing, find_compiler
from fsdd_lightning.model.compiled_engine import CHOICE
from fsdd_lightning.training import compiled_steps
from fsdd_lightning.training.compiled_steps import use_compiled_steps
from fsdd_lightning.training.kernels import describe_kernels


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = CHOICE.compiled
    yield
    CHOICE.compiled = before


def test_without_a_compiler_torch_computes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> str:
        raise CompilerMissing("none")

    monkeypatch.setattr(compiled_steps, "compiler_identity", missing)
    monkeypatch.setattr(compiled_steps, "_engine", compiled_steps._engine.__wrapped__)
    assert not use_compiled_steps()
    assert CHOICE.of(torch.zeros(1)) is CHOICE.portable and describe_kernels()["steps"] == "torch"


def test_they_are_for_float32_on_the_cpu_and_where_they_are_wanted() -> None:
    try:
        find_compiler()
    except CompilerMissing:
        pytest.skip("no C compiler")
    assert use_compiled_steps() and describe_kernels()["steps"] == "compiled"
    assert CHOICE.of(torch.zeros(1)) is CHOICE.compiled
    for other in (torch.zeros(1, dtype=torch.float64), torch.zeros(1, device="meta")):
        assert CHOICE.of(other) is CHOICE.portable
    assert not use_compiled_steps(False) and CHOICE.of(torch.zeros(1)) is CHOICE.portable
