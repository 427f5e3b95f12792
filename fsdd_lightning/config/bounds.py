"""Bounds that several values have together: what a run would take, computed before anything of it is made."""

from __future__ import annotations

from fsdd_lightning.config.durations import Framed

MOST_PARAMETERS = 2**24  # with gradients and AdamW's two averages 256 MB
_MOST_TRANSFORM = 2**15  # samples
_MOST_CLIPS = 30_000  # of the synthetic corpus, ten times FSDD: half a gigabyte of sound
DIGITS = 10
_NAME_BYTES = 255  # of a part of a path, on nearly all file systems
_PATH_BYTES = 4000  # Linux has 4,096 of a whole one
_FOLDER_NAME_BYTES = 200  # with room for what is appended to it


def is_folder_name(name: str) -> bool:
    """Whether a folder can have this name."""
    return name not in ("", ".", "..") and not set(name) & set("/\\\0") and _bytes(name) <= _FOLDER_NAME_BYTES


def path_problem(path: str) -> str | None:
    """Why no file system has this path."""
    if "\0" in path:
        return "a path has no NUL character"
    if "${" in path:
        return "a path has no ${ in it: Hydra would take it for a reference"
    longest = max(map(_bytes, path.split("/")))
    if longest > _NAME_BYTES:
        return f"a name in a path has at most {_NAME_BYTES} bytes, not {longest}"
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


def parameters(inputs: int, hidden_size: int, layers: int) -> int:
    """Of the LSTM alone."""
    return 4 * hidden_size * ((inputs + hidden_size + 2) + (layers - 1) * (2 * hidden_size + 2))
