"""Which files of a folder are recordings, of which word, by whom: FSDD's file names, or a folder for each word.

`folders` is the way of Google's Speech Commands: ROOT/yes/0a7c2a8d_nohash_0.wav, long noises in _background_noise_, and
the parts of the official split in validation_list.txt and testing_list.txt.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

from fsdd_lightning.data.audio import MAX_ENTRIES, SUFFIXES, audio_paths, is_audio, listed
from fsdd_lightning.data.words import DIGITS, OTHER, REST, Words, nearest
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import visible
from fsdd_lightning.files import TEXT_BYTES, expanded, is_folder, read_regular

NAMING = "{label}_{speaker}_{take}.wav"
FOLDER_NAMING = "{label}/{speaker}_nohash_{take}.wav"
NAMINGS = {"fsdd": NAMING, "folders": FOLDER_NAMING}
BACKGROUND = "_background_noise_"
PART_LISTS = {"testing_list.txt": "test", "validation_list.txt": "val"}
UNKNOWN_SPEAKER = "unknown"
# Of file names without suffix: Speech Commands' own, else what stands before a last number.
_SPEAKER_PATTERNS = (r"(?P<speaker>.+?)_nohash_(?P<take>\d+)", r"(?P<speaker>.+?)[_-](?P<take>\d+)")
_LARGEST_TAKE = 10**9
MAX_WORDS = 2_000  # a network for more would be of another kind


@dataclass(frozen=True)
class ListedFile:
    """A file by its place and name alone. `part` of the official split, where lists name it."""

    path: Path
    label: str = ""
    speaker: str = ""
    take: int = 0
    part: str = ""
    problem: str | None = None  # why it is no recording


@dataclass(frozen=True)
class Listing:
    """The recordings of a folder, and other files that decide what is made of them."""

    files: tuple[ListedFile, ...]
    left_out: Counter[str]  # labels that are not asked for
    lists: tuple[Path, ...] = ()
    backgrounds: tuple[Path, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that decide a result."""
        return (*(file.path for file in self.files), *self.lists, *self.backgrounds)


def find_folder(folder: Path, words: Words) -> Path | None:
    """`folder/recordings` or else `folder`, whichever holds recordings in this layout; None if neither does.

    Raises UserError for a folder without read permission.
    """
    holds = _word_folders if words.layout == "folders" else audio_paths
    try:
        for candidate in (folder / "recordings", folder):
            if candidate.is_dir() and holds(candidate):
                return candidate
    except OSError as error:
        place = visible(error.filename or folder)
        raise UserError(f"cannot look into {place} ({error.strerror}): fix its permissions, or name another") from error
    return None


def list_folder(folder: Path, words: Words) -> Listing:
    """The files of a folder that `find_folder` found, sorted by their names; none is opened but the lists of parts."""
    files = list(_in_word_folders(folder, words) if words.layout == "folders" else _by_their_names(folder))
    known = {file.label for file in files}
    elsewhere = [] if words.other == REST else [name for name in words.other if name not in known]
    chosen, left_out = _chosen(files, words)
    for name in elsewhere:
        chosen.extend(_elsewhere(name, sorted(known), words))
    parts = _Parts.of(folder) if words.layout == "folders" else _Parts((), {})
    backgrounds = tuple(audio_paths(folder / BACKGROUND)) if words.noise and is_folder(folder / BACKGROUND) else ()
    numbered = _numbered(chosen) if words.other else chosen
    return Listing(tuple(map(parts.mark, numbered)), left_out, parts.lists, backgrounds)


def labels_in(folder: Path, words: Words) -> set[str]:
    """All labels of a folder that `find_folder` found, whether they are asked for or not."""
    if words.layout == "fsdd":
        return {file.label for file in _by_their_names(folder) if file.problem is None}
    labels = set()
    for place in _word_folders(folder):
        with suppress(ValueError):  # its files are bad ones
            labels.add(parse_label(place.name))
    return labels


def layout_of(folder: Path) -> Words:
    """All words of a folder, in the layout that it has: FSDD's if files of recordings lie in it, else a folder a word.

    Raises UserError where there are no recordings in either.
    """
    for layout in ("fsdd", "folders"):
        words = Words(layout, None)
        if is_folder(folder) and find_folder(folder, words) is not None:
            return words
    problem = "holds no recordings" if is_folder(folder) else "is not a folder"
    raise UserError(f"{folder} {problem}: name a folder with files like {NAMING} or {FOLDER_NAMING}")


def _holds_sound(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(is_audio(entry.name) for entry in islice(entries, MAX_ENTRIES))


def _word_folders(folder: Path) -> list[Path]:
    """Those directly in `folder` that hold sound, sorted by name; `_background_noise_` and its like are no words."""
    places = [folder / e.name for e in listed(folder) if not e.name.startswith((".", "_")) and is_folder(e)]
    if len(places) > MAX_WORDS:
        raise UserError(f"{folder} holds more than {MAX_WORDS:,} folders: name one with a folder for each word")
    return [place for place in places if _holds_sound(place)]


def _chosen(files: list[ListedFile], words: Words) -> tuple[list[ListedFile], Counter[str]]:
    """Those whose word is asked for, under the name of their class, and how many of each other word there are.

    In FSDD's layout a label is typed in each file's name, so one that is neither asked for nor a digit is a bad name.
    """
    kept, left_out = [], Counter[str]()
    for file in files:
        label = file.label if file.problem else words.class_of(file.label)
        if label is not None:
            kept.append(replace(file, label=label))
        elif words.layout == "folders" or file.label in DIGITS:
            left_out[file.label] += 1
        else:
            kept.append(replace(file, problem=_not_asked_for(file.label, words)))
    return kept, left_out


def _not_asked_for(label: str, words: Words) -> str:
    asked = words.labels or ()
    listed = "0 to 9" if asked == DIGITS else ", ".join(asked)
    return f"label {label!r} is not one of {listed}{nearest(label, asked)} (data.labels; null takes all words)"


# ---- FSDD's layout


def parse_name(filename: str) -> tuple[str, str, int]:
    """Label, speaker and take of a file name such as `7_jackson_32.wav` (the suffix may be missing).

    Exactly one spelling is valid for a (label, speaker, take); a label may hold underscores. Raises ValueError with
    the reason.
    """
    path = Path(filename)
    stem = path.stem if path.suffix.lower() in SUFFIXES else filename
    parts = stem.rsplit("_", 2)
    if len(parts) != 3:
        raise ValueError(f"name has {len(parts)} part(s) between underscores, not the 3 of {NAMING}")
    label, speaker, take = parts
    if not (take.isascii() and take.isdigit()):
        raise ValueError(f"take {take!r} is not a number")
    if take != "0" and take.startswith("0"):
        raise ValueError(f"take {take!r} has leading zeros (write {take.lstrip('0') or '0'})")
    if len(take) > 9:
        raise ValueError(f"take {take!r} has more than 9 digits")
    return parse_label(label), parse_speaker(speaker), int(take)


def parse_label(label: str) -> str:
    """The word as it is compared and shown. Raises ValueError with the reason for one that can't be shown."""
    label = unicodedata.normalize("NFC", label)
    if not label.strip():
        raise ValueError("label is missing")
    if not label.isprintable():
        raise ValueError(f"label {label!r} holds characters that cannot be shown")
    return label


def parse_speaker(speaker: str) -> str:
    """The name as recordings are compared by it. Raises ValueError with the reason for one that no file may have."""
    # File systems differ in how they compose accents; NFC maps both spellings to one speaker.
    speaker = unicodedata.normalize("NFC", speaker)
    if not speaker:
        raise ValueError("speaker is missing")
    wrong = [c for c in speaker if not (c.isalpha() or c in "-0123456789")]
    if wrong:
        raise ValueError(f"speaker {speaker!r} holds {wrong[0]!r} (letters, digits and hyphens are allowed)")
    return speaker


def _by_their_names(folder: Path) -> Iterator[ListedFile]:
    for path in audio_paths(folder):
        try:
            yield ListedFile(path, *parse_name(path.name))
        except ValueError as error:
            yield ListedFile(path, problem=str(error))


# ---- a folder for each word


def _in_word_folders(folder: Path, words: Words) -> Iterator[ListedFile]:
    left = MAX_ENTRIES
    for place in _word_folders(folder):
        paths = audio_paths(place)
        left -= len(paths)
        if left < 0:
            raise UserError(f"{folder} holds more than {MAX_ENTRIES:,} recordings: name a folder with less of them")
        try:
            label = parse_label(place.name)
        except ValueError as error:
            yield from (ListedFile(path, problem=str(error)) for path in paths)
        else:
            yield from _of_one_word(paths, label, words)


def _of_one_word(paths: list[Path], label: str, words: Words) -> Iterator[ListedFile]:
    """A take whose number the name does not tell, or that is there already, gets the next free one of its speaker."""
    named = [(path, *_speaker_and_take(path.stem, words)) for path in paths]
    taken = {(speaker, take) for _, speaker, take in named if take is not None}
    free: dict[str, Iterator[int]] = defaultdict(count)
    given: set[tuple[str, int]] = set()
    for path, speaker, take in named:
        if take is None or (speaker, take) in given:
            take = next(number for number in free[speaker] if (speaker, number) not in taken)
        given.add((speaker, take))
        yield ListedFile(path, label, speaker, take)


def _speaker_and_take(stem: str, words: Words) -> tuple[str, int | None]:
    """Of a file name; a speaker's name is made fit for names of recordings."""
    for pattern in [words.speaker_pattern] if words.speaker_pattern else _SPEAKER_PATTERNS:
        found = re.fullmatch(pattern, unicodedata.normalize("NFC", stem))
        if found is not None:
            named = found.groupdict()
            speaker, take = fit_speaker(named["speaker"] or ""), named.get("take") or ""
            is_number = take.isascii() and take.isdigit() and int(take) < _LARGEST_TAKE
            return speaker or UNKNOWN_SPEAKER, int(take) if is_number else None
    return UNKNOWN_SPEAKER, None


def fit_speaker(name: str) -> str:
    """The name in letters, digits and single hyphens; empty if nothing is left of it."""
    kept = "".join(c if c.isalpha() or c in "0123456789" else "-" for c in unicodedata.normalize("NFC", name))
    return re.sub("-+", "-", kept).strip("-")


def _elsewhere(name: str, known: list[str], words: Words) -> Iterator[ListedFile]:
    """The recordings of a folder that `data.other` names, and of those in it, all of the class OTHER.

    Raises UserError for what is neither a label nor a folder of recordings.
    """
    folder = expanded(name)
    places = [folder, *_word_folders(folder)] if is_folder(folder) else []
    paths = [path for place in places for path in audio_paths(place)]
    if not paths:
        problem = "holds no recordings" if is_folder(folder) else "is neither a word of the data nor a folder"
        raise UserError(f"data.other: {name!r} {problem}{nearest(name, known)}")
    yield from _of_one_word(paths, OTHER, words)


def _numbered(files: list[ListedFile]) -> Iterator[ListedFile]:
    """With the takes of the class OTHER counted anew for each speaker: its words may have the same numbers."""
    takes: dict[str, Iterator[int]] = defaultdict(count)
    for file in files:
        several = file.label == OTHER and file.problem is None
        yield replace(file, take=next(takes[file.speaker])) if several else file


@dataclass(frozen=True)
class _Parts:
    """Of the official split, by `label/file name`."""

    lists: tuple[Path, ...]
    part_of: dict[str, str]

    @staticmethod
    def of(folder: Path) -> _Parts:
        lists = tuple(folder / name for name in PART_LISTS if os.path.lexists(folder / name))
        try:
            named = {
                unicodedata.normalize("NFC", line.strip()): PART_LISTS[path.name]
                for path in lists
                for line in read_regular(path, TEXT_BYTES).decode("utf-8").splitlines()
            }
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"the lists of the official split in {folder} can't be read ({reason})") from error
        return _Parts(lists, named)

    def mark(self, file: ListedFile) -> ListedFile:
        name = unicodedata.normalize("NFC", f"{file.path.parent.name}/{file.path.name}")
        return replace(file, part=self.part_of.get(name, "train") if self.lists else "")
