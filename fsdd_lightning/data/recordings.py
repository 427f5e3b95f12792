"""A folder of recorded words, read into memory as one sorted, digested set."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from fsdd_lightning.data.audio import decode_audio, read_bytes
from fsdd_lightning.data.background_noise import noise_clips
from fsdd_lightning.data.layouts import NAMINGS, UNKNOWN_SPEAKER, ListedFile, Listing, find_folder, list_folder
from fsdd_lightning.data.wav import BadWavError, DecodedWav
from fsdd_lightning.data.words import DIGITS, NOISE, Words, some
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import visible

LISTED_BAD_FILES = 20
_LISTED_WORDS = 5
# The clips of a folder may take 256 MB, and for each byte that is read 64 more: speech is not compressed further.
_MEMORY_SAMPLES, _SAMPLES_OF_BYTE = 2**26, 16
LEAST_CLIPS = 3  # one each for training, validation and test
_PARTS = 10
FSDD = Words()


@dataclass(frozen=True, order=True)
class Recording:
    """One clip. Ordered by label, speaker and take, so that the order of a listing does not matter."""

    label: str  # the class: the word that is spoken, or `other`, or `noise`
    speaker: str
    take: int
    path: Path = field(compare=False)
    corpus: str = field(default="", compare=False)  # of several (see corpora.py): the first part of `speaker`
    part: str = field(default="", compare=False)  # train, val or test, where the corpus has lists of them

    @property
    def name(self) -> str:
        """The same on every machine, e.g. `7_jackson_32`."""
        return f"{self.label}_{self.speaker}_{self.take}"


@dataclass(frozen=True)
class BadRecording:
    """A file that cannot be used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class RecordingSet:
    """All recordings of a folder, or of several corpora, sorted; `waveforms[i]` belongs to `recordings[i]`."""

    name: str
    folder: Path  # the one that holds the WAV files; of several corpora the first one's
    recordings: tuple[Recording, ...]
    waveforms: tuple[np.ndarray, ...]  # (samples,) float32 mono in [-1, 1] at sample_rate_hz
    sample_rate_hz: int
    digest: str  # of the files used, see content_digest
    bad: tuple[BadRecording, ...]  # left out; empty unless bad files are skipped
    notes: tuple[str, ...]  # how files were converted, one line per kind, for the user
    labels: tuple[str, ...] = DIGITS  # the classes, in the order of a network's outputs
    corpora: Mapping[str, Path] = field(default_factory=dict)  # of several: the folders that hold their WAV files
    words: Words = FSDD  # how the files became words of these labels

    def targets(self, labels: Sequence[str] | None = None) -> np.ndarray:
        """(recordings,) int64: the position of each label among `labels`; None: among its own.

        Raises KeyError for a label that is not among them.
        """
        position = {label: at for at, label in enumerate(self.labels if labels is None else labels)}
        return np.array([position[recording.label] for recording in self.recordings], dtype=np.int64)

    @property
    def folders(self) -> Mapping[str, Path]:
        """Those that hold the WAV files, by name of the corpus."""
        return self.corpora or {self.name: self.folder}

    @property
    def place(self) -> str:
        """All folders, for people."""
        return ", ".join(map(str, self.folders.values()))


@dataclass(frozen=True)
class _Loaded:
    recording: Recording
    size: int  # bytes of the file
    sha256: str
    wav: DecodedWav


def content_digest(sha256_of_name: Iterable[tuple[str, str]]) -> str:
    """One digest of many files, from (file name, SHA-256 in hex) pairs in any order.

    It is what `sha256sum *.wav | LC_ALL=C sort -k2 | sha256sum` prints in the files' folder.
    """
    lines = sorted((os.fsencode(name), sha256.encode()) for name, sha256 in sha256_of_name)
    return hashlib.sha256(b"".join(sha256 + b"  " + name + b"\n" for name, sha256 in lines)).hexdigest()


def folder_digest(folder: Path, words: Words = FSDD) -> str:
    """content_digest of all files in `folder` that decide what is made of them, without decoding any.

    What can't be read decides nothing.
    """
    hashed = file_digests(folder, words)
    return _digest(((path, sha256) for path, sha256 in hashed if sha256 is not None), folder, words)


def file_digests(folder: Path, words: Words = FSDD) -> tuple[tuple[Path, str | None], ...]:
    """Every file in `folder` that decides what is made of them, and its SHA-256 (hex); None where it can't be read."""
    return tuple((path, _sha256(path)) for path in list_folder(folder, words).paths)


def _digest(sha256_of_path: Iterable[tuple[Path, str]], folder: Path, words: Words) -> str:
    named = [(_stored_name(path, folder), sha256) for path, sha256 in sha256_of_path]
    grouping = [("", hashlib.sha256(words.grouping.encode()).hexdigest())] if words.grouping else []
    return content_digest([*named, *grouping])


def _stored_name(path: Path, folder: Path) -> str:
    """With the word's folder, and for what lies elsewhere that of its own."""
    return path.name if path.parent == folder else f"{path.parent.name}/{path.name}"


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    except BadWavError:
        return None


def load_recordings(
    folder: Path,
    name: str,
    sample_rate_hz: int,
    on_bad_file: Literal["error", "skip"],
    least_samples: int = 1,
    words: Words = FSDD,
) -> RecordingSet:
    """Read every recording of `folder` (or of its subfolder `recordings`) into memory.

    A file of less than `least_samples`, those of a frame, is a bad one.

    Raises UserError if there are none, and with on_bad_file="error" one that lists all bad files.
    """
    found = find_folder(folder, words)
    if found is None:
        raise UserError(
            f"no recordings ({NAMINGS[words.layout]}) in {folder}: set data.root to the folder that holds them"
        )
    listing = list_folder(found, words)
    loaded, bad = _load_files(listing.files, sample_rate_hz, least_samples)
    if bad and on_bad_file == "error":
        raise _bad_files(found, bad)
    if not loaded:
        raise UserError(f"none of the {len(bad)} files in {found} can be used{_example(bad)}{_others(listing)}")
    clips = [(item.recording, item.wav.waveform) for item in loaded]
    clips += _noises(listing, words, sample_rate_hz, found)
    clips.sort(key=lambda clip: clip[0])
    used = [(item.recording.path, item.sha256) for item in loaded]
    used += [(path, sha256) for path in (*listing.lists, *listing.backgrounds) if (sha256 := _sha256(path))]
    return RecordingSet(
        name=name,
        folder=found,
        recordings=tuple(recording for recording, _ in clips),
        waveforms=tuple(waveform for _, waveform in clips),
        sample_rate_hz=sample_rate_hz,
        digest=_digest(used, found, words),
        bad=tuple(bad),
        notes=_notes(loaded, bad, listing, sample_rate_hz),
        labels=words.outputs(recording.label for recording, _ in clips),
        words=words,
    )


def _noises(listing: Listing, words: Words, sample_rate_hz: int, folder: Path) -> list[tuple[Recording, np.ndarray]]:
    """Where the corpus lists the parts of its split, a tenth of them each is in those of validation and test."""
    parts = {0: "test", 1: "val"} if listing.lists else {}
    rest = "train" if listing.lists else ""
    made = noise_clips(listing.backgrounds, words.noise, sample_rate_hz)
    return [
        (Recording(NOISE, speaker, take, path or folder, part=parts.get(number % _PARTS, rest)), waveform)
        for number, (speaker, take, path, waveform) in enumerate(made)
    ]


def _load_files(
    files: Sequence[ListedFile], sample_rate_hz: int, least_samples: int
) -> tuple[list[_Loaded], list[BadRecording]]:
    loaded: dict[Recording, _Loaded] = {}
    bad: list[BadRecording] = []
    room = _MEMORY_SAMPLES
    for file in files:
        try:
            item = _load_file(file, sample_rate_hz, least_samples)
            room += _SAMPLES_OF_BYTE * item.size - len(item.wav.waveform)
            if room < 0:
                raise UserError(
                    f"the recordings in {file.path.parent} last longer than any speech of so many bytes, too long for "
                    f"the memory ({visible(file.path.name)} is one of them): name a folder of single words"
                )
            if item.recording in loaded:  # x.wav beside x.WAV
                raise ValueError(f"same recording as {loaded[item.recording].recording.path.name}")
            loaded[item.recording] = item
        except ValueError as error:
            bad.append(BadRecording(file.path, str(error)))
    return sorted(loaded.values(), key=lambda item: item.recording), bad


def _load_file(file: ListedFile, sample_rate_hz: int, least_samples: int) -> _Loaded:
    """Raises ValueError with the reason why this file cannot be used."""
    if file.problem is not None:
        raise ValueError(file.problem)
    recording = Recording(file.label, file.speaker, file.take, file.path, part=file.part)
    content = read_bytes(file.path)
    sound = decode_audio(content, sample_rate_hz, least_samples)
    return _Loaded(recording, len(content), hashlib.sha256(content).hexdigest(), sound)


def _one_bad(bad: BadRecording) -> str:
    return visible(f"{bad.path.name}: {bad.reason}")


def _bad_files(folder: Path, bad: list[BadRecording]) -> UserError:
    """One line, and a list where there are several."""
    what = f"{len(bad)} bad file(s) in {folder}{_example(bad)}"
    error = UserError(f"{what}: repair them, remove them or set data.on_bad_file=skip")
    lines = [_one_bad(item) for item in bad[:LISTED_BAD_FILES]]
    lines += [f"and {len(bad) - LISTED_BAD_FILES} more"] if len(bad) > LISTED_BAD_FILES else []
    error.details = "".join(f"  {line}\n" for line in lines) if len(bad) > 1 else ""
    return error


def require_enough(recordings: RecordingSet) -> None:
    """Raises UserError for a class without clips, or with too few for a training, a validation and a test part."""
    clips = Counter(dict.fromkeys(recordings.labels, 0))
    clips.update(recording.label for recording in recordings.recordings)
    few = {label: number for label, number in clips.items() if number < LEAST_CLIPS}
    if few:
        listed = ", ".join(f"{label!r} has {number or 'no'}" for label, number in few.items())
        raise UserError(
            f"too few recordings in {recordings.place}: {listed}, but training, validation and test need one each; "
            "record more, or list the words to use in data.labels"
        )


def _example(bad: list[BadRecording]) -> str:
    return f", e.g. {_one_bad(bad[0])}" if bad else ""


def _others(listing: Listing) -> str:
    """What a folder holds instead of the words that are asked for."""
    named = some(sorted(listing.left_out))
    return f"; its words are {named}, which data.labels does not list" if named else ""


def _notes(loaded: list[_Loaded], bad: list[BadRecording], listing: Listing, sample_rate_hz: int) -> tuple[str, ...]:
    of_all = f"of {len(loaded)} recordings"
    mixed = sum(item.wav.source_channels > 1 for item in loaded)
    other_rates_hz = [item.wav.source_rate_hz for item in loaded if item.wav.source_rate_hz != sample_rate_hz]
    scaled = sum(item.wav.scaled_down for item in loaded)
    notes = []
    if mixed:
        notes.append(f"{mixed} {of_all} have several channels and were mixed down to mono")
    if other_rates_hz:
        rates = ", ".join(str(rate) for rate in sorted(set(other_rates_hz)))
        notes.append(f"{len(other_rates_hz)} {of_all} were resampled to {sample_rate_hz} Hz (from {rates} Hz)")
    if scaled:
        notes.append(f"{scaled} {of_all} exceeded full scale and were scaled down to it")
    if bad:
        notes.append(f"{len(bad)} bad file(s) left out{_example(bad)}")
    unnamed = sum(item.recording.speaker == UNKNOWN_SPEAKER for item in loaded)
    if unnamed:
        notes.append(f"{unnamed} {of_all} name no speaker (data.speaker_pattern) and count as one person's")
    if listing.left_out:
        words = ", ".join(f"{label} ({number})" for label, number in listing.left_out.most_common(_LISTED_WORDS))
        more = ", ..." if len(listing.left_out) > _LISTED_WORDS else ""
        notes.append(f"{listing.left_out.total()} recordings of words that data.labels does not list: {words}{more}")
    return tuple(notes)
