"""What a finished run comes down to: the view that is deployed, its accuracy, what quantisation cost, what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdd_lightning.runs.record import BACKENDS, RunRecord

# The view whose accuracy a run stands for: the integers where there are any (the C file is equal to them), else
# PyTorch's own quantised network, else the float network.
DEPLOYED_BACKENDS = ("integer", "c", "quantized", "float")
SIZES = ("parameters", "flash_bytes", "ram_bytes", "macs_per_clip")
FINAL_METRICS = (*(f"accuracy/{view}" for view in (*BACKENDS, "drop")), *(f"memory/{name}" for name in SIZES))


def percent(value: float) -> str:
    """0.99333 -> "99.33"."""
    return f"{100 * value:.2f}"


def deployed_backend(views: Mapping[str, Any]) -> str | None:
    """The name of the view that a run stands for; None where it has none."""
    return next((name for name in DEPLOYED_BACKENDS if name in views), None)


def accuracy_drop(accuracies: Mapping[str, float]) -> float | None:
    """Float accuracy minus that of the deployed view, as a share; negative where quantisation helped.

    None where one of the two is missing or the float network itself is deployed. `accuracies`: of each view, by name.
    """
    deployed = deployed_backend(accuracies)
    if deployed is None or deployed == "float" or "float" not in accuracies:
        return None
    return accuracies["float"] - accuracies[deployed]


def final_metrics(record: RunRecord) -> dict[str, float]:
    """Those of FINAL_METRICS that this run has."""
    accuracies = {name: float(view["accuracy"]) for name, view in record.views.items()}
    found = {f"accuracy/{name}": accuracy for name, accuracy in accuracies.items()}
    drop = accuracy_drop(accuracies)
    if drop is not None:
        found["accuracy/drop"] = drop
    return found | {f"memory/{name}": float(record.memory[name]) for name in SIZES if name in record.memory}
