"""Bounds of a value that its type can't hold, and of values of one group together. Of a whole config: resources.py."""

from __future__ import annotations

from fsdd_lightning.config.durations import Framed
from fsdd_lightning.files import LONGEST_NAME, is_name

_MOST_TRANSFORM = 2**15  # samples
_MOST_CLIPS = 30_000  # of the synthetic corpus, ten times FSDD: half a gigabyte of sound
DIGITS = 10
_PATH_BYTES = 4000  # Linux has 4,096 of a whole one
_FOLDER_NAME_BYTES = 200  # with room for what is appended to it


def is_folder_name(name: str) -> bool:
    """Whether a folder can have this name."""
    return is_name(name) and "\\" not in name and _bytes(name) <= _FOLDER_NAME_BYTES


def path_problem(path: str) -> str | None:
    """Why no file system has this path."""
    if "\0" in path:
        return "a path has no NUL character"
    if "${" in path:
        return "a path has no ${ in it: Hydra would take it for a reference"
    longest = max(map(_bytes, path.split("/")))
    if longest > LONGEST_NAME:
        return f"a name in a path has at most {LONGEST_NAME} bytes, not {longest}"
    return None if _bytes(path) <= _PATH_BYTES else f"a path has at most {_PATH_BYTES:,} bytes, not {_bytes(path):,}"


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def synthetic_problem(speakers: int, takes: int) -> str | None:
    """Why a synthetic corpus of so many speakers and takes is too large."""
    clips = speakers * takes * DIGITS
    if clips <= _MOST_CLIPS:
        return None
    return f"speakers={speakers} with takes={takes} are {clips:,} clips: there may be {_MOST_CLIPS:,}"


def longest_transform_problem(config: Framed, n_fft: int) -> str | None:
    """Why a transform of so many samples is too long."""
    if n_fft <= _MOST_TRANSFORM:
        return None
    rate = config.sample_rate_hz
    return f"window_ms or fft_ms is {n_fft:,} samples at {rate} Hz: there may be {_MOST_TRANSFORM:,}"
