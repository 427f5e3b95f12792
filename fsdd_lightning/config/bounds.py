"""Bounds that several values have together: what a run would take, computed before anything of it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsdd_lightning.config.durations import Framed

if TYPE_CHECKING:
    from fsdd_lightning.config.schema import Config

MOST_PARAMETERS = 2**24  # with gradients and AdamW's two averages 256 MB
_MOST_ACTIVATIONS = 2**24  # units times layers times frames times clips of a batch: some 0.8 GB while it is trained
_MOST_FRAMES = 10_000  # of a clip
_MOST_VALUES = 2**16  # of a clip: 256 kB in float32, and FSDD has 3,000 clips
_MOST_CORPUS_VALUES = 2**28  # of a synthetic corpus with its training copies: 1 GB
_MOST_TRANSFORM = 2**15  # samples
_MOST_CLIPS = 30_000  # of the synthetic corpus, ten times FSDD: half a gigabyte of sound
_DIGITS = 10
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
    clips = speakers * takes * _DIGITS
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


def network_problem(config: Config, hidden_size: int) -> str | None:
    """Why a network of this size can't be trained with these features and this batch size."""
    layers, frames, batch = config.model.layers, config.features.max_frames, config.training.batch_size
    count = parameters(config.features.channels, hidden_size, layers)
    if count > MOST_PARAMETERS:
        return (
            f"model: layers={layers} with hidden_size={hidden_size} are {count:,} parameters: there may be "
            f"{MOST_PARAMETERS:,}; choose a smaller network"
        )
    values = batch * frames * hidden_size * layers
    if values > _MOST_ACTIVATIONS:
        most = _MOST_ACTIVATIONS // (frames * hidden_size * layers)
        return (
            f"training.batch_size={batch} with {frames} frames of a {layers}x{hidden_size} network takes about "
            f"{48 * values / 1e9:,.1f} GB: set it to at most {most}, or choose a smaller network"
        )
    return None


def run_problem(config: Config) -> str | None:
    """Why a run takes more than there is, as far as it is known before its data are."""
    features = config.features
    values = features.max_frames * features.channels
    if features.max_frames > _MOST_FRAMES or values > _MOST_VALUES:
        return (
            f"features: max_seconds={features.max_seconds:g} with hop_ms={features.hop_ms:g} are "
            f"{features.max_frames:,} frames of {features.channels} values: there may be {_MOST_FRAMES:,} frames, and "
            f"{_MOST_VALUES:,} values"
        )
    if config.data.source == "synthetic":
        clips = _DIGITS * config.data.synthetic.speakers * config.data.synthetic.takes
        kept = clips * (1 + config.waveform_augmentation.copies) * values
        if kept > _MOST_CORPUS_VALUES:
            return (
                f"data.synthetic: {clips:,} clips with waveform_augmentation.copies="
                f"{config.waveform_augmentation.copies} are {4 * kept / 1e9:.1f} GB of features: choose fewer"
            )
    if isinstance(config.model.hidden_size, int):
        return network_problem(config, config.model.hidden_size)
    return None
