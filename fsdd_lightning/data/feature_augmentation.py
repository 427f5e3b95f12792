"""Training-time changes to a batch of standardized features: (B, T, C) float32, zero beyond each clip's end.

Every function returns new tensors, draws from the given generator alone and works on the whole batch at once.
The functions may leave any values beyond a clip's length; `FeatureAugmentation` clears them at the end.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from fsdd_lightning.config.schema import FeatureAugmentationConfig


class FeatureAugmentation:
    """All the changes that `config` asks for: shift, gain, offset, noise, then masks (masked is 0)."""

    def __init__(self, config: FeatureAugmentationConfig, static_channels: int | None = None) -> None:
        """`static_channels`: how many come before the deltas, which no offset changes; None: all channels."""
        self.config = config
        self.static_channels = static_channels
        self._masks_time = config.time_masks > 0 and config.time_mask_frames > 0
        self._masks_frequency = config.frequency_masks > 0 and config.frequency_mask_channels > 0

    @property
    def is_identity(self) -> bool:
        config = self.config
        amounts = (config.noise_std, config.gain_std, config.offset_std, config.time_shift_frames)
        return not (any(amounts) or self._masks_time or self._masks_frequency)

    def __call__(self, features: Tensor, lengths: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Changed (features, lengths), same shapes and types; the same tensors if there is nothing to do."""
        if self.is_identity:
            return features, lengths
        config = self.config
        if config.time_shift_frames:
            features, lengths = shift_time(features, lengths, config.time_shift_frames, generator)
        if config.gain_std:
            features = scale_channels(features, config.gain_std, generator)
        if config.offset_std:
            features = offset_channels(features, config.offset_std, generator, self.static_channels)
        if config.noise_std:
            features = add_noise(features, config.noise_std, generator)
        if self._masks_time:
            features = mask_time(features, lengths, config.time_masks, config.time_mask_frames, generator)
        if self._masks_frequency:
            features = mask_frequency(features, config.frequency_masks, config.frequency_mask_channels, generator)
        return clear_padding(features, lengths), lengths


def add_noise(features: Tensor, std: float, generator: Generator) -> Tensor:
    """Independent Gaussian noise on every value."""
    return features + _normal(features.shape, std, features, generator)


def scale_channels(features: Tensor, std: float, generator: Generator) -> Tensor:
    """x * (1 + gain), one Gaussian gain per clip and channel."""
    return features * _normal((len(features), 1, features.shape[2]), std, features, generator).add_(1.0)


def offset_channels(features: Tensor, std: float, generator: Generator, static_channels: int | None = None) -> Tensor:
    """x + offset, one Gaussian offset per clip and static channel: another microphone, another distance."""
    static = features[:, :, :static_channels]
    moved = static + _normal((len(static), 1, static.shape[2]), std, static, generator)
    return torch.cat([moved, features[:, :, moved.shape[2] :]], dim=2)


def shift_time(features: Tensor, lengths: Tensor, most_frames: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Start every clip up to `most_frames` later or earlier, all shifts equally likely; lengths follow.

    Later: the first frame is repeated in front (zero would be the channel's mean, not silence), only as far
    as the clip's end still fits into T frames. Earlier: the first frames are dropped, never the last one.
    """
    clips, frames, channels = features.shape
    shift = torch.randint(-most_frames, most_frames + 1, (clips,), generator=generator, device=features.device)
    shift = torch.minimum(torch.maximum(shift, 1 - lengths), frames - lengths)
    source = torch.arange(frames, device=features.device) - shift[:, None]  # (B, T)
    source = source.clamp_(0, frames - 1)[:, :, None].expand(-1, -1, channels)
    return features.gather(1, source), lengths + shift


def mask_time(features: Tensor, lengths: Tensor, masks: int, widest_frames: int, generator: Generator) -> Tensor:
    """Zero `masks` runs of 0..widest_frames frames in every clip, at most half the clip (SpecAugment)."""
    widest = torch.clamp(lengths // 2, max=widest_frames)[:, None].expand(-1, masks)
    hidden = _runs(widest, lengths[:, None], features.shape[1], generator)
    return features.masked_fill(hidden[:, :, None], 0.0)


def mask_frequency(features: Tensor, masks: int, widest_channels: int, generator: Generator) -> Tensor:
    """Zero `masks` runs of 0..widest_channels adjacent channels over the whole clip (SpecAugment)."""
    clips, _, channels = features.shape
    widest = torch.full((clips, masks), min(widest_channels, channels), device=features.device)
    size = torch.full((clips, 1), channels, device=features.device)
    hidden = _runs(widest, size, channels, generator)
    return features.masked_fill(hidden[:, None, :], 0.0)


def clear_padding(features: Tensor, lengths: Tensor) -> Tensor:
    """Zero in every frame beyond its clip's length."""
    beyond = torch.arange(features.shape[1], device=features.device) >= lengths[:, None]  # (B, T)
    return features.masked_fill(beyond[:, :, None], 0.0)


def _runs(widest: Tensor, size: Tensor, positions: int, generator: Generator) -> Tensor:
    """(B, positions) bool: M runs of uniform width 0..widest (B, M) within the first `size` (B, 1) positions."""
    width = _uniform_integer(widest, generator)
    start = _uniform_integer(size - width, generator)
    place = torch.arange(positions, device=widest.device)[:, None, None]
    return ((place >= start) & (place < start + width)).any(dim=2).T


def _uniform_integer(most: Tensor, generator: Generator) -> Tensor:
    """0..most, inclusive, equally likely; an upper limit per element."""
    drawn = torch.rand(most.shape, generator=generator, device=most.device, dtype=torch.float64)
    return (drawn * (most + 1)).floor_().long()


def _normal(shape: tuple[int, ...], std: float, like: Tensor, generator: Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype).mul_(std)
