"""The machine that a run's float numbers come from; its integers are the same on every machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fsdd_lightning.config.portable import SETTINGS
from fsdd_lightning.config.processor import this_processor, vectors_in_use

MAY_DIFFER = "a rerun may differ in float training"
# Variables by which libraries choose other kernels than the processor's own.
KERNEL_VARIABLES = (*SETTINGS, "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "GLIBC_TUNABLES")


def describe_machine() -> dict[str, Any]:
    """The `machine` of a run record, as far as it is known without torch; `training/kernels.py` has the rest."""
    processor = this_processor()
    return {
        "processor": processor.name,
        "kind": processor.kind,
        "architecture": processor.architecture,
        "instructions": " ".join(processor.instructions),
        "vectors": vectors_in_use(processor),
        "cores": os.cpu_count(),
        "variables": {name: os.environ[name] for name in KERNEL_VARIABLES if name in os.environ},
    }


def other_processor(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """How machine `now` differs from `then` in what decides the bits of float sums, None if in nothing.

    Both as `describe_machine` makes them; of the machine of an older record, which has none, nothing can be said.
    """
    return _difference(then, now) if then else None


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    for key in ("architecture", "vectors"):
        if then.get(key) != now.get(key):
            return f"done on another processor ({then.get(key)}; this one: {now.get(key)})"
    if then.get("kind") != now.get("kind"):
        return f"done on another processor ({_name(then)}; this one: {_name(now)})"
    if then.get("variables", {}) != now.get("variables", {}):
        return f"done with other kernels ({_variables(then)}; here: {_variables(now)})"
    return None


def _name(machine: Mapping[str, Any]) -> str:
    """Virtual machines hide the name of a processor, but seldom its model."""
    return f"{machine.get('processor')}, {machine.get('kind')}"


def _variables(machine: Mapping[str, Any]) -> str:
    found = machine.get("variables", {})
    return " ".join(f"{name}={value}" for name, value in found.items()) or "no variables"
