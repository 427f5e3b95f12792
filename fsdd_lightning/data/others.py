"""Further corpora: folders of recordings by people whom a network has never heard. Nothing is trained on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from fsdd_lightning.config.schema import FeatureConfig
from fsdd_lightning.data.recordings import NAMING, RecordingSet, find_wav_folder, folder_digest, load_recordings
from fsdd_lightning.errors import UserError

RECORDINGS = "recordings"  # a folder of this name says nothing: its corpus is called as the folder around it


def load_others(
    folders: Sequence[Path], features: FeatureConfig, key: str, on_bad_file: Literal["error", "skip"] = "error"
) -> tuple[RecordingSet, ...]:
    """Folders with FSDD's naming, each under its name; `key` is what named them, for messages.

    Raises:
        UserError: as `check_others` does, and for bad files.
    """
    check_others(folders, key)
    rate, least = features.sample_rate_hz, features.least_samples
    return tuple(
        load_recordings(folder.expanduser(), corpus_name(folder), rate, on_bad_file, least) for folder in folders
    )


def check_others(folders: Sequence[Path], key: str) -> None:
    """UserError for a folder that does not exist or holds no recordings, and for two of one name."""
    for name, times in Counter(map(corpus_name, folders)).items():
        if times > 1:
            raise UserError(f"{key}: {times} folders are called {name}, as their results would be: rename one of them")
    for folder in folders:
        if find_wav_folder(folder.expanduser()) is None:
            problem = "holds no recordings" if folder.expanduser().is_dir() else "is not a folder"
            raise UserError(f"{key}: {folder} {problem}: name a folder with files like {NAMING}")


def corpus_name(folder: Path) -> str:
    """What its results are called."""
    place = folder.expanduser().resolve()
    return place.parent.name if place.name == RECORDINGS else place.name


def speakers_known(corpus: RecordingSet, recordings: RecordingSet) -> str | None:
    """A line that names speakers of the corpus who are in these recordings, too; None where there are none."""
    both = {one.speaker for one in corpus.recordings} & {one.speaker for one in recordings.recordings}
    if not both:
        return None
    return f"{corpus.name}: {', '.join(sorted(both))} also in {recordings.name}, so perhaps heard in training"


def present_digest_of(folder: Path) -> str | None:
    """content_digest of all its files, without decoding them; None where there are none."""
    try:
        wav_folder = find_wav_folder(folder.expanduser())
    except UserError:
        return None
    return None if wav_folder is None else folder_digest(wav_folder)
