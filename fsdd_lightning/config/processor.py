"""The processor at hand, read once and cheaply: no torch, no other process."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# flags of /proc/cpuinfo and what people call them; those that kernels of torch, oneDNN and MKL are written for
_INSTRUCTIONS = {
    "avx2": "AVX2",
    "fma": "FMA",
    "avx512f": "AVX-512",
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX-512-VNNI",
    "avx512_bf16": "AVX-512-BF16",
    "amx_tile": "AMX",
    "asimd": "NEON",
    "sve": "SVE",
}
_AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"}  # what torch's AVX-512 kernels need
_CAPABILITIES = {"avx512": "AVX-512", "avx2": "AVX2", "default": "baseline"}  # values of ATEN_CPU_CAPABILITY


@dataclass(frozen=True)
class Processor:
    """`kind`: maker, family and model, which the libraries choose kernels by; `vectors`: the widest that torch uses."""

    name: str
    kind: str
    architecture: str
    instructions: tuple[str, ...]
    vectors: str


@functools.cache
def this_processor() -> Processor:
    """Of this machine."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux
        text = ""
    return processor_of(text, platform.machine())


def processor_of(cpuinfo: str, architecture: str) -> Processor:
    """From the text of /proc/cpuinfo; elsewhere than on Linux it is empty, and little is known."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())  # the first core's
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    maker = fields.get("vendor_id") or fields.get("CPU implementer") or "unknown"
    numbers = [fields.get("cpu family"), fields.get("model") or fields.get("CPU part")]
    return Processor(
        name=fields.get("model name") or platform.processor() or architecture,
        kind=" ".join(filter(None, [maker, *numbers])),
        architecture=architecture,
        instructions=tuple(name for flag, name in _INSTRUCTIONS.items() if flag in flags),
        vectors=_vectors(flags),
    )


def _vectors(flags: set[str]) -> str:
    if flags >= _AVX512:
        return "AVX-512"
    if {"avx2", "fma"} <= flags:
        return "AVX2"
    return next((name for flag, name in (("sve", "SVE"), ("asimd", "NEON")) if flag in flags), "baseline")


def vectors_in_use(processor: Processor, environ: Mapping[str, str] = os.environ) -> str:
    """What torch computes with: what the processor has, or less by ATEN_CPU_CAPABILITY."""
    return _CAPABILITIES.get(environ.get("ATEN_CPU_CAPABILITY", ""), processor.vectors)
