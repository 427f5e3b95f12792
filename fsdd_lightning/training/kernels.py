"""The kernels that a run's float numbers come from, seen in the loaded libraries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from numpy.lib.introspect import opt_func_info
from threadpoolctl import threadpool_info

from fsdd_lightning.config.portable import SETTINGS, is_portable, require_processor
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.model.compiled_engine import CHOICE


def describe_kernels() -> dict[str, Any]:
    """The rest, once torch is loaded: what it dispatches to, its libraries and threads, and the BLAS of numpy."""
    built = torch.__config__.show()
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {
        "threads": torch.get_num_threads(),
        "torch_capability": torch.backends.cpu.get_cpu_capability(),
        "mkl": _version(r"Math Kernel Library Version (\S+)", built),
        "onednn": _version(r"MKL-DNN v(\S+)", built),
        "steps": "torch" if CHOICE.compiled is None else "compiled",  # of quantization-aware training
        "blas": ", ".join(sorted({_described(library) for library in blas})),
    }


def _version(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None


def _described(library: Mapping[str, Any]) -> str:
    """Such as `openblas 0.3.31 SkylakeX`."""
    parts = (library.get(key) for key in ("internal_api", "version", "architecture"))
    return " ".join(str(part) for part in parts if part)


def require_portable() -> None:
    """Check, after torch and numpy were loaded, that this process computes as `trainer.portable` promises.

    Raises:
        UserError: another kind of processor.
        RunFailedError: a process that was started without the variables, such as a worker of a Ray cluster.
    """
    require_processor()
    if is_portable() and torch.backends.cpu.get_cpu_capability() == "AVX2" and not _numpy_has_avx512():
        return
    variables = " ".join(f"{name}='{value}'" if " " in value else f"{name}={value}" for name, value in SETTINGS.items())
    raise RunFailedError(
        "trainer.portable=true: this process was started without the variables that it needs; start what starts it "
        f"(Python, or ray start) with: env {variables}"
    )


def _numpy_has_avx512() -> bool:
    found = [
        kernel["current"] for types in opt_func_info(func_name="^(exp|log)$").values() for kernel in types.values()
    ]
    return any("AVX512" in name or "X86_V4" in name for name in found)
