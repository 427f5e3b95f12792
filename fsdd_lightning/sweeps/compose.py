"""Composes and checks every trial of a command line with Hydra before the first one runs."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fsdd_lightning.config.bounds import path_problem
from fsdd_lightning.config.load import (
    CONFIG_NAME,
    config_from_mapping,
    plain_config,
    refuse_old_durations,
    to_config,
    unknown_key,
)
from fsdd_lightning.config.schema import Config
from fsdd_lightning.errors import UserError, said
from fsdd_lightning.runs.plan import RunPlan, plan_run
from fsdd_lightning.sweeps.command_line.arguments import PROGRAM, Arguments, read_arguments
from fsdd_lightning.sweeps.command_line.hydra_keys import check_hydra_overrides, check_hydra_values
from fsdd_lightning.sweeps.command_line.options import config_folders
from fsdd_lightning.sweeps.command_line.size import MOST_TRIALS, check_size
from fsdd_lightning.sweeps.command_line.slips import check_alone, check_choices, check_globs, unknown_option, unreadable
from fsdd_lightning.sweeps.command_line.source import config_files, config_places

BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
_LONGEST_MESSAGE = 400
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
    with config_errors():
        return _checked(parsed, whole_search, program)


def _checked(parsed: Arguments, whole_search: bool, program: str) -> ComposedSweep:
    overrides = OverridesParser.create().parse_overrides(list(parsed.overrides))
    check_hydra_overrides(overrides, parsed.multirun)
    if not parsed.multirun:
        check_alone(overrides, parsed.words, program)
    composed = compose_trials(parsed.overrides, parsed.multirun, parsed.config_dir, whole_search, parsed.max_trials)
    trials = [(overrides, plan_run(config)) for overrides, config in composed]
    if not parsed.multirun:
        return ComposedSweep(trials, _run_folder(parsed.overrides, parsed.config_dir))
    return ComposedSweep(trials, *_sweep_folder_and_trials(parsed.overrides, parsed.config_dir))


def is_sweep(arguments: Sequence[str]) -> bool:
    """Whether a command line has -m."""
    return read_arguments(arguments).multirun


def _run_folder(overrides: Sequence[str], config_dir: str | None) -> Path | None:
    """Of a single run; None where it is the usual one, which no other run has had. Raises UserError as `_folder`."""
    with config_files(config_dir):
        hydra_config = _hydra_config(overrides)
    check_hydra_values(hydra_config, multirun=False)
    return None if _unresolved(hydra_config, "run").startswith(OUR_RUN_FOLDER) else _folder(hydra_config, "run")


def _unresolved(hydra_config: DictConfig, key: str) -> str:
    """hydra.KEY.dir as it is written."""
    found = OmegaConf.to_container(hydra_config[key], resolve=False)
    assert isinstance(found, dict)
    return str(found["dir"])


def _folder(hydra_config: DictConfig, key: str) -> Path:
    """hydra.KEY.dir.

    Raises:
        UserError: it can't be resolved, or no folder can have that name.
    """
    config = copy.deepcopy(hydra_config._get_root())
    assert isinstance(config, DictConfig)
    try:
        with _as_in_a_run(config):
            folder = str(config.hydra[key].dir)
        if problem := path_problem(folder):
            raise UserError(f"hydra.{key}.dir: {problem}")
        return Path(folder).resolve()
    except (OmegaConfBaseException, OSError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"hydra.{key}.dir={_unresolved(hydra_config, key)} names no folder: {said(error)}") from error


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
    with config_files(config_dir):
        hydra_config = _hydra_config(overrides)
    ours = _unresolved(hydra_config, "sweep") == OUR_SWEEP_FOLDER
    return None if ours else _folder(hydra_config, "sweep"), hydra_config.sweeper.get("trials")


def compose_config(*overrides: str, config_dir: str | None = None) -> Config:
    """The config of one run, as `fsdd-train OVERRIDES` composes it, with the hidden size solved where it is `fit`.

    Raises:
        UserError: an unknown key, a wrong type or an impossible value.
    """
    with hydra_errors():
        ((_, config),) = compose_trials(overrides, multirun=False, config_dir=config_dir)
    return plan_run(config).config


def compose_trials(
    overrides: Sequence[str],
    multirun: bool,
    config_dir: str | None = None,
    whole_search: bool = False,
    most: int = MOST_TRIALS,
) -> Iterator[tuple[list[str], Config]]:
    """The overrides and the config of every trial of a command line, in the order of the sweep.

    An experiment may define a sweep, too, as hydra.sweeper.params; the command line takes precedence. `whole_search`:
    see `check_command`.
    """
    with config_files(config_dir):
        composer = _Composer(config_dir)
        trials = _trials_of(overrides, config_dir, whole_search, most) if multirun else [list(overrides)]
        for trial in trials:
            task = [text for text in trial if not text.lstrip("+~").startswith("hydra")]
            yield task, composer.compose(task)


def _trials_of(overrides: Sequence[str], config_dir: str | None, whole_search: bool, most: int) -> list[list[str]]:
    hydra_config = _hydra_config(overrides)
    check_hydra_values(hydra_config, multirun=True)
    sweeper = hydra_config.sweeper
    params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    swept = parse_sweep([*params, *overrides], config_dir)
    check_size(swept, most)
    if whole_search or sweeper._target_ == BASIC_SWEEPER:
        return _expanded(swept)
    return [_common(overrides)]


def _common(overrides: Sequence[str]) -> list[str]:
    """Overrides with one value for all trials."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [override.input_line or "" for override in parsed if not override.is_sweep_override()]


def _hydra_config(overrides: Sequence[str]) -> DictConfig:
    hydra_config = compose(CONFIG_NAME, overrides=_common(overrides), return_hydra_config=True).hydra
    assert isinstance(hydra_config, DictConfig)
    return hydra_config


class _Composer:
    """Composes as Hydra does, but every combination of groups only once: that takes 100 ms, a changed value 2 ms."""

    def __init__(self, config_dir: str | None) -> None:
        folders = config_folders(config_dir)
        self._groups = {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}
        self._config_dir = config_dir
        self._composed: dict[tuple[str, ...], tuple[DictConfig, dict[str, Any] | None]] = {}

    def compose(self, overrides: list[str]) -> Config:
        parsed = OverridesParser.create().parse_overrides(overrides)
        values = [override for override in parsed if self._only_changes_a_value(override)]
        choices = [override.input_line or "" for override in parsed if override not in values]
        composed, plain = self._of_groups(choices)
        mapping = None if plain is None else _with_values(plain, values)
        if mapping is not None:
            return config_from_mapping(mapping)
        config = copy.deepcopy(composed)
        refuse_old_durations({"features": _with_overrides(config, "features.", values)})
        ConfigLoaderImpl._apply_overrides_to_config(values, config)  # Hydra's own last step, too
        return to_config(config)

    def _only_changes_a_value(self, override: Override) -> bool:
        plain = override.type == OverrideType.CHANGE and override.package is None
        return plain and override.key_or_group not in self._groups

    def _of_groups(self, choices: list[str]) -> tuple[DictConfig, dict[str, Any] | None]:
        """The config, and the same as plain data where nothing in it refers to another value."""
        key = tuple(choices)
        if key not in self._composed:
            check_choices(OverridesParser.create().parse_overrides(choices), self._config_dir)
            composed = compose(CONFIG_NAME, overrides=choices)
            unresolved = OmegaConf.to_container(composed)
            text = json.dumps(unresolved, default=str)
            refers = "${" in text or "???" in text
            self._composed[key] = composed, None if refers else plain_config(composed)
        return self._composed[key]


def _with_values(plain: dict[str, Any], values: Sequence[Override]) -> dict[str, Any] | None:
    """A config with single values changed; None where that is a matter for Hydra: lists, references, unknown keys."""
    changed = dict(plain)
    for override in values:
        *groups, name = override.key_or_group.split(".")
        value, inside = override.value(), changed
        if not isinstance(value, str | int | float | None) or (isinstance(value, str) and {"$", "?"} & set(value)):
            return None
        for group in groups:
            if not isinstance(inside.get(group), dict):
                return None
            inside[group] = dict(inside[group])
            inside = inside[group]
        if name not in inside or isinstance(inside[name], dict | list):
            return None
        inside[name] = value
    return changed


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
    return _expanded(parse_sweep(overrides, config_dir))


def parse_sweep(overrides: Sequence[str], config_dir: str | None) -> list[Override]:
    """The overrides, of which a glob knows what there is."""
    loader = ConfigLoaderImpl(config_places(config_dir))
    parsed = OverridesParser.create(loader).parse_overrides(list(overrides))
    check_globs(parsed, config_dir)
    return parsed


def _expanded(parsed: list[Override]) -> list[list[str]]:
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


@contextmanager
def config_errors() -> Iterator[None]:
    """The same, and all else that goes wrong while nothing but configs are read: they are the user's."""
    try:
        with hydra_errors():
            yield
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key or 'config'}: {said(error)[:_LONGEST_MESSAGE]}") from error
    except RecursionError as error:
        raise UserError(
            "config: something leads back to itself, or is nested too deeply: defaults of your files, or ${...}"
        ) from error
    except (ValueError, AssertionError, TypeError, AttributeError, KeyError) as error:  # Hydra has no own for some
        raise UserError(_of_value_error(error)) from error


def _of_value_error(error: Exception) -> str:
    message = said(error)[:_LONGEST_MESSAGE]
    if "Config group override must be" in message:
        return "GROUP=null: a group takes an option or a list of them; ~GROUP leaves it out"
    if "integer string conversion" in message:
        return "config: an integer of thousands of digits is too large"
    return f"config: Hydra can't compose this ({message})"


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
    option = re.search(r"(?:In '([^']+)': )?Could not (?:find|load) '([^']+)'", message)
    if option:
        place = f"{option[1]}.yaml, in its defaults: " if option[1] not in (None, CONFIG_NAME) else ""
        return place + _unknown_option(option[2], message)
    whole = " ".join(line.strip() for line in message.splitlines() if line.strip())
    return whole.partition(" Config search path:")[0][:_LONGEST_MESSAGE]


def _unknown_option(option: str, message: str) -> str:
    listed = message.partition("Available options in")[2].partition("Config search path")[0].splitlines()[1:]
    names = [line.strip() for line in listed if line.strip()]
    group, _, name = option.rpartition("/")
    return unknown_option(group, name, names)
