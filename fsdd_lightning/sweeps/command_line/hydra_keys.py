"""The keys below `hydra.` that a command line may set, checked before Hydra acts on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from fsdd_lightning.config.load import shown
from fsdd_lightning.errors import UserError

_MOST_PROCESSES = 256  # at once on one machine: a run takes some 400 MB
_MOST_OF_A_SEARCH = 10_000


def check_hydra_overrides(overrides: Sequence[Override], multirun: bool) -> None:
    """Reject what would replace Hydra's own config, or our way of choosing it.

    Raises:
        UserError: naming the option for it.
    """
    for override in overrides:
        key, given = override.key_or_group, override.input_line or ""
        if key == "hydra":
            raise UserError(f"{given}: hydra as a whole is not for use here; set keys below it, such as hydra.run.dir")
        if key == "hydra.searchpath":
            raise UserError(f"{given}: name the folder by --config-dir FOLDER")
        if key == "hydra.mode" and not multirun:
            raise UserError(f"{given}: put -m first for a sweep, and leave hydra.mode out")


def check_hydra_values(hydra: DictConfig, multirun: bool) -> None:
    """Reject impossible values of sweepers and launchers.

    Raises:
        UserError: naming the key and what it may be.
    """
    for key in ("run", "sweep", "job", "sweeper", "launcher"):
        if not OmegaConf.is_dict(hydra.get(key)):
            raise UserError(f"hydra.{key} holds keys of its own: set one of them, such as hydra.run.dir")
    if multirun:
        for key, (possible, meant) in _POSSIBLE.items():
            value = _value(hydra, key)
            if value is not None and not possible(value):
                raise UserError(f"hydra.{key} must be {meant}, not {shown(value)}")


def _value(hydra: DictConfig, key: str) -> Any:
    group, _, name = key.partition(".")
    return hydra[group].get(name)


def _within(first: int, last: int, *more: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and (first <= value <= last or value in more)


_PROCESSES = (_within(1, _MOST_PROCESSES, -1), f"-1, one per core, or within 1..{_MOST_PROCESSES}")
_POSSIBLE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "launcher.n_jobs": _PROCESSES,
    "launcher.cpus_per_task": (_within(1, _MOST_PROCESSES), f"within 1..{_MOST_PROCESSES}"),
    "sweeper.at_once": _PROCESSES,
    "sweeper.max_batch_size": (_within(1, 10**7), "at least 1, or null"),
    "sweeper.trials": (_within(1, _MOST_OF_A_SEARCH), f"at least 1 and at most {_MOST_OF_A_SEARCH}"),
    "sweeper.seed": (_within(0, 2**32 - 1), "within 0..2^32 - 1"),
    "sweeper.params": (OmegaConf.is_dict, "keys and their values"),
}
