"""What a record of a run may make this program do. It may be a stranger's: it says which recordings, and no more.

Taken from it: what the recordings are, and the folder that they were in, to be read. Not taken: a cache folder to be
written, an address to be asked, a digest to believe in, and more clips to be made than anybody waits for.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

from omegaconf import OmegaConf

from fsdd_lightning.config.load import config_directory
from fsdd_lightning.config.schema import DataConfig
from fsdd_lightning.data.locate import find_fsdd
from fsdd_lightning.data.speech_synthesis import WORDS
from fsdd_lightning.errors import UserError

MOST_SYNTHETIC = 60_000_000  # clips x sample rate: 20 s; the corpus of conf/data/synthetic.yaml has 24 million
MOST_FILES = 300_000  # in a folder and those in it; Speech Commands has 106,000


def trusted_data(config: DataConfig, sample_rate_hz: int) -> DataConfig:
    """The recordings of a record, with this program's own address and digest, and the user's own cache folder.

    Raises:
        UserError: so many clips would have to be made.
    """
    clips = config.synthetic.speakers * config.synthetic.takes * len(WORDS)
    if config.source == "synthetic" and clips * sample_rate_hz > MOST_SYNTHETIC:
        raise UserError(
            f"the record asks for {clips:,} synthetic clips at {sample_rate_hz:,} Hz, too many to be made for it: "
            "name the folder that holds them with --data-root"
        )
    url, digest = pinned_archive()
    return replace(config, cache_dir=None, archive_url=url, archive_digest=digest)


def check_download(recorded: DataConfig, trusted: DataConfig) -> None:
    """Check where recordings that are not on this machine would come from.

    Raises:
        UserError: the record names another address than this program does, which is not asked.
    """
    if (recorded.archive_url, recorded.archive_digest) != pinned_archive() and find_fsdd(trusted) is None:
        raise UserError(
            "the recordings of the run are not here, and its record names another address for them than this program "
            "does, which is not asked: name their folder with --data-root"
        )


@cache
def pinned_archive() -> tuple[str, str]:
    """Address and digest in conf/data/fsdd.yaml."""
    found = OmegaConf.load(config_directory() / "data" / "fsdd.yaml")
    return str(found.archive_url), str(found.archive_digest)


def check_extent(folder: Path) -> None:
    """Check a folder that a record names, before all that is in it is read.

    Raises:
        UserError: it holds more than any corpus.
    """
    inside, count = [folder, folder / "recordings"], 0
    try:
        inside += [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return  # whoever reads it says so
    for place in inside:
        try:
            with os.scandir(place) as entries:
                for _ in entries:
                    count += 1
                    if count > MOST_FILES:
                        raise UserError(f"{folder}, which the record names, holds more than {MOST_FILES:,} files")
        except OSError:
            continue
