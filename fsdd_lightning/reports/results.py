"""What runs came to, checked: numbers that a report may count on, or one line on why a run is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from fsdd_lightning.reports.collect import CollectedRun
from fsdd_lightning.reports.flatten import deciding_config, natural, trial_key
from fsdd_lightning.runs.metrics import accuracy_drop, deployed_backend
from fsdd_lightning.runs.record import RunRecord

_Share = Annotated[float, Field(ge=0.0, le=1.0)]
_Count = Annotated[int, Field(ge=0, le=10**12)]
_Confusion = list[list[_Count]]


@dataclass(frozen=True)
class View:
    """One view's score, as far as a report needs it."""

    accuracy: _Share
    correct: _Count
    total: Annotated[int, Field(ge=1, le=10**12)]
    macro_f1: _Share | None = None
    confusion: _Confusion | None = None


@dataclass(frozen=True)
class Memory:
    """The part of the bill that a report shows."""

    flash_bytes: _Count
    ram_bytes: _Count
    macs_per_clip: _Count
    parameters: _Count
    hidden_size: _Count
    layers: _Count
    budget: str = "unlimited"
    budget_bytes: _Count | None = None


_MEMORY, _VIEWS = TypeAdapter(Memory), TypeAdapter(dict[str, View])


@dataclass(frozen=True)
class RunPlan:
    """Which trial of a sweep a run is. Two runs with one `key` and `dataset` repeat each other but for the seed."""

    run: CollectedRun
    key: str
    config: dict[str, Any]  # flat, without the seed
    mode: str
    seed: int
    memory: Memory

    @property
    def record(self) -> RunRecord:
        """The run's."""
        assert self.run.record is not None
        return self.run.record

    @property
    def held_out(self) -> str | None:
        """The speaker that was never heard in training; None where voices were not split."""
        speaker = self.config.get("split.held_out")
        return str(speaker) if self.config.get("split.name") == "unseen_speaker" else None


@dataclass(frozen=True)
class Result:
    """A finished trial; `views` are its scores by name, `view` the one that is deployed."""

    plan: RunPlan
    views: dict[str, View]
    view: str

    @property
    def deployed(self) -> View:
        """What the run stands for."""
        return self.views[self.view]

    @property
    def drop(self) -> float | None:
        """Float accuracy minus deployed accuracy; see `trial_end.accuracy_drop`."""
        return accuracy_drop({name: view.accuracy for name, view in self.views.items()})


def cell_of(run: CollectedRun) -> RunPlan | str:
    """Where in the sweep a run belongs; a line on what its record lacks."""
    if run.record is None:
        return run.reason
    record = run.record
    config = deciding_config(record.config)
    mode = config.get("quantization.name")
    if not isinstance(mode, str):
        return "the record lacks config.quantization.name"
    try:
        memory = _MEMORY.validate_python(record.memory)
    except ValidationError as error:
        return _lack("memory", error)
    return RunPlan(run, trial_key(record.config), config, mode, record.seed, memory)


def result_of(plan: RunPlan) -> Result | str:
    """The numbers of a trial whose run is done; a line on what its record lacks."""
    record = plan.record
    try:
        views = _VIEWS.validate_python(record.views)
    except ValidationError as error:
        return _lack("views", error)
    view = deployed_backend(views)
    if view is None:
        return "the record is that of a finished run, but lacks views"
    if not isinstance(record.dataset.get("digest"), str):
        return "the record lacks dataset.digest"
    wrong = [name for name, each in views.items() if abs(each.accuracy - each.correct / each.total) > 1e-9]
    return (
        f"the record's views.{wrong[0]}.accuracy is not correct/total" if wrong else Result(plan, views, view)
    )


def _lack(block: str, error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join([block, *(str(part) for part in problem["loc"])])
    return f"the record has no usable {place}: {problem['msg']}"


def ordered(runs: Sequence[CollectedRun]) -> list[CollectedRun]:
    """By sweep, then by configuration: the same order whenever and in whatever order the runs ran."""
    return sorted(runs, key=_position)


def _position(run: CollectedRun) -> tuple[Any, ...]:
    plan = cell_of(run)
    name = (natural(run.folder.name), str(run.folder))
    if isinstance(plan, str):
        return (natural(run.sweep), 1, *name)
    memory = plan.memory
    size = (memory.layers, memory.hidden_size, memory.budget_bytes or 10**13, memory.budget)
    split = natural(f"{plan.config.get('split.name')} {plan.held_out}")
    return (natural(run.sweep), 0, split, natural(plan.mode), *size, plan.key, plan.seed, *name)
