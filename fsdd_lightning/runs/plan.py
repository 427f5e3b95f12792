"""One trial of a sweep before it runs: its size, its bill, and whether it fits its budget. No data, no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.config.load import config_to_mapping, deciding
from fsdd_lightning.config.resources import network_problem
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.locate import labels_of
from fsdd_lightning.data.text_to_speech import spoken_as
from fsdd_lightning.data.words import words_of
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.bill import MemoryBill, memory_bill, torch_int8_bill
from fsdd_lightning.memory.budget import MemoryBudget
from fsdd_lightning.memory.over_budget import over_budget_reason
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.memory.solver import largest_hidden_size


@dataclass(frozen=True)
class RunPlan:
    """`config` with the hidden size solved; `float_bill` is what the same shape costs in float32."""

    config: Config
    labels: tuple[str, ...]  # the words, in the order of the outputs
    shape: NetworkShape
    bill: MemoryBill
    float_bill: MemoryBill
    budget: MemoryBudget

    @property
    def fits(self) -> bool:
        """Whether the network stays within its memory budget."""
        return self.budget.fits(self.bill)

    @property
    def over_budget_reason(self) -> str | None:
        """One line on why this trial is not run; None where it fits."""
        return None if self.fits else over_budget_reason(self.bill, self.budget)

    def memory_record(self) -> dict[str, Any]:
        """The `memory` part of the run record."""
        return {
            **self.bill.as_record(),
            "hidden_size": self.shape.hidden_size,
            "layers": self.shape.layers,
            "float32_bytes": self.float_bill.flash_bytes,
            "budget": self.budget.name,
            "budget_scope": self.budget.scope,
            "budget_bytes": self.budget.flash_bytes,
            "fits": self.fits,
        }


def plan_run(config: Config) -> RunPlan:
    """Solve the hidden size and draw up the bill.

    Raises:
        UserError: an unknown weight code; no folder to take the words from, or less than two; `hidden_size=fit` without
            a budget, or with one that nothing fits.
    """
    code = config.quantization.weight_code
    if code is not None and code not in WEIGHT_CODES:
        known = ", ".join(sorted(WEIGHT_CODES))
        raise UserError(f"quantization.weight_code: there is no {code!r}; there are {known}")
    budget = MemoryBudget(config.memory_budget.name, config.memory_budget.flash_bytes, config.memory_budget.scope)
    front_end = config.front_end if config.memory_budget.front_end else None
    labels = labels_of(config.data)
    if config.text_to_speech.share:
        spoken_as(config.text_to_speech, labels)  # refused here, before anything is read
    hidden_size = _hidden_size(config, len(labels), budget, front_end)
    if config.model.hidden_size == "fit" and (problem := network_problem(config, hidden_size)) is not None:
        raise UserError(f"model.hidden_size=fit is {hidden_size} here, and {problem}")
    shape = NetworkShape(config.features.channels, hidden_size, config.model.layers, len(labels))
    frames = config.features.max_frames
    solved = dataclasses.replace(config, model=dataclasses.replace(config.model, hidden_size=hidden_size))
    baseline = config.quantization.baseline is not None
    if baseline:
        bill = torch_int8_bill(shape, frames, front_end)
    else:
        bill = memory_bill(shape, code, frames, front_end, config.export.target)
    return RunPlan(solved, labels, shape, bill, memory_bill(shape, None, frames, front_end), budget)


FLOAT_GROUPS = (
    "split",
    "features",
    "feature_augmentation",
    "waveform_augmentation",
    "text_to_speech",
    "model",
    "trainer",
    "training",
    "optimizer",
    "scheduler",
    "callbacks",
)


def float_config(config: Config) -> dict[str, Any]:
    """The parts of a config that its float network depends on, as plain data.

    Of `data` only the recordings matter: add their digest, or that group where nothing was read yet.
    """
    whole = config_to_mapping(config)
    groups = deciding({name: whole[name] for name in FLOAT_GROUPS})
    groups["words"] = dataclasses.asdict(words_of(config.data))
    if config.waveform_augmentation.endpointed and config.listener is not None:
        cuts = dataclasses.asdict(config.listener)
        groups["listener"] = {key: value for key, value in cuts.items() if key != "false_reject_rate"}
    return groups | {"seed": config.seed, "threads": config.torch_threads}


def _hidden_size(config: Config, classes: int, budget: MemoryBudget, front_end: FrontEnd | None) -> int:
    if config.model.hidden_size != "fit":
        return config.model.hidden_size
    largest = largest_hidden_size(
        inputs=config.features.channels,
        layers=config.model.layers,
        classes=classes,
        code_name=config.quantization.weight_code,
        budget=budget,
        front_end=front_end,
        target=config.export.target,
    )
    if largest is None:
        raise UserError(
            f"model.hidden_size=fit: not even one hidden unit fits memory_budget={budget.name}; "
            "choose a larger budget, fewer layers or smaller weights"
        )
    return largest
