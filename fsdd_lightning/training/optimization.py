"""Optimizer and schedule of a stage, made of the groups `optimizer` and `scheduler`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fsdd_lightning.config.schema import Config
from fsdd_lightning.errors import UserError
from fsdd_lightning.model.portable import portable_optimizer
from fsdd_lightning.training.instantiate import make_partial

_LIGHTNINGS = ("interval", "frequency", "monitor")  # keys of a schedule that are no arguments of its class


@dataclass(frozen=True)
class Optimization:
    """`learning_rate`: of this stage, in place of optimizer.lr."""

    optimizer: Mapping[str, Any]
    scheduler: Mapping[str, Any]
    learning_rate: float
    portable: bool = False

    @classmethod
    def of(cls, config: Config, learning_rate: float | None = None) -> Optimization:
        """That of a config, for the float stage unless another learning rate is given."""
        rate = learning_rate or config.optimizer["lr"]
        return cls(config.optimizer, config.scheduler, rate, config.trainer.portable)

    def check(self) -> None:
        """Make them for one weight.

        Raises:
            UserError: a class that does not exist, or arguments that it does not take.
        """
        self.configure([nn.Parameter(torch.zeros(1))], 2, 2)

    def configure(self, parameters: Iterable[nn.Parameter], steps: int, epochs: int) -> dict[str, Any]:
        """What Lightning takes, for a training of so many steps and epochs."""
        tool = {**self.optimizer, "lr": self.learning_rate}
        optimizer = _called("optimizer", make_partial("optimizer", tool), list(parameters))
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise UserError(f"optimizer: {tool['_target_']} is no torch Optimizer")
        if self.portable:
            portable_optimizer(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": self._schedule(optimizer, steps, epochs)}

    def _schedule(self, optimizer: torch.optim.Optimizer, steps: int, epochs: int) -> dict[str, Any]:
        arguments = {key: value for key, value in self.scheduler.items() if key not in _LIGHTNINGS}
        make = make_partial("scheduler", arguments)
        length = steps if self.scheduler["interval"] == "step" else epochs
        known = {"total_steps": length, "T_max": length, "max_lr": self.learning_rate}
        taken = set(inspect.signature(getattr(make, "func", make)).parameters) - set(arguments)
        filled = {key: value for key, value in known.items() if key in taken}
        lightnings = {key: self.scheduler[key] for key in _LIGHTNINGS if key in self.scheduler}
        return {"scheduler": _called("scheduler", make, optimizer, **filled), **lightnings}


def _called(key: str, make: Callable[..., Any], *arguments: Any, **filled: Any) -> Any:
    try:
        return make(*arguments, **filled)
    except (TypeError, ValueError) as error:
        raise UserError(f"{key}: {str(error).splitlines()[0]}") from error
