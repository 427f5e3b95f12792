"""Which recordings a run would use now, told by their digest: nothing is decoded, downloaded or made."""

from __future__ import annotations

from pathlib import Path

from fsdd_lightning.config.schema import DataConfig
from fsdd_lightning.data.locate import cache_folder, find_fsdd
from fsdd_lightning.data.recordings import find_wav_folder, folder_digest
from fsdd_lightning.data.synthetic import synthetic_folder
from fsdd_lightning.errors import UserError


def present_digest(data: DataConfig, sample_rate_hz: int) -> str | None:
    """content_digest of all files in the folder that would be used; None where that can't be told.

    The files are read, all of them, since times and sizes can deceive: 0.1 s for FSDD from memory.
    """
    if data.source == "synthetic":  # what isn't there is made again, and always the same
        return _digest_in(synthetic_folder(data.synthetic, cache_folder(data), sample_rate_hz))
    try:
        found = find_fsdd(data)
    except UserError:  # a finished run needs no data; one that has to run will say what is wrong with them
        return None
    if found is not None:
        return _digest_in(found)
    return data.archive_digest if data.fallback == "none" else None


def _digest_in(folder: Path) -> str | None:
    wav_folder = find_wav_folder(folder)
    return None if wav_folder is None else folder_digest(wav_folder)
