"""The final metrics of a run: accuracy of the deployed backend, cost of quantization, memory; and Pareto fronts."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeVar

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.record import BACKENDS, RunRecord

Point = TypeVar("Point")

# The deployed backend is the first of these that a run has: the integers (the C file is equal to them), else
# PyTorch's own quantized network, else the float network.
DEPLOYED_BACKENDS = ("integer", "c", "quantized", "float")
SIZES = ("parameters", "flash_bytes", "ram_bytes", "macs_per_clip")
FINAL_METRICS = (
    *(f"accuracy/{backend}" for backend in (*BACKENDS, "drop", "unheard")),
    *(f"memory/{name}" for name in SIZES),
)


def percent(value: float) -> str:
    """0.99333 -> "99.33"."""
    return f"{100 * value:.2f}"


def deployed_backend(backends: Container[str]) -> str | None:
    """The name of the deployed backend; None where there is none."""
    return next((name for name in DEPLOYED_BACKENDS if name in backends), None)


def equal_backends(scores: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Scores by the names of all backends that have them: those that compute an integer network are one.

    "quantized = integer = c": every run checks that their logits are the same, bit for bit. `scores`: as in a record.
    """
    integer = scores.get("integer")
    same = [name for name in ("quantized", "integer", "c") if integer is not None and scores.get(name) == integer]
    shown: dict[str, dict[str, Any]] = {}
    for name, score in scores.items():
        shown.setdefault(" = ".join(same) if name in same else name, score)
    return shown


def accuracy_drop(accuracies: Mapping[str, float]) -> float | None:
    """Float accuracy minus that of the deployed backend, as a share; negative where quantization helped.

    None where one of the two is missing or the float network itself is deployed. `accuracies`: by backend.
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
    if record.unheard:
        found["accuracy/unheard"] = float(record.unheard["accuracy"])
    return found | {f"memory/{name}": float(record.memory[name]) for name in SIZES if name in record.memory}


def validation_accuracy(record: RunRecord) -> float:
    """What a search maximizes: the deployed backend's share of the validation clips.

    `record.views`, which is about the test clips, is not read.

    Raises:
        UserError: a record without it.
    """
    try:
        accuracies = record.training["val_accuracy"]
        return float(accuracies[deployed_backend(accuracies)])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the record of {record.overrides} lacks its validation accuracy") from error


def pareto_front(points: Sequence[Point], of: Callable[[Point], tuple[float, float]]) -> list[Point]:
    """The points that no other beats in one number without losing in the other, by ascending bytes.

    Points that are equal in both do not beat one another. `of`: accuracy, larger is better, and bytes of a point.
    """
    front: list[Point] = []
    for point in sorted(points, key=lambda candidate: (of(candidate)[1], -of(candidate)[0])):
        if not front or of(point)[0] > of(front[-1])[0] or of(point) == of(front[-1]):
            front.append(point)
    return front
