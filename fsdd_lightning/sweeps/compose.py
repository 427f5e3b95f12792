"""Composes and checks every trial of a command line with Hydra before the first one runs."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fsdd_lightning.config.load import (
    CONFIG_NAME,
    config_directory,
    refuse_old_durations,
    register_resolvers,
    to_config,
    unknown_key,
)
from fsdd_lightning.config.schema import Config
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.plan import RunPlan, plan_run
from fsdd_lightning.sweeps.command_line.arguments import PROGRAM, read_arguments
from fsdd_lightning.sweeps.command_line.options import config_folders
from fsdd_lightning.sweeps.command_line.slips import check_alone, check_choices, check_globs, unknown_option, unreadable

BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
JOB_NAME, _COMPOSED_NAME = "task", "app"  # how Hydra calls what runs, after the module of run_trial, and in `compose`
OUR_RUN_FOLDER = "${output_root}/single/${now:%Y-%m-%d_%H-%M-%S.%f}"  # the beginning of hydra.run.dir there
OUR_SWEEP_FOLDER = "${output_root}/${name}"  # hydra.sweep.dir of conf/train.yaml


@dataclass(frozen=True)
class ComposedSweep:
    """Overrides and plan of all trials in the order of the command line.

    `folder`: set where hydra.sweep.dir is changed, or hydra.run.dir of a single run; `to_train`: how many of its trials
    a search trains, None for others.
    """

    trials: list[tuple[list[str], RunPlan]]
    folder: Path | None
    to_train: int | None = None


def check_command(arguments: Sequence[str], whole_search: bool = False, program: str = PROGRAM) -> ComposedSweep:
    """Reject a command line of which any trial has an unknown key, a wrong type or an impossible value.

    A trial that does not fit its memory budget is not wrong: it is recorded as over budget when its turn comes. With
    --help and the like there are no trials, for a single run there is one. The trials of a search are known only later:
    with `whole_search` all that it may choose from, otherwise one with the overrides that all of them share.
    """
    parsed = read_arguments(arguments, program)
    if parsed.is_question:
        return ComposedSweep([], None)
    if not parsed.multirun:
        check_alone(OverridesParser.create().parse_overrides(list(parsed.overrides)), parsed.words, program)
    composed = compose_trials(parsed.overrides, parsed.multirun, parsed.config_dir, whole_search)
    trials = [(overrides, plan_run(config)) for overrides, config in composed]
    if not parsed.multirun:
        return ComposedSweep(trials, _run_folder(parsed.overrides, parsed.config_dir))
    return ComposedSweep(trials, *_sweep_folder_and_trials(parsed.overrides, parsed.config_dir))


def is_sweep(arguments: Sequence[str]) -> bool:
    """Whether a command line has -m."""
    return read_arguments(arguments).multirun


def _run_folder(overrides: Sequence[str], config_dir: str | None) -> Path | None:
    """Of a single run; None where it is the usual one, which no other run has had.

    Raises:
        UserError: hydra.run.dir can't be resolved.
    """
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = copy.deepcopy(_hydra_config(overrides, config_dir)._get_root())
    assert isinstance(config, DictConfig)
    unresolved = OmegaConf.to_container(config.hydra.run, resolve=False)
    assert isinstance(unresolved, dict)
    if str(unresolved["dir"]).startswith(OUR_RUN_FOLDER):
        return None
    try:
        with _as_in_a_run(config):
            return Path(config.hydra.run.dir).resolve()
    except (OmegaConfBaseException, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"hydra.run.dir={unresolved['dir']} names no folder: {reason}") from error


@contextmanager
def _as_in_a_run(config: DictConfig) -> Iterator[None]:
    """With what Hydra sets before it resolves the folder of a run."""
    if config.hydra.job.name == _COMPOSED_NAME:
        config.hydra.job.name = JOB_NAME
    known: Any = HydraConfig.instance()
    before, known.cfg = known.cfg, config  # set_config would make it read-only
    try:
        yield
    finally:
        known.cfg = before


def _sweep_folder_and_trials(overrides: Sequence[str], config_dir: str | None) -> tuple[Path | None, int | None]:
    """No folder where it is the usual one, which depends on a trial's own config; no trials without a search."""
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        hydra_config = _hydra_config(overrides, config_dir)
    unresolved = OmegaConf.to_container(hydra_config.sweep, resolve=False)
    assert isinstance(unresolved, dict)
    ours = unresolved["dir"] == OUR_SWEEP_FOLDER
    return None if ours else Path(hydra_config.sweep.dir).resolve(), hydra_config.sweeper.get("trials")


def compose_config(*overrides: str, config_dir: str | None = None) -> Config:
    """The config of one run, as `fsdd-train OVERRIDES` composes it, with the hidden size solved where it is `fit`.

    Raises:
        UserError: an unknown key, a wrong type or an impossible value.
    """
    register_resolvers()
    with hydra_errors():
        ((_, config),) = compose_trials(overrides, multirun=False, config_dir=config_dir)
    return plan_run(config).config


def compose_trials(
    overrides: Sequence[str], multirun: bool, config_dir: str | None = None, whole_search: bool = False
) -> Iterator[tuple[list[str], Config]]:
    """The overrides and the config of every trial of a command line, in the order of the sweep.

    An experiment may define a sweep, too, as hydra.sweeper.params; the command line takes precedence. `whole_search`:
    see `check_command`.
    """
    composer = _Composer(config_dir)
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        trials = _trials_of(overrides, config_dir, whole_search) if multirun else [list(overrides)]
        for trial in trials:
            task = [text for text in trial if not text.lstrip("+~").startswith("hydra")]
            yield task, to_config(composer.compose(task))


def _trials_of(overrides: Sequence[str], config_dir: str | None, whole_search: bool) -> list[list[str]]:
    sweeper = _hydra_config(overrides, config_dir).sweeper
    if whole_search or sweeper._target_ == BASIC_SWEEPER:
        params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
        return expand_sweep([*params, *overrides], config_dir)
    return [_common(overrides)]


def _common(overrides: Sequence[str]) -> list[str]:
    """Overrides with one value for all trials."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [override.input_line or "" for override in parsed if not override.is_sweep_override()]


def _hydra_config(overrides: Sequence[str], config_dir: str | None) -> DictConfig:
    choices = [*_common(overrides), *_search_path(config_dir)]
    hydra_config = compose(CONFIG_NAME, overrides=choices, return_hydra_config=True).hydra
    assert isinstance(hydra_config, DictConfig)
    return hydra_config


def _search_path(config_dir: str | None) -> list[str]:
    return [] if config_dir is None else [f"hydra.searchpath=[file://{Path(config_dir).resolve()}]"]


class _Composer:
    """Composes as Hydra does, but every combination of groups only once: that takes 100 ms, a changed value 5 ms."""

    def __init__(self, config_dir: str | None) -> None:
        folders = config_folders(config_dir)
        self._groups = {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}
        self._config_dir, self._search_path = config_dir, _search_path(config_dir)
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def compose(self, overrides: list[str]) -> DictConfig:
        parsed = OverridesParser.create().parse_overrides(overrides)
        values = [override for override in parsed if self._only_changes_a_value(override)]
        choices = [override.input_line or "" for override in parsed if override not in values]
        config = copy.deepcopy(self._of_groups(choices))
        refuse_old_durations({"features": _with_overrides(config, "features.", values)})
        ConfigLoaderImpl._apply_overrides_to_config(values, config)  # Hydra's own last step, too
        return config

    def _only_changes_a_value(self, override: Override) -> bool:
        plain = override.type == OverrideType.CHANGE and override.package is None
        return plain and override.key_or_group not in self._groups

    def _of_groups(self, choices: list[str]) -> DictConfig:
        key = tuple(choices)
        if key not in self._composed:
            check_choices(OverridesParser.create().parse_overrides(choices), self._config_dir)
            self._composed[key] = compose(CONFIG_NAME, overrides=choices + self._search_path)
        return self._composed[key]


def _with_overrides(config: DictConfig, prefix: str, values: Sequence[Override]) -> dict[str, Any]:
    """A group's values, and those that overrides would set, also where there is no such key."""
    group = OmegaConf.to_container(config[prefix.removesuffix(".")])
    assert isinstance(group, dict)
    changed = {each.key_or_group: each.value() for each in values if each.key_or_group.startswith(prefix)}
    return {str(key): value for key, value in group.items()} | {
        key.removeprefix(prefix): value for key, value in changed.items()
    }


def expand_sweep(overrides: Sequence[str], config_dir: str | None = None) -> list[list[str]]:
    """All combinations of comma-separated values and of what a glob matches, as Hydra's own sweeper makes them."""
    search_path = create_config_search_path(str(config_directory()))
    if config_dir is not None:
        search_path.append("command-line", f"file://{Path(config_dir).resolve()}")
    parser = OverridesParser.create(ConfigLoaderImpl(search_path))  # a glob asks the loader what there is
    parsed = parser.parse_overrides(list(overrides))
    check_globs(parsed, config_dir)
    batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return [trial for batch in batches for trial in batch]


@contextmanager
def hydra_errors() -> Iterator[None]:
    """Turn Hydra's errors about a command line into one line."""
    try:
        yield
    except OverrideParseException as error:
        raise UserError(unreadable(error.override)) from error
    except HydraException as error:
        raise UserError(_one_line(str(error))) from error
    except ValueError as error:
        if "Config group override must be" not in str(error):
            raise
        raise UserError("GROUP=null: a group takes an option or a list of them; ~GROUP leaves it out") from error


def _one_line(message: str) -> str:
    missing_key = re.search(r"Could not override '([^']+)'", message)
    if missing_key:
        return unknown_key(missing_key[1])
    appended = re.search(r"Could not append to config. An item is already at '([^']+)'", message)
    if appended:
        return f"{appended[1]!r} exists already: write it without the +"
    twice = re.search(r"Multiple values for (\S+)\. To override a value use", message)
    if twice:
        return f"{twice[1]!r} has an option already: write it without the +"
    option = re.search(r"(?:In '[^']+': )?Could not find '([^']+)'", message)
    if option:
        return _unknown_option(option[1], message)
    return " ".join(line.strip() for line in message.splitlines() if line.strip())


def _unknown_option(option: str, message: str) -> str:
    listed = message.partition("Available options in")[2].partition("Config search path")[0].splitlines()[1:]
    names = [line.strip() for line in listed if line.strip()]
    group, _, name = option.rpartition("/")
    return unknown_option(group, name, names)
