"""The commonest slips in overrides, each answered in one line with what was meant."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import get_args, get_origin

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from fsdd_lightning.config.load import config_directory, config_keys, config_types
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.command_line.options import group_options

COMMANDS = ("train", "plan", "evaluate", "predict", "export", "report", "record", "listen")
_LONGEST_WORD, _MOST_VALUES = 20_000, 1000  # Hydra's parser takes seconds for some thousand values
_LONGEST_SHOWN = 200
_BUDGETS = "memory_budget"
_SIZE = re.compile(r"(?:kb)?(?P<count>\d+(?:\.\d+)?) ?(?P<unit>b|bytes?|kb?|kib|mb?|mib)?", re.IGNORECASE)
_RANGE = re.compile(r"(?P<key>[\w.]+)=(?P<first>\d+)(?:\.{2,3}|-|:)(?P<last>\d+)")
_UNITS = {"b": 1, "k": 1024, "m": 1024**2}


def check_words(words: Sequence[str], program: str, config_dir: str | None) -> None:
    """Reject words that can't be overrides.

    Raises:
        UserError: a space around an equals sign or after a comma, or a word without an equals sign.
    """
    for at, word in enumerate(words):
        if len(word) > _LONGEST_WORD or word.count(",") > _MOST_VALUES:
            raise UserError(
                f"{word[:60]!r}...: an override has at most {_LONGEST_WORD:,} characters and {_MOST_VALUES:,} commas: "
                "write range(FIRST,END), or a file for --config-dir"
            )
        after = words[at + 1] if at + 1 < len(words) else ""
        bare = after and "=" not in after.strip("=")
        if word.startswith("=") or (bare and word.endswith("=")) or (after.startswith("=") and "=" not in word):
            first = max(at - 1, 0) if word.startswith("=") else at
            raise UserError(f"no spaces around the equals sign: write {_joined(words[first : first + 3])}")
        if bare and word.endswith(",") and not after.startswith("="):
            raise UserError(f"no spaces after commas: write {word}{after}")
        if "=" not in word and not word.startswith("~"):
            raise UserError(_not_an_override(word, after, program, config_dir))
        span = _RANGE.fullmatch(word)
        if span is not None and int in (type_ := config_types().get(span["key"]), *get_args(type_)):
            raise UserError(f"{word}: a range is written {span['key']}=range({span['first']},{int(span['last']) + 1})")


def _joined(words: Sequence[str]) -> str:
    """`seed = 3`, `seed= 3` or `seed =3` without spaces, and without the word that follows."""
    text = words[0]
    for word in words[1:]:
        if not (text.endswith("=") or word.startswith("=")):
            break
        text += word
    return text


def _not_an_override(word: str, after: str, program: str, config_dir: str | None) -> str:
    name = word.lower()
    options = group_options(config_dir)
    choices = [f"{group}={name}" for group, files in options.items() if name in files]
    group, _, option = name.replace("/", ".").rpartition(".")
    choices += [f"{group}={option}"] if option in options.get(group, ()) else []
    if choices:
        return f"{word!r} is no override; did you mean {' or '.join(_experiments_first(choices))}?"
    command = name.removeprefix("fsdd-")
    if command in COMMANDS:
        return f"{word!r} is no override of {program}; did you mean the command fsdd-{command}?"
    key, colon, value = word.partition(":")
    if key in {*config_keys(), *options}:
        given = value if colon else after if after and "=" not in after else "VALUE"
        return f"can't read the override {word!r}: write {key}={given}"
    names = {option: group for group, files in options.items() for option in files}
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    hint = f", such as {names[close[0]]}={close[0]}" if close else ""
    return f"can't read the override {word!r}: write key=value{hint}"


def _experiments_first(choices: Iterable[str]) -> list[str]:
    return sorted(choices, key=lambda choice: not choice.startswith("experiment="))


def check_alone(overrides: Sequence[Override], words: Sequence[str], program: str) -> None:
    """Reject several values without -m.

    Raises:
        UserError: with the command line of the sweep.
    """
    for override in overrides:
        if override.is_sweep_override():
            sweep = shlex.join([program, "-m", *words])
            listed = f"; for a list: {_as_list(override)}" if _takes_list(override) else ""
            raise UserError(f"did you mean a sweep? put -m first: {sweep}{listed}")


def _takes_list(override: Override) -> bool:
    type_ = config_types().get(override.key_or_group)
    return any(get_origin(each) in (tuple, list) for each in (type_, *get_args(type_)))


def _as_list(override: Override) -> str:
    key, _, values = (override.input_line or "").partition("=")
    return shlex.quote(f"{key}=[{values}]")


def check_choices(overrides: Sequence[Override], config_dir: str | None) -> None:
    """Reject as the option of a group what is no name: a number, on which Hydra breaks down, or null.

    Raises:
        UserError: with the nearest option.
    """
    options = group_options(config_dir)
    for override in overrides:
        group = override.key_or_group
        if group not in options or override.is_sweep_override() or override.is_delete():
            continue
        value = override.value()
        if value is None:
            raise UserError(f"{group}=null: a group takes an option or a list of them; ~{group} leaves it out")
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise UserError(f"{override.input_line}: the options of a list are names ({', '.join(options[group])})")
        if isinstance(value, int | float | dict):
            raise UserError(unknown_option(group, override.get_value_element_as_str(), list(options[group])))


def check_globs(overrides: Sequence[Override], config_dir: str | None) -> None:
    """Reject a glob that chooses nothing.

    Raises:
        UserError: naming the options that there are.
    """
    for override in overrides:
        if override.is_sweep_override() and "glob(" in (override.input_line or ""):
            group = override.key_or_group
            options = group_options(config_dir).get(group)
            if options is None:
                raise UserError(f"{override.input_line}: glob(...) chooses options of a group, and {group} is none")
            if not list(override.sweep_string_iterator()):
                raise UserError(f"{override.input_line} matches no option (there are: {', '.join(options)})")


def unreadable(override: str) -> str:
    """One line on an override that Hydra's grammar does not allow."""
    override = override if len(override) <= _LONGEST_SHOWN else f"{override[:_LONGEST_SHOWN]}..."
    key, _, value = override.partition("=")
    if key[:1] in ("'", '"'):
        return f"can't read the override {override!r}: one pair of quotes is enough: write {override.strip(key[0])}"
    if value.startswith("="):
        return f"can't read the override {override!r}: write {key}={value.lstrip('=')}"
    if re.search(r"\s[\w./@+~]+=", value):
        return f"can't read the override {override!r}: every key=value is a word of its own, with quotes of its own"
    if re.search(r"[^\w\s,.\-+/]", value) and not re.search(r"[\"'\[{(]", value[:1]) and '"' not in value:
        quoted = shlex.quote(f'{key}="{value}"')
        return f"can't read the override {override!r}: write key=value, and special characters in quotes: {quoted}"
    return f"can't read the override {override!r}: write key=value"


def unknown_option(group: str, name: str, names: Sequence[str]) -> str:
    """One line on an option that a group lacks; `names`: those that it has."""
    size = _bytes(name) if group == _BUDGETS else None
    if size is not None:
        return _unknown_budget(name, size, names)
    by_case = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), by_case, n=1)
    hint = f"; did you mean {group}={by_case[close[0]]}?" if close else ""
    choices = f" (there are: {', '.join(names)})" if names else ""
    return f"no option {name!r} in group {group!r}{choices}{hint}"


def _bytes(text: str) -> int | None:
    """`36KB`, `36kb`, `kb36` and `36 KiB` are 36 x 1,024, `36864` and `36864B` are bytes."""
    size = _SIZE.fullmatch(text)
    if size is None:
        return None
    unit = (size["unit"] or ("k" if text.lower().startswith("kb") else "b"))[0].lower()
    return round(float(size["count"]) * _UNITS[unit])


def _unknown_budget(name: str, size: int, names: Sequence[str]) -> str:
    known = {each: found for each in names if (found := _budget_bytes(each)) is not None}
    nearest = min(known, key=lambda each: (abs(known[each] - size), len(each)), default=None)
    hint = f"; did you mean {_BUDGETS}={nearest} ({known[nearest]:,} bytes)?" if nearest else ";"
    return f"no option {name!r} in group {_BUDGETS!r}{hint} a budget of your own: {_BUDGETS}.flash_bytes={size}"


def _budget_bytes(option: str) -> int | None:
    path = config_directory() / _BUDGETS / f"{option}.yaml"
    if not path.is_file():  # one of --config-dir
        return _bytes(option)
    found = OmegaConf.select(OmegaConf.load(path), "flash_bytes")
    return found if isinstance(found, int) else None
