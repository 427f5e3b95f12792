"""The groups of config files and their options: those of the package and of --config-dir."""

from __future__ import annotations

from pathlib import Path

from fsdd_lightning.config.load import config_directory


def config_folders(config_dir: str | None) -> tuple[Path, ...]:
    """Where options are looked up, the first one first, as Hydra does."""
    return (config_directory(), *([] if config_dir is None else [Path(config_dir)]))


def group_options(config_dir: str | None = None) -> dict[str, dict[str, Path]]:
    """The file of every option by group and name."""
    found: dict[str, dict[str, Path]] = {}
    for folder in config_folders(config_dir):
        for path in sorted(folder.rglob("*.yaml")):
            group = path.parent.relative_to(folder).as_posix()
            if group != ".":
                found.setdefault(group, {}).setdefault(path.stem, path)
    return dict(sorted(found.items()))
