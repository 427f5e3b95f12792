"""A folder of `{digit}_{speaker}_{take}.wav` files, read into memory as one sorted, digested set."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from fsdd_lightning.data.wav import BadWavError, DecodedWav, decode_wav
from fsdd_lightning.errors import UserError

LISTED_BAD_FILES = 20
NAMING = "{digit}_{speaker}_{take}.wav"
CLASSES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True, order=True)
class Recording:
    """One clip. Ordered by digit, speaker and take, so that the order of a listing does not matter."""

    digit: int
    speaker: str
    take: int
    path: Path = field(compare=False)
    corpus: str = field(default="", compare=False)  # of several (see corpora.py): the first part of `speaker`

    @property
    def name(self) -> str:
        """The same on every machine, e.g. `7_jackson_32`."""
        return f"{self.digit}_{self.speaker}_{self.take}"


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
    corpora: Mapping[str, Path] = field(default_factory=dict)  # of several: the folders that hold their WAV files

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
    sha256: str
    wav: DecodedWav


def parse_name(filename: str) -> tuple[int, str, int]:
    """Digit, speaker and take of a file name such as `7_jackson_32.wav` (the suffix may be missing).

    Exactly one spelling is valid for a (digit, speaker, take). Raises ValueError with the reason.
    """
    stem = filename[:-4] if filename.lower().endswith(".wav") else filename
    parts = stem.split("_")
    if len(parts) != 3:
        raise ValueError(f"name has {len(parts)} part(s) between underscores, not the 3 of {NAMING}")
    digit, speaker, take = parts
    if not (len(digit) == 1 and digit in "0123456789"):
        raise ValueError(f"digit {digit!r} is not one of 0 to 9")
    if not (take.isascii() and take.isdigit()):
        raise ValueError(f"take {take!r} is not a number")
    if take != "0" and take.startswith("0"):
        raise ValueError(f"take {take!r} has leading zeros (write {take.lstrip('0') or '0'})")
    if len(take) > 9:
        raise ValueError(f"take {take!r} has more than 9 digits")
    return int(digit), parse_speaker(speaker), int(take)


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


def content_digest(sha256_of_name: Iterable[tuple[str, str]]) -> str:
    """One digest of many files, from (file name, SHA-256 in hex) pairs in any order.

    It is what `sha256sum *.wav | LC_ALL=C sort -k2 | sha256sum` prints in the files' folder.
    """
    lines = sorted((os.fsencode(name), sha256.encode()) for name, sha256 in sha256_of_name)
    return hashlib.sha256(b"".join(sha256 + b"  " + name + b"\n" for name, sha256 in lines)).hexdigest()


def folder_digest(folder: Path) -> str:
    """content_digest of all WAV files that lie in `folder`, without decoding them."""
    return content_digest((path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in wav_paths(folder))


def wav_paths(folder: Path) -> list[Path]:
    """The files *.wav (or *.WAV) directly in `folder`, sorted by name; no hidden files."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.name.lower().endswith(".wav") and not e.name.startswith(".")]
    return [folder / name for name in sorted(names)]


def find_wav_folder(folder: Path) -> Path | None:
    """`folder/recordings` or else `folder`, whichever holds WAV files; None if neither does.

    Raises UserError for a folder without read permission.
    """
    try:
        for candidate in (folder / "recordings", folder):
            if candidate.is_dir() and wav_paths(candidate):
                return candidate
    except OSError as error:
        raise UserError(f"cannot look into {folder} ({error.strerror}): fix its permissions") from error
    return None


def load_recordings(
    folder: Path, name: str, sample_rate_hz: int, on_bad_file: Literal["error", "skip"], least_samples: int = 1
) -> RecordingSet:
    """Read every recording of `folder` (or of its subfolder `recordings`) into memory.

    A file of less than `least_samples`, those of a frame, is a bad one.

    Raises UserError if there are none, and with on_bad_file="error" one that lists all bad files.
    """
    wav_folder = find_wav_folder(folder)
    if wav_folder is None:
        raise UserError(f"no recordings ({NAMING}) in {folder}: set data.root to the folder that holds them")
    loaded, bad = _load_files(wav_paths(wav_folder), sample_rate_hz, least_samples)
    if bad and on_bad_file == "error":
        raise UserError(_describe_bad(wav_folder, bad))
    if not loaded:
        raise UserError(f"none of the {len(bad)} files in {wav_folder} can be used, e.g. {_one_bad(bad[0])}")
    return RecordingSet(
        name=name,
        folder=wav_folder,
        recordings=tuple(item.recording for item in loaded),
        waveforms=tuple(item.wav.waveform for item in loaded),
        sample_rate_hz=sample_rate_hz,
        digest=content_digest((item.recording.path.name, item.sha256) for item in loaded),
        bad=tuple(bad),
        notes=_notes(loaded, bad, sample_rate_hz),
    )


def _load_files(paths: list[Path], sample_rate_hz: int, least_samples: int) -> tuple[list[_Loaded], list[BadRecording]]:
    loaded: dict[Recording, _Loaded] = {}
    bad: list[BadRecording] = []
    for path in paths:
        try:
            item = _load_file(path, sample_rate_hz, least_samples)
            if item.recording in loaded:  # x.wav beside x.WAV
                raise ValueError(f"same recording as {loaded[item.recording].recording.path.name}")
            loaded[item.recording] = item
        except ValueError as error:
            bad.append(BadRecording(path, str(error)))
    return sorted(loaded.values(), key=lambda item: item.recording), bad


def _load_file(path: Path, sample_rate_hz: int, least_samples: int) -> _Loaded:
    """Raises ValueError with the reason why this file cannot be used."""
    recording = Recording(*parse_name(path.name), path)
    content = read_bytes(path)
    return _Loaded(recording, hashlib.sha256(content).hexdigest(), decode_wav(content, sample_rate_hz, least_samples))


def read_bytes(path: Path) -> bytes:
    """The file's content; raises BadWavError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadWavError(f"cannot be read ({error.strerror})") from error


def _one_bad(bad: BadRecording) -> str:
    return f"{bad.path.name}: {bad.reason}"


def _describe_bad(folder: Path, bad: list[BadRecording]) -> str:
    head = f"{len(bad)} bad file(s) in {folder}: repair them, remove them or set data.on_bad_file=skip:"
    lines = [f"  {_one_bad(item)}" for item in bad[:LISTED_BAD_FILES]]
    if len(bad) > LISTED_BAD_FILES:
        lines.append(f"  and {len(bad) - LISTED_BAD_FILES} more")
    return "\n".join([head, *lines])


def _notes(loaded: list[_Loaded], bad: list[BadRecording], sample_rate_hz: int) -> tuple[str, ...]:
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
        notes.append(f"{len(bad)} bad file(s) left out, e.g. {_one_bad(bad[0])}")
    return tuple(notes)
