"""What a config takes together, checked before anything is built."""

from __future__ import annotations

from fsdd_lightning.config.bounds import DIGITS
from fsdd_lightning.config.schema import Config

_MOST_PARAMETERS = 2**24  # with gradients and AdamW's two averages 256 MB
_MOST_ACTIVATIONS = 2**24  # units times layers times frames times clips of a batch: some 0.8 GB while it is trained
_MOST_FRAMES = 10_000  # of a clip
_MOST_VALUES = 2**16  # of a clip: 256 kB in float32, and FSDD has 3,000 clips
_MOST_CORPUS_VALUES = 2**28  # of a synthetic corpus with its training copies: 1 GB


def _parameters(inputs: int, hidden_size: int, layers: int) -> int:
    """Of the LSTM alone."""
    return 4 * hidden_size * ((inputs + hidden_size + 2) + (layers - 1) * (2 * hidden_size + 2))


def network_problem(config: Config, hidden_size: int) -> str | None:
    """Why a network of this size can't be trained with these features and this batch size."""
    layers, frames, batch = config.model.layers, config.features.max_frames, config.training.batch_size
    count = _parameters(config.features.channels, hidden_size, layers)
    if count > _MOST_PARAMETERS:
        return (
            f"model: layers={layers} with hidden_size={hidden_size} are {count:,} parameters: there may be "
            f"{_MOST_PARAMETERS:,}; choose a smaller network"
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
        clips = DIGITS * config.data.synthetic.speakers * config.data.synthetic.takes
        kept = clips * (1 + config.waveform_augmentation.copies) * values
        if kept > _MOST_CORPUS_VALUES:
            return (
                f"data.synthetic: {clips:,} clips with waveform_augmentation.copies="
                f"{config.waveform_augmentation.copies} are {4 * kept / 1e9:.1f} GB of features: choose fewer"
            )
    if isinstance(config.model.hidden_size, int):
        return network_problem(config, config.model.hidden_size)
    return None
