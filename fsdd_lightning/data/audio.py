"""Decode sound of any kind that libsndfile reads: flac, ogg, mp3, aiff, au and more; WAV in `wav.py`.

What a file holds is told by its content, not by its name. Truncated files are refused as far as their kind can tell.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from fsdd_lightning.data.wav import NOT_SOUND, BadWavError, DecodedWav, decode_wav, decoded, opened, waveform_of
from fsdd_lightning.errors import UserError
from fsdd_lightning.files import RECORDING_BYTES, read_regular

# Names in a folder that stand for sound.
SUFFIXES = (
    *(".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc"),
    *(".au", ".snd", ".caf", ".voc", ".nist", ".sph", ".avr", ".svx", ".iff"),
)
# How files begin; what else libsndfile knows can't be told from raw samples.
MAGIC = (
    *(b"RIFF", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b".snd", b"caff"),
    *(b"ID3", b"Creative Voice File", b"NIST_1A", b"2BIT"),
)
HEAD_BYTES = max(map(len, MAGIC))
AU_UNSTATED_SIZE = 0xFFFFFFFF
OGG_LAST_PAGE = 4  # a flag of its header
MAX_ENTRIES = 500_000  # of a folder: five times Speech Commands; more is no folder of recordings
MP3_SLACK = 2 * 1152  # samples: without a Xing header the length of an MP3 file is an estimate


def decode_audio(content: bytes, sample_rate_hz: int, least_samples: int = 1) -> DecodedWav:
    """Decode a whole file, mix its channels down by their mean, resample; WAV files as `decode_wav`, bit for bit.

    Raises:
        BadWavError: no usable recording, or one of less than `least_samples`, those of a frame, at that rate.
    """
    if not content:
        raise BadWavError("empty file")
    if content[:4] == b"RIFF":
        return decode_wav(content, sample_rate_hz, least_samples)
    if not is_container(content[:HEAD_BYTES]):  # libsndfile knows more kinds, some of which print as they are read
        raise BadWavError(NOT_SOUND)
    _check_whole(content)
    return waveform_of(*_decoded(content), sample_rate_hz, least_samples)


def read_bytes(path: Path) -> bytes:
    """The content of a file that may hold sound; raises BadWavError if it cannot be read."""
    try:
        return read_regular(path, RECORDING_BYTES)
    except OSError as error:
        hint = ": feed it as standard input" if error.errno == errno.EINVAL else ""
        raise BadWavError(f"cannot be read ({error.strerror}){hint}") from error


def audio_paths(folder: Path) -> list[Path]:
    """The files directly in `folder` whose names are those of sound, sorted by name; no hidden files.

    Raises:
        OSError: it can't be read; UserError: it holds too many files.
    """
    return [folder / entry.name for entry in listed(folder) if is_audio(entry.name)]


def listed(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, sorted by name; raises as `audio_paths` does."""
    with os.scandir(folder) as entries:
        found = list(islice(entries, MAX_ENTRIES + 1))
    if len(found) > MAX_ENTRIES:
        raise UserError(f"{folder} holds more than {MAX_ENTRIES:,} files: name a folder of recordings, or less of them")
    return sorted(found, key=lambda entry: entry.name)


def is_audio(name: str) -> bool:
    """Whether a file's name is that of sound, and not hidden."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def is_container(head: bytes) -> bool:
    """Whether content that begins with these HEAD_BYTES is a file, not raw samples."""
    return head.startswith(MAGIC) or _begins_mp3(head)


def _begins_mp3(head: bytes) -> bool:
    """A valid header of layer III without a tag before it: such samples begin no quiet recording."""
    if len(head) < 4:
        return False
    (word,) = struct.unpack_from(">I", head)
    sync, version, layer = word >> 21, word >> 19 & 3, word >> 17 & 3
    bitrate, rate = word >> 12 & 15, word >> 10 & 3
    return sync == 0x7FF and version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3


def _decoded(content: bytes) -> tuple[np.ndarray, int]:
    """As `decoded`, of a file whose length libsndfile knows; its decoder of MP3 prints warnings."""
    if not (content[:3] == b"ID3" or _begins_mp3(content)):
        return decoded(content)
    with _quiet_stderr():
        samples, source_rate_hz = decoded(content)
        promised = _promised_frames(content)
    if len(samples) < promised - MP3_SLACK:
        raise BadWavError(f"truncated (header promises {promised} samples, {len(samples)} are there)")
    return samples, source_rate_hz


def _promised_frames(content: bytes) -> int:
    with opened(content) as file:
        return int(file.frames)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """What C code prints goes nowhere."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# ---- truncated files


def _check_whole(content: bytes) -> None:
    """BadWavError where the header promises more than there is."""
    if content[:4] == b"OggS":
        _check_last_page(content)
    promised = next((of for magic, of in _PROMISED_BYTES.items() if content.startswith(magic)), None)
    if promised is None:
        return
    try:
        stated = promised(content)
    except struct.error:
        raise BadWavError("truncated (the file ends within its header)") from None
    if len(content) < stated:
        raise BadWavError(f"truncated (header promises {stated} bytes, {len(content)} are there)")


def _au_bytes(content: bytes) -> int:
    start, size = struct.unpack_from(">II", content, 4)
    return int(start) if size == AU_UNSTATED_SIZE else int(start + size)


def _rf64_bytes(content: bytes) -> int:
    (size,) = struct.unpack_from("<Q", content, 20)
    return int(size) + 8 if content[12:16] == b"ds64" else 0


_PROMISED_BYTES: dict[bytes, Callable[[bytes], int]] = {
    b"FORM": lambda content: int(struct.unpack_from(">I", content, 4)[0]) + 8,
    b".snd": _au_bytes,
    b"RF64": _rf64_bytes,
    b"riff": lambda content: int(struct.unpack_from("<Q", content, 16)[0]),
}


def _check_last_page(content: bytes) -> None:
    """The last page of an Ogg file says that it is the last, and is whole."""
    page = content.rfind(b"OggS")
    header = content[page : page + 27]
    if len(header) == 27 and header[5] & OGG_LAST_PAGE:
        table = content[page + 27 : page + 27 + header[26]]
        if len(table) == header[26] and page + 27 + len(table) + sum(table) <= len(content):
            return
    raise BadWavError("truncated (its last page is missing)")
