"""How Hydra reads YAML files in our commands: by our own reader, which names file, line and column of a mistake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra import version
from hydra._internal.core_plugins import file_config_source
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.plugins import Plugins
from hydra.initialize import get_gh_backup, restore_gh_from_backup
from hydra.plugins.config_source import ConfigResult

from fsdd_lightning.config.load import config_directory, register_resolvers
from fsdd_lightning.config.yaml_files import read_yaml

_HEADER_CHARACTERS = 512  # in which Hydra looks for # @package


class FileConfigSource(file_config_source.FileConfigSource):
    """Folders of config files: those of the package, of --config-dir and of hydra.searchpath.

    It has the name of Hydra's own: a launcher's processes get the registry with this class in it, and register Hydra's
    afterwards, which replaces none of its name and is an error beside one of another name.
    """

    def load_config(self, config_path: str) -> ConfigResult:
        """As Hydra does.

        Raises:
            UserError: a file that can't be read, or holds no config.
        """
        text, config = read_yaml(self._file(config_path))
        header = self._get_header_dict(text[:_HEADER_CHARACTERS])
        return ConfigResult(config=config, path=self.full_path(), provider=self.provider, header=header)

    def is_config(self, config_path: str) -> bool:
        """Whatever has that name, so that a pipe, a folder or a link to nothing is answered by the reader."""
        return os.path.lexists(self._file(config_path))

    def _file(self, config_path: str) -> Path:
        return Path(self.path, self._normalize_file_name(config_path))


def check_config_files() -> None:
    """Let Hydra read config files by our reader, in this process and in those that a launcher starts."""
    Plugins.instance()  # registers Hydra's own
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource


def config_places(config_dir: str | None) -> ConfigSearchPath:
    """Where Hydra looks for config files: in the package, then in --config-dir.

    That folder is no override `hydra.searchpath=...`, whose grammar has characters that names of folders have, too.
    """
    check_config_files()
    places = create_config_search_path(str(config_directory()))
    if config_dir is not None:
        before_schema = SearchPathQuery(provider="schema")
        places.prepend("command-line", f"file://{Path(config_dir).resolve()}", before_schema)
    return places


@contextmanager
def config_files(config_dir: str | None) -> Iterator[None]:
    """Hydra's `compose` with these places, and with our resolvers."""
    register_resolvers()
    places, backup = config_places(config_dir), get_gh_backup()
    version.setbase("1.3")
    Hydra.create_main_hydra2("app", places)
    try:
        yield
    finally:
        restore_gh_from_backup(backup)
