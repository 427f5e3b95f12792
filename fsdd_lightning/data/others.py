"""Further corpora: folders of recordings by people whom a network has never heard. Nothing is trained on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from fsdd_lightning.config.schema import FeatureConfig
from fsdd_lightning.data.layouts import find_folder, labels_in, layout_of
from fsdd_lightning.data.recordings import RecordingSet, folder_digest, load_recordings
from fsdd_lightning.data.words import DIGITS, OTHER, REST, Words, some
from fsdd_lightning.errors import UserError
from fsdd_lightning.files import expanded

RECORDINGS = "recordings"  # a folder of this name says nothing: its corpus is called as the folder around it


def load_others(
    folders: Sequence[Path],
    features: FeatureConfig,
    key: str,
    on_bad_file: Literal["error", "skip"] = "error",
    labels: Sequence[str] = DIGITS,
) -> tuple[RecordingSet, ...]:
    """Folders in either layout, each under its name; `labels` are the network's, `key` is what named the folders.

    Raises:
        UserError: as `check_others` does, for bad files, and for words that the network does not know.
    """
    check_others(folders, key)
    return tuple(load_other(expanded(folder), features, key, on_bad_file, labels) for folder in folders)


def load_other(
    folder: Path, features: FeatureConfig, key: str, on_bad_file: Literal["error", "skip"], labels: Sequence[str]
) -> RecordingSet:
    """One of them. A network with a class for other words is asked about all words of the folder."""
    words = known_words(folder, labels)
    there = labels_in(_inside(folder, words), words)
    unknown = [] if words.other else sorted(there - set(labels))
    # Among many of FSDD's file names a strange one is a bad file.
    if unknown and (words.layout == "folders" or len(unknown) == len(there)):
        raise UserError(
            f"{key}: {folder} has the words {some(unknown)}, which the network does not know "
            f"(it knows {', '.join(labels)}): rename or remove them"
        )
    rate, least = features.sample_rate_hz, features.least_samples
    return load_recordings(folder, corpus_name(folder), rate, on_bad_file, least, words)


def known_words(folder: Path, labels: Sequence[str]) -> Words:
    """The words of a folder that a network can know, in the layout that the folder has; UserError without any."""
    plain = tuple(label for label in labels if label != OTHER)
    known = replace(layout_of(folder), labels=plain)
    return replace(known, other=REST) if OTHER in labels else known


def _inside(folder: Path, words: Words) -> Path:
    return find_folder(folder, words) or folder


def check_others(folders: Sequence[Path], key: str) -> None:
    """UserError for a folder that does not exist or holds no recordings, and for two of one name."""
    for name, times in Counter(map(corpus_name, folders)).items():
        if times > 1:
            raise UserError(f"{key}: {times} folders are called {name}, as their results would be: rename one of them")
    for folder in folders:
        try:
            layout_of(expanded(folder))
        except UserError as error:
            raise UserError(f"{key}: {error}") from error


def corpus_name(folder: Path) -> str:
    """What its results are called."""
    place = expanded(folder).resolve()
    return place.parent.name if place.name == RECORDINGS else place.name


def speakers_known(corpus: RecordingSet, recordings: RecordingSet) -> str | None:
    """A line that names speakers of the corpus who are in these recordings, too; None where there are none."""
    both = {one.speaker for one in corpus.recordings} & {one.speaker for one in recordings.recordings}
    if not both:
        return None
    return f"{corpus.name}: {', '.join(sorted(both))} also in {recordings.name}, so perhaps heard in training"


def present_digest_of(folder: Path, labels: Sequence[str] = DIGITS) -> str | None:
    """content_digest of all its files that count for a network of these labels, undecoded; None without any."""
    try:
        words = known_words(expanded(folder), labels)
    except UserError:
        return None
    return folder_digest(_inside(expanded(folder), words), words)
