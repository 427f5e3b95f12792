"""The digest of the recordings that a run would use now; nothing is decoded, downloaded or generated."""

from __future__ import annotations

from pathlib import Path

from fsdd_lightning.config.schema import DataConfig
from fsdd_lightning.data.locate import cache_folder, find_fsdd
from fsdd_lightning.data.recordings import find_wav_folder, folder_digest
from fsdd_lightning.data.synthetic import synthetic_folder
from fsdd_lightning.errors import UserError


def present_digest(data: DataConfig, sample_rate_hz: int) -> str | None:
    """content_digest of all files in the folder that would be used; None if it is unknown.

    All files are read, since equal times and sizes do not prove equal content: 0.1 s for FSDD from the page cache.
    """
    if data.source == "synthetic":  # a missing corpus is generated again, always with the same bytes
        return _digest_in(synthetic_folder(data.synthetic, cache_folder(data), sample_rate_hz))
    try:
        found = find_fsdd(data)
    except UserError:  # a finished run needs no data; a run that needs them reports the error
        return None
    if found is not None:
        return _digest_in(found)
    return data.archive_digest if data.fallback == "none" else None


def _digest_in(folder: Path) -> str | None:
    wav_folder = find_wav_folder(folder)
    return None if wav_folder is None else folder_digest(wav_folder)
