"""The groups of tools, in Hydra's own way: `_target_` names a class, the other keys are its arguments.

To all readers of a run they are plain data: training/instantiate.py makes objects of what was composed just now, and
nothing else does.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict  # in Python 3.11 pydantic reads no other one

OPEN_GROUPS = ("optimizer", "scheduler", "callbacks", "logger")  # to whose keys a user may add
RUN_FOLDER = "{run_folder}"  # what ${run_folder:} stands for until a tool is made: no record depends on the folder
DASHBOARD = ("histogram_every_epochs", "misclassified_clips")  # of the group logger; its other keys are loggers

_OPEN = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
_WATCHING = re.compile(
    r"fsdd_lightning\.training\.progress\.ProgressLine|pytorch_lightning\.callbacks\.(\w+\.)*"
    r"(RichProgressBar|TQDMProgressBar|RichModelSummary|ModelSummary|LearningRateMonitor|DeviceStatsMonitor)"
)


def _is_path(target: str, name: str = "this") -> str:
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", target):
        raise ValueError(f"{name} must be the path of a class, such as package.module.Class, not {target!r}")
    return target


Target = Annotated[str, AfterValidator(lambda target: _is_path(target))]


@with_config(_OPEN)
class Tool(TypedDict):
    """What is made by calling `_target_` with the other keys."""

    _target_: Target


@with_config(_OPEN)
class OptimizerConfig(TypedDict):
    """`lr` is that of the float stage, the highest of its schedule; the other stage has quantization.learning_rate."""

    _target_: Target
    _partial_: Literal[True]  # the parameters come later
    lr: Annotated[float, Field(gt=0, le=1000)]  # 1 is beyond what trains
    weight_decay: NotRequired[Annotated[float, Field(ge=0, le=1000)]]


@with_config(_OPEN)
class SchedulerConfig(TypedDict):
    """`interval`, `frequency` and `monitor` are Lightning's; total_steps, T_max and max_lr are filled in by us."""

    _target_: Target
    _partial_: Literal[True]  # the optimizer comes later
    interval: Literal["step", "epoch"]
    frequency: NotRequired[Annotated[int, Field(ge=1, le=1_000_000)]]
    monitor: NotRequired[str]


@with_config(_OPEN)
class _Loggers(TypedDict):
    """What TensorBoard shows besides curves; 0, or left out: nothing. Further keys are loggers, by their names."""

    histogram_every_epochs: NotRequired[Annotated[int, Field(ge=0, le=1_000_000)]]
    misclassified_clips: NotRequired[Annotated[int, Field(ge=0, le=1000)]]  # each is a sound and pictures


def _are_loggers(group: Any) -> Any:
    for name, tool in own_loggers(group).items():
        if not (isinstance(tool, dict) and isinstance(tool.get("_target_"), str)):
            raise ValueError(f"{name} must be a _target_ and its arguments, or null, not {tool!r}")
        _is_path(tool["_target_"], f"{name}._target_")
    return group


LoggerConfig = Annotated[_Loggers, AfterValidator(_are_loggers)]
CallbacksConfig = dict[str, Tool | None]  # by their names; None: left out


def own_loggers(group: Any) -> dict[str, Any]:
    """The loggers of the group `logger` besides TensorBoard, by their names; None: left out."""
    return {name: tool for name, tool in group.items() if name not in DASHBOARD and tool is not None}


def deciding_callbacks(group: Any) -> dict[str, Any]:
    """Those that may change a network: all but the ones of Lightning that only watch."""
    present = {name: tool for name, tool in group.items() if tool is not None}
    return {name: tool for name, tool in present.items() if not _only_watches(tool)}


def _only_watches(tool: Any) -> bool:
    target = tool.get("_target_") if isinstance(tool, dict) else None
    return isinstance(target, str) and _WATCHING.fullmatch(target) is not None
