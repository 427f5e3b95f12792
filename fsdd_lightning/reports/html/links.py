"""Relative URLs that lead from the page to run folders and to what they hold; names may hold anything."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fsdd_lightning.files import is_folder
from fsdd_lightning.runs.record import EXPORT, LISTEN_PAGE


@dataclass(frozen=True)
class Links:
    """`output`: the folder of the page; None where nothing is linked. A folder of None is one that nobody knows."""

    output: Path | None

    def run(self, folder: Path | None) -> str | None:
        """Of a run folder; None where it is gone."""
        return None if self.output is None or folder is None or not is_folder(folder) else link(folder, self.output)

    def listen(self, folder: Path | None) -> str | None:
        """Of the page on which one can hear the network of a run; None where none was exported."""
        if self.output is None or folder is None or not _has_listen_page(folder):
            return None
        return link(folder, self.output) + f"{EXPORT}/{LISTEN_PAGE}"


def link(folder: Path, output: Path) -> str:
    """A relative URL of a run folder."""
    return quote(os.fsencode(os.path.relpath(folder, output))) + "/"


def _has_listen_page(folder: Path) -> bool:
    """A regular file in the folder itself: a stranger's links lead out of it."""
    try:
        place = (folder / EXPORT).lstat().st_mode
        return stat.S_ISDIR(place) and stat.S_ISREG((folder / EXPORT / LISTEN_PAGE).lstat().st_mode)
    except (OSError, ValueError):
        return False
