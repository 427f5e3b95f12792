"""The overrides of a record, as far as a command follows them that goes on with its run.

A run folder may be a stranger's, and an override can name a class to be called, a file of another config, a place to be
written or an address to be asked. So of a record is followed what chooses among this program's own options and sets
their values; where a run is written and what is executed says the user alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fsdd_lightning.config.load import config_directory
from fsdd_lightning.config.schema import Config
from fsdd_lightning.config.tools import DASHBOARD
from fsdd_lightning.data.locate import NEARBY
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import visible
from fsdd_lightning.sweeps.identity import key_of

LEFT_OUT = ("data.cache_dir", "data.archive_url", "output_root")  # places and addresses; none decides a result
FOLDERS = ("data.root", "data.others")  # which are read; relative ones begin where the run was started
LOGGERS = re.compile(r"\[?(tensorboard|csv)?(,(tensorboard|csv))*\]?|null")  # which write to the run folder alone
_KEY = re.compile(r"[+~]{0,2}[A-Za-z][\w./]*")
_CHOICE = re.compile(r"[\w\-\[\], ]*")  # names of files in a group, and of no folders
# Hydra's own keys, which name what is called and how (_target_, _args_), and values from elsewhere (${oc.env:...}).
_OF_HYDRA = re.compile(r"\$|(?<![^\W_])_[a-z]+_(?![^\W_])")


def followed(overrides: Sequence[str], given: Iterable[str]) -> list[str]:
    """Those that are followed, without those whose keys are `given` anew and those that are LEFT_OUT.

    Raises:
        UserError: one that could execute or write something that the user did not ask for.
    """
    given, kept = set(given), []
    for word in overrides:
        key = key_of(word)
        if key in given or key in LEFT_OUT or key in FOLDERS:
            continue
        if not _is_harmless(word, key):
            raise UserError(
                f"the record has the override {visible(word)[:200]}, which is not followed, as it may execute or write "
                "anything: give it again on this command line if it is yours"
            )
        kept.append(word)
    return kept


def _is_harmless(word: str, key: str) -> bool:
    name, _, value = word.partition("=")
    first = re.split(r"[./]", key)[0]
    if not _KEY.fullmatch(name) or first not in _own_names() or _OF_HYDRA.search(word):
        return False
    if first == "logger":
        return bool(LOGGERS.fullmatch(value)) if key == "logger" else key.removeprefix("logger.") in DASHBOARD
    if key == "data.archive_digest":
        return False
    is_choice = (config_directory() / key).is_dir()
    return not is_choice or bool(_CHOICE.fullmatch(value))


def _own_names() -> set[str]:
    groups = {path.name for path in config_directory().iterdir() if path.is_dir()}
    return ({field.name for field in dataclasses.fields(Config)} | groups | {"local"}) - {"hydra"}


def folder_words(config: Mapping[str, Any], start: Path, given: Iterable[str]) -> list[str]:
    """The overrides that name the folders of a record's data, which may have been relative to `start`."""
    data, words = config.get("data", {}), []
    for key in FOLDERS:
        value = data.get(key.partition(".")[2])
        if value and key not in given:
            words.append(f"{key}={_written(value, start)}")
    return words


def _written(value: Any, start: Path) -> str:
    """In Hydra's grammar."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_plain(name)}:{_written(each, start)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(each, start) for each in value) + "]"
    folder = str(value)
    if folder == NEARBY or folder.startswith(("/", "~")):
        return quoted(folder)
    return quoted(str(start / folder))


def _plain(name: str) -> str:
    if not re.fullmatch(r"[\w-]+", name):
        raise UserError(f"the record has a corpus {visible(name)[:200]}: give data.root again on this command line")
    return name


def quoted(text: str) -> str:
    """As a string of Hydra's override grammar, in which nothing is looked up."""
    inside = re.sub(r"(\\*)'", r"\1\1\\'", text)
    return "'" + re.sub(r"(\\+)$", r"\1\1", inside).replace("${", r"\${") + "'"
