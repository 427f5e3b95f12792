"""From Hydra's composed config to `Config`: impossible values are rejected before anything is loaded."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from fsdd_lightning.config.durations import OLD_KEYS, answers_for_old_keys, with_durations
from fsdd_lightning.config.earlier_tools import with_tool_groups
from fsdd_lightning.config.resources import run_problem
from fsdd_lightning.config.schema import Config
from fsdd_lightning.config.tools import OPEN_GROUPS, RUN_FOLDER, deciding_callbacks
from fsdd_lightning.config.trainer import REFUSED
from fsdd_lightning.errors import UserError, said
from fsdd_lightning.escaping import visible

CONFIG_NAME = "train"
# Keys that name or display an experiment without changing its results.
PRESENTATION = {"name": (), "output_root": (), "fail_fast": (), "quiet": (), "logger": (),
                "data": ("root", "cache_dir", "archive_url", "others"),
                # and any other of Lightning's callbacks that only watches, see `deciding`
                "callbacks": ("progress_bar", "model_summary", "learning_rate_monitor", "device_stats_monitor"),
                "trainer": ("num_sanity_val_steps", "log_every_n_steps", "enable_progress_bar", "enable_model_summary",
                            "profiler", "detect_anomaly", "inference_mode")}  # fmt: skip
# Keys of earlier versions: a command line that uses one is answered with the new name, an old record is read with it.
RENAMED_KEYS = {
    "augmentation": "feature_augmentation",
    "perturbation": "waveform_augmentation",
    "trainer.epochs": "trainer.max_epochs",
    "trainer.gradient_clip": "trainer.gradient_clip_val",
    "trainer.keep": "training.checkpoint",
    "trainer.threads": "torch_threads",
    "trainer.batch_size": "training.batch_size",
    "trainer.label_smoothing": "training.label_smoothing",
    "trainer.weight_averaging": "training.weight_averaging",
    "trainer.checkpoint": "training.checkpoint",
    "trainer.learning_rate": "optimizer.lr",
    "trainer.weight_decay": "optimizer.weight_decay",
    "callbacks.early_stopping_patience": "callbacks.early_stopping.patience",
    "without": "ablation",
    "search": "hparams_search",
}
NO_SPEECH = {
    "name": "none",
    "share": 0.0,
    "takes": 1,
    "copies": 1,
    "seed": 0,
    "words": [],
    "english": ["en"],
    "accented_share": 0.0,
    "accents": {},
}
# Keys that earlier records lack, with what holds for those runs.
ADDED_KEYS = {
    "data.others": [],
    "data.layout": "fsdd",
    "data.labels": list("0123456789"),
    "data.other": [],
    "data.noise": 0,
    "data.speaker_pattern": None,
    "evaluation": {"unheard_speaker": None},
    "export": {"target": "auto"},
    "features.kind": "mfcc",
    "listener": None,
    "memory_budget.front_end": True,
    "quiet": False,
    "split.train_speakers": None,
    "waveform_augmentation.babble_share": 0.0,
    "waveform_augmentation.endpointed": False,
    "waveform_augmentation.slack_frames": 0,
    "text_to_speech": NO_SPEECH,
}
_RENAMED_VALUES = {("training.checkpoint", "best_epoch"): "best", ("training.checkpoint", "last_epoch"): "last"}
_LONGEST_FOLDER_NAME = 120
_LONGEST_SHOWN = 200
_MOST_ANSWERS = 8
OF_THE_SWEEP = ("name=", "output_root=", "fail_fast=", "quiet=", "data.others=")  # overrides that are no trial's own
# What pydantic's types of errors allow; the other messages begin with "Input should be ".
_BOUNDS = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "at least {min_length} character long",
    "string_too_long": "at most {max_length} characters long",
    "too_short": "at least {min_length} long",
    "too_long": "at most {max_length} long",
}
# pydantic's, of values that may have several types, and the kinds of features; none is a config key. Others have a [.
_TYPE_NAMES = (*("bool", "constrained-float"), *("int", "constrained-int", "str", "mfcc", "integer"))


def config_directory() -> Path:
    """The folder of YAML files: inside an installed package, beside the package in a source checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def register_resolvers() -> None:
    """Make `${config_hash:}` and `${run_name:}` known, which name run folders, and `${run_folder:}`, for loggers."""
    OmegaConf.register_new_resolver("config_hash", lambda *, _root_: _hash_of_root(_root_)[:8], replace=True)
    OmegaConf.register_new_resolver("run_folder", lambda: RUN_FOLDER, replace=True)
    OmegaConf.register_new_resolver("run_name", lambda *, _root_: run_name(_root_.hydra.overrides.task), replace=True)


def _hash_of_root(root: DictConfig) -> str:
    bare = OmegaConf.masked_copy(root, [str(key) for key in root if key != "hydra"])
    return content_hash(plain_config(bare))


def run_name(overrides: Sequence[str]) -> str:
    """A folder name for a trial of a sweep: its overrides, without those that concern the sweep as a whole.

    Keys are as short as they are unambiguous, and stay whole. If characters had to be replaced or values cut, a hash of
    the overrides keeps different trials apart. A comma within an override is replaced, too: it would look like the
    comma between two overrides.
    """
    kept = [short_override(text) for text in overrides if not text.startswith(OF_THE_SWEEP)]
    safe = [re.sub(r"[^\w.=+\-\[\]]", "_", text, flags=re.ASCII) for text in kept]
    name = ",".join(safe) or "defaults"
    if safe == kept and len(name) <= _LONGEST_FOLDER_NAME and name.strip("."):
        return name
    digest = hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:8]
    return f"{_cut(safe)}-{digest}"


def short_override(override: str) -> str:
    """`hidden_size=16` for `model.hidden_size=16`: of the dotted key what tells it from all others."""
    key, equals, value = override.partition("=")
    bare = key.lstrip("+~")
    return f"{key.removesuffix(bare)}{_short_keys().get(bare, bare)}{equals}{value}"


@cache
def _short_keys() -> dict[str, str]:
    parts = {key: key.split(".") for key in config_keys()}
    ends = Counter(".".join(words[at:]) for words in parts.values() for at in range(len(words)))
    endings = {key: [".".join(words[at:]) for at in range(len(words))] for key, words in parts.items()}
    return {key: next((end for end in reversed(found) if ends[end] == 1), key) for key, found in endings.items()}


def _cut(parts: Sequence[str]) -> str:
    """With values so short that a hash has room beside them; keys alone may take twice that room."""
    pairs = [text.partition("=") for text in parts]
    for width in range(max(len(value) for _, _, value in pairs), 0, -1):
        name = ",".join(f"{key}{equals}{value[:width]}" for key, equals, value in pairs)
        if len(name) <= _LONGEST_FOLDER_NAME - 9:
            return name
    return ",".join(f"{key}{equals}{value[:3]}" for key, equals, value in pairs)[: 2 * _LONGEST_FOLDER_NAME - 9]


def content_hash(config: dict[str, Any]) -> str:
    """SHA-256 over all that influences the results of an experiment; names, folders and displays are left out."""
    return hashlib.sha256(json.dumps(deciding(config), sort_keys=True).encode()).hexdigest()


def deciding(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a config that influences the results of an experiment."""
    kept = {}
    for key, value in config.items():
        hidden = PRESENTATION.get(key)
        if key == "callbacks":
            kept[key] = deciding_callbacks(value)
        elif hidden is None:
            kept[key] = value
        elif hidden:
            kept[key] = {inner: v for inner, v in value.items() if inner not in hidden}
    return kept


def flat_config(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value of a nested mapping by its dotted key; one whose own keys are a user's is a value."""
    rows: dict[str, Any] = {}
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        group = isinstance(value, dict) and (name in OPEN_GROUPS or name not in _open_mappings())
        rows |= flat_config(value, f"{name}.") if group else {name: value}
    return rows


@cache
def _open_mappings() -> frozenset[str]:
    return frozenset(key for key, type_ in config_types().items() if get_origin(type_) is dict)


def plain_config(config: DictConfig) -> dict[str, Any]:
    """A composed config as plain data, with every ${...} resolved.

    Raises:
        UserError: one that refers to nothing, or a value that is missing.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key or 'config'}: {said(error)[:_LONGEST_SHOWN]}") from error
    assert isinstance(plain, dict)
    for group in ("callbacks", "logger"):  # callbacks=[], logger=null: none
        plain[group] = plain.get(group) or {}
    return {str(key): value for key, value in plain.items()}


def to_config(config: DictConfig) -> Config:
    """Check a composed config (without its `hydra` node).

    Raises:
        UserError: naming every unknown key (with the nearest valid one), wrong type and impossible value.
    """
    return config_from_mapping(plain_config(config))


def config_from_mapping(mapping: dict[str, Any]) -> Config:
    """Like `to_config`, for the plain mapping that a run record holds."""
    refuse_old_durations(mapping)
    try:
        config = _adapter().validate_json(json.dumps(mapping))
    except ValidationError as error:
        raise UserError(_first_of(_explain_all(error.errors()))) from error
    if (problem := run_problem(config)) is not None:
        raise UserError(problem)
    return config


def with_current_keys(mapping: dict[str, Any]) -> dict[str, Any]:
    """The config of an earlier version's run under today's keys; a current config is returned unchanged."""
    current = {key: dict(value) if isinstance(value, dict) else value for key, value in mapping.items()}
    current = with_tool_groups(current)
    for old, new in RENAMED_KEYS.items():
        before, after = _holder(current, old), _holder(current, new)
        old_name, new_name = old.rpartition(".")[2], new.rpartition(".")[2]
        if before is not None and after is not None and old_name in before and new_name not in after:
            value = before.pop(old_name)
            hashable = isinstance(value, str)
            after[new_name] = _RENAMED_VALUES.get((new, value), value) if hashable else value
    for key, value in ADDED_KEYS.items() if "features" in current else ():
        holder = _holder(current, key)
        if holder is not None:
            holder.setdefault(key.rpartition(".")[2], value)
    if isinstance(current.get("features"), dict):
        current["features"] = with_durations(current["features"])
    return current


def refuse_old_durations(mapping: Mapping[str, Any]) -> None:
    """Raises UserError where a config has its features' lengths in samples or frames, with what they are called now."""
    features = mapping.get("features")
    answers = list(answers_for_old_keys(features)) if isinstance(features, dict) else []
    if answers:
        raise UserError("; ".join(answers))


def _holder(mapping: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The mapping in which the last part of a dotted key is looked up."""
    group = key.rpartition(".")[0]
    holder = mapping.get(group) if group else mapping
    return holder if isinstance(holder, dict) else None


def config_to_mapping(config: Config) -> dict[str, Any]:
    """Plain JSON types; the inverse of `config_from_mapping`."""
    mapping = _adapter().dump_python(config, mode="json", warnings=False)
    assert isinstance(mapping, dict)
    return mapping


@cache
def _adapter() -> TypeAdapter[Config]:
    return TypeAdapter(Config)


def _first_of(answers: Sequence[str]) -> str:
    """On one line that can be read; what is left out is found once the others are mended."""
    kept = answers[:_MOST_ANSWERS]
    more = f"; and {len(answers) - len(kept)} more" if len(answers) > len(kept) else ""
    return "; ".join(kept) + more


def _explain_all(problems: Sequence[Any]) -> list[str]:
    """One text per key: pydantic reports a value that may have several types once per type."""
    answers: dict[str, str] = {}
    for problem in problems:
        key = ".".join(str(part) for part in problem["loc"] if not _is_type(part))
        if key in answers:
            answers[key] = answers[key].replace(", not ", f" or {_allowed(problem)}, not ", 1)
        else:
            answers[key] = _explain(problem, key)
    return list(answers.values())


def _is_type(part: int | str) -> bool:
    """Of pydantic's path to a value: which of several types it tried."""
    return part in _TYPE_NAMES or "[" in str(part)


def _explain(problem: Any, key: str) -> str:
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return unknown_key(key)
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] == "json_invalid":
        return "a text holds bytes that are no UTF-8: name things otherwise, or use such a locale, LC_ALL=C.UTF-8"
    if problem["type"] == "union_tag_not_found":
        return f"{key}.kind is missing"
    if problem["type"] == "union_tag_invalid":
        return f"{key}.kind must be one of {problem['ctx']['expected_tags']}, not {problem['ctx']['tag']!r}"
    if problem["type"] == "value_error":  # a check of a group, whose message names its keys
        message = problem["msg"].removeprefix("Value error, ")
        return f"{key}: {message}" if key else message
    if problem["type"] == "dict_type" and key.partition(".")[0] in OPEN_GROUPS:
        return f"{key} must be a _target_ and its arguments, or null, not {shown(problem['input'])}"
    return f"{key} must be {_allowed(problem)}, not {shown(problem['input'])}"


def shown(value: object) -> str:
    """A value as a message shows it: on one line, and cut where it is long."""
    text = visible(repr(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def _allowed(problem: Any) -> str:
    bound = _BOUNDS.get(problem["type"])
    return bound.format(**problem["ctx"]) if bound else problem["msg"].removeprefix("Input should be ")


def unknown_key(key: str) -> str:
    """One line on a key that does not exist, with its new name, the nearest existing key, or the keys of its group."""
    for old, new in RENAMED_KEYS.items():
        if key == old or key.startswith(f"{old}."):
            return f"{key!r} is called {new + key.removeprefix(old)!r} now"
    group, _, name = key.rpartition(".")
    if group == "features" and name in OLD_KEYS:
        return f"{key!r} is called 'features.{OLD_KEYS[name][0]}' now"
    keys = list(config_keys())
    alike = [other for other in keys if ("." in other) == ("." in key)]
    top, _, inner = key.partition(".")
    if top == "trainer" and inner in REFUSED:
        return f"{key} is not for use here: {REFUSED[inner]}"
    if top in OPEN_GROUPS and inner and key not in config_types():
        return _unknown_tool_key(key, top)
    if key in keys:
        return f"{key} is no key of the option chosen for {group or top}: choose another one, or add it as +{key}"
    close = difflib.get_close_matches(key, alike, n=1, cutoff=0.75)
    if close:
        return f"unknown config key {key!r}; did you mean {close[0]!r}?"
    last = {other.rpartition(".")[2] for other in keys if "." in other}
    meant = difflib.get_close_matches(key, last, n=1, cutoff=0.85)  # written without its group
    if meant:
        found = [repr(other) for other in keys if other.rpartition(".")[2] == meant[0]]
        found += [repr(new) for old, new in RENAMED_KEYS.items() if "." in old and old.rpartition(".")[2] == meant[0]]
        return f"unknown config key {key!r}; did you mean {' or '.join(found)}?"
    within = [other for other in keys if other.rpartition(".")[0] == group]
    place = f"group {group!r}" if group and within else "the config"
    choices = [other.rpartition(".")[2] for other in within] or [other for other in keys if "." not in other]
    return f"unknown config key {key!r}; {place} holds {', '.join(choices)}"


def _unknown_tool_key(key: str, group: str) -> str:
    """An argument of a tool that is not there: misspelt, or to be added, or of an option that was not chosen."""
    close = difflib.get_close_matches(key, [other for other in config_keys() if other.startswith(f"{group}.")], n=1)
    if close:
        return f"unknown config key {key!r}; did you mean {close[0]!r}? (+{key} adds an argument)"
    options = sorted(path.stem for path in (config_directory() / group).glob("*.yaml"))
    return f"unknown config key {key!r}: choose {group}=... first ({', '.join(options)}), or add it as +{key}"


def config_keys() -> Iterator[str]:
    """All dotted names of config keys, of every kind of features: name, seed, data, data.name, ..."""
    yield from config_types()


def config_types(cls: type = Config, prefix: str = "") -> dict[str, Any]:
    """The type of every config key by its dotted name."""
    types = get_type_hints(cls)
    found: dict[str, Any] = {}
    for name in types if is_typeddict(cls) else (field.name for field in dataclasses.fields(cls)):
        found[prefix + name] = types[name]
        for each in (types[name], *get_args(types[name])):  # a group, or the kinds of one
            if is_typeddict(each) or (isinstance(each, type) and dataclasses.is_dataclass(each)):
                found |= config_types(each, f"{prefix}{name}.")
    return found
