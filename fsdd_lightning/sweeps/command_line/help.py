"""`fsdd-train --help`: the groups, and the composed config with the comments of its YAML files.

Hydra prints the config without them, and they hold what a value means: units, allowed values, what null does.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from fsdd_lightning.config.load import CONFIG_NAME, config_directory, flat_config
from fsdd_lightning.config.yaml_files import read_yaml
from fsdd_lightning.sweeps.command_line.options import config_folders, group_options
from fsdd_lightning.sweeps.command_line.source import config_files

_WIDTH = 120
_COMMENT_COLUMN = 34
Comments = dict[str, str]  # by dotted key; "" for what a file begins with


def help_text(overrides: Sequence[str], config_dir: str | None) -> str:
    """What hydra.help.template of conf/train.yaml makes of the groups and of the config that `overrides` compose."""
    with config_files(config_dir):
        composed = compose(CONFIG_NAME, overrides=list(overrides), return_hydra_config=True)
    hydra = composed.hydra
    values = OmegaConf.to_container(OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]))
    assert isinstance(values, dict)
    choices = {str(group): option for group, option in hydra.runtime.choices.items()} | _lists(overrides)
    text = str(hydra.help.template)
    groups = "\n".join(_groups(config_dir))
    config = "\n".join(_lines(values, _comments(choices, config_dir), choices))
    return text.replace("$APP_CONFIG_GROUPS", f"{groups}\n").replace("$CONFIG", f"{config}\n")


def _lists(overrides: Sequence[str]) -> dict[str, list[str]]:
    """Several options of a group, callbacks=[default,mine], which Hydra does not note among its choices."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    values = {each.key_or_group: each.value() for each in parsed if not (each.is_delete() or each.is_sweep_override())}
    return {key: [str(name) for name in value] for key, value in values.items() if isinstance(value, list)}


def _groups(config_dir: str | None) -> Iterator[str]:
    for group, options in group_options(config_dir).items():
        indent = f"{group}: "
        yield from textwrap.wrap(indent + ", ".join(options), _WIDTH, subsequent_indent=" " * len(indent))


def _comments(choices: Mapping[str, Any], config_dir: str | None) -> Comments:
    """Of every key that the config may have; of two files the one that Hydra reads later."""
    comments = comments_of(config_directory() / f"{CONFIG_NAME}.yaml")
    for group, option in choices.items():
        for name in [option] if isinstance(option, str) else option or ():
            for prefix, found in _of_option(group, str(name), config_dir):
                comments |= {f"{prefix}.{key}".strip("."): text for key, text in found.items()}
    return comments


def _of_option(group: str, option: str, config_dir: str | None) -> Iterator[tuple[str, Comments]]:
    """The comments of an option's file and, before them, of those that it is made from; with the key they are under."""
    path = next(
        (file for folder in config_folders(config_dir) if (file := folder / group / f"{option}.yaml").is_file()), None
    )
    if path is None:
        return
    text, content = read_yaml(path)
    for base in content.get("defaults") or ():
        if isinstance(base, str) and base != "_self_" and base != option:
            yield from _of_option(group, base, config_dir)
    found = comments_of(path)
    if "@package _global_" in text.partition("\n")[0]:
        yield "", {key: each for key, each in found.items() if key}  # what it is about is no comment of a key
    else:
        yield group.replace("/", "."), found


def comments_of(path: Path) -> Comments:
    """The comments of a YAML file, each as one line: those above a key, and those beside and below its value."""
    text, _ = read_yaml(path)
    lines = text.splitlines()
    head = list(takewhile(lambda line: line.startswith("#"), lines))  # is about the whole file
    about = " ".join(_bare(line) for line in head if not line.startswith("# @package"))
    found = _by_key(dict(enumerate(lines[len(head) :], start=len(head))), dict(_key_lines(yaml.compose(text))))
    return {key: comment for key, comment in {"": about, **found}.items() if comment}


def _by_key(lines: Mapping[int, str], keys: Mapping[int, str]) -> Comments:
    """`lines` and `keys` by line number."""
    comments: Comments = {}
    above: list[str] = []
    last, column = "", 0  # the key whose comment may go on in the next line, and where it began
    for number, line in lines.items():
        comment = _comment(line)
        if number in keys:
            last, column = keys[number], line.find(comment) if comment else len(line)
            comments[last] = " ".join([*above, _bare(comment)]).strip()
            above = []
        elif comment and line.find(comment) >= column and last:
            comments[last] += f" {_bare(comment)}"
        elif comment:
            above.append(_bare(comment))
    return comments


def _key_lines(node: Any, prefix: str = "") -> Iterator[tuple[int, str]]:
    """Line numbers of keys, from 0, with their dotted names."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            yield key.start_mark.line, name
            if isinstance(value, yaml.MappingNode) and not value.flow_style:
                yield from _key_lines(value, f"{name}.")


def _comment(line: str) -> str:
    """From its # on; a # within quotes or within a word begins none."""
    without_quotes = re.sub(r"'[^']*'|\"[^\"]*\"", lambda found: "_" * len(found[0]), line)
    start = re.search(r"(?:^|\s)(#.*)$", without_quotes)
    return "" if start is None else line[start.start(1) :]


def _bare(comment: str) -> str:
    return comment.lstrip("# ").rstrip()


def _lines(values: Mapping[Any, Any], comments: Comments, choices: Mapping[str, Any]) -> Iterator[str]:
    """The config as YAML with its comments; above every group its option."""
    groups: set[str] = set()
    for key, value in flat_config({str(name): each for name, each in values.items()}).items():
        parts = key.split(".")
        for depth in range(1, len(parts)):
            group = ".".join(parts[:depth])
            if group not in groups:
                groups.add(group)
                about = comments.get(group, "")
                option = choices.get(group.replace(".", "/"))
                chosen = f"{option}{': ' if about else ''}" if isinstance(option, str) else ""
                yield from _line(f"{'  ' * (depth - 1)}{parts[depth - 1]}:", chosen + about)
        yield from _line(f"{'  ' * (len(parts) - 1)}{parts[-1]}: {_written(value)}", comments.get(key, ""))


def _written(value: Any) -> str:
    """As YAML, on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _line(text: str, comment: str) -> Iterator[str]:
    """A line with its comment beside it, folded below itself; a long value has its comment above."""
    if not comment:
        yield text
        return
    if len(text) > _WIDTH // 2:
        indent = " " * (len(text) - len(text.lstrip()))
        yield from textwrap.wrap(comment, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        yield text
        return
    column = max(_COMMENT_COLUMN, len(text) + 2)
    first, *others = textwrap.wrap(comment, _WIDTH - column - 2)
    yield f"{text.ljust(column)}# {first}"
    yield from (f"{' ' * column}# {other}" for other in others)
