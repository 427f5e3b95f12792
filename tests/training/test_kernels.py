"""The kernels in run.json, and those that `trainer.portable` insists on."""

from __future__ import annotations

import os

import pytest
import torch

from fsdd_lightning.config.portable import SETTINGS
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.training import kernels
from fsdd_lightning.training.kernels import describe_kernels, require_portable


def test_kernels_are_those_of_torch_and_numpy() -> None:
    found = describe_kernels()
    assert found["torch_capability"] == torch.backends.cpu.get_cpu_capability()
    assert found["threads"] == torch.get_num_threads()
    built = torch.__config__.show()
    for name in ("mkl", "onednn"):
        assert found[name] is None or found[name] in built
    assert "blas" in found


def test_a_process_that_got_the_variables_too_late_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "require_processor", lambda: None)
    for name in SETTINGS:
        monkeypatch.setenv(name, "")
    with pytest.raises(RunFailedError, match="env ATEN_CPU_CAPABILITY=avx2 MKL_CBWR=COMPATIBLE"):
        require_portable()
    os.environ.update(SETTINGS)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    with pytest.raises(RunFailedError, match="started without the variables"):
        require_portable()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(kernels, "_numpy_has_avx512", lambda: True)
    with pytest.raises(RunFailedError, match="started without the variables"):
        require_portable()
    monkeypatch.setattr(kernels, "_numpy_has_avx512", lambda: False)
    require_portable()
