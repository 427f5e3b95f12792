"""The groups of config files and their options: those of the package and of --config-dir."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fsdd_lightning.config.load import config_directory
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import visible

_MOST_ENTRIES = 5_000  # of a folder of config files: a home folder, or /, was not meant
_LONGEST_SHOWN = 300
_DEPTH = 4  # hydra/launcher/mine.yaml lies two folders deep


def config_folders(config_dir: str | None) -> tuple[Path, ...]:
    """Where options are looked up, the first one first, as Hydra does."""
    return (config_directory(), *([] if config_dir is None else [Path(config_dir)]))


def group_options(config_dir: str | None = None) -> dict[str, dict[str, Path]]:
    """The file of every option by group and name."""
    found: dict[str, dict[str, Path]] = {}
    for folder in config_folders(config_dir):
        for path in sorted(_yaml_files(folder)):
            group = path.parent.relative_to(folder).as_posix()
            if group != ".":
                found.setdefault(group, {}).setdefault(path.stem, path)
    return dict(sorted(found.items()))


def check_working_folder() -> None:
    """Reject a folder in whose name Hydra would look up a value.

    Raises:
        UserError: saying what to do.
    """
    for place in (str(Path.cwd()), str(config_directory())):
        if "${" in place:
            raise UserError(f"{visible(place)}: Hydra would look up what ${{ begins: work in a folder without it")


def check_config_dir(name: str) -> None:
    """Reject a folder that holds no options.

    Raises:
        UserError: saying what it is instead.
    """
    meant = "name a folder with groups of your own, as model/wide.yaml"
    if "\0" in name or not name:
        raise UserError(f"--config-dir {visible(name) or repr(name)} is no name of a folder: {meant}")
    if "://" in name or "${" in str(Path(name).absolute()):
        raise UserError(f"--config-dir {visible(name)}: Hydra can't read from a folder with :// or ${{ in its name")
    folder, shown = Path(name), visible(name)[:_LONGEST_SHOWN]
    try:
        folder.stat()
        if not folder.is_dir():
            raise UserError(f"--config-dir {shown} is a file, not a folder: {meant}")
        if next(_yaml_files(folder, least_depth=1), None) is None:
            raise UserError(f"--config-dir {shown} holds no options: they lie in folders of groups, as model/wide.yaml")
    except FileNotFoundError as error:
        raise UserError(f"--config-dir {shown} does not exist: {meant}") from error
    except OSError as error:
        raise UserError(f"--config-dir {shown} can't be read ({error.strerror}): {meant}") from error


def _yaml_files(folder: Path, least_depth: int = 0) -> Iterator[Path]:
    """All of that name, also below links, but no more than there may be.

    Raises:
        UserError: there are too many files to be a folder of config files.
    """
    seen, left = 0, [(folder, 0)]
    while left:
        current, depth = left.pop()
        with os.scandir(current) as entries:
            inside = list(islice(entries, _MOST_ENTRIES))
        for entry in inside:
            seen += 1
            if seen > _MOST_ENTRIES:
                raise UserError(
                    f"--config-dir {visible(folder)} holds more than {_MOST_ENTRIES:,} files: name a folder with "
                    "nothing but groups of options, as model/wide.yaml"
                )
            if entry.is_dir() and depth < _DEPTH and not entry.name.startswith("."):
                left.append((Path(entry), depth + 1))
            elif entry.name.endswith(".yaml") and depth >= least_depth:
                yield Path(entry)
