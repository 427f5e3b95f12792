"""Every augmentation has its documented effect, keeps padding and its input, and depends on its generator alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from example_configs import NO_AUGMENTATION
from torch import Generator, Tensor

from fsdd_lightning.config.schema import FeatureAugmentationConfig
from fsdd_lightning.data.feature_augmentation import FeatureAugmentation

INGREDIENTS = {
    "noise": replace(NO_AUGMENTATION, noise_std=0.3),
    "gain": replace(NO_AUGMENTATION, gain_std=0.2),
    "offset": replace(NO_AUGMENTATION, offset_std=0.5),
    "shift": replace(NO_AUGMENTATION, time_shift_frames=3),
    "time_mask": replace(NO_AUGMENTATION, time_masks=2, time_mask_frames=4),
    "frequency_mask": replace(NO_AUGMENTATION, frequency_masks=2, frequency_mask_channels=3),
}
EVERYTHING = FeatureAugmentationConfig("everything", 0.2, 0.1, 0.1, 3, 2, 4, 1, 3)
CLIPS, FRAMES, CHANNELS = 2000, 20, 7


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def batch(clips: int = CLIPS, shortest: int = 1) -> tuple[Tensor, Tensor]:
    """Features that are nowhere 0 within a clip and 0 beyond it; lengths shortest..FRAMES."""
    generator = seeded(9)
    lengths = torch.randint(shortest, FRAMES + 1, (clips,), generator=generator)
    lengths[0], lengths[1] = shortest, FRAMES
    features = torch.randn(clips, FRAMES, CHANNELS, generator=generator)
    features = torch.where(features.abs() < 0.01, 0.01, features)
    return features * inside(lengths)[:, :, None], lengths


def inside(lengths: Tensor) -> Tensor:
    return torch.arange(FRAMES) < lengths[:, None]


def augmented(config: FeatureAugmentationConfig, seed: int = 0, shortest: int = 1) -> tuple[Tensor, Tensor]:
    return FeatureAugmentation(config)(*batch(shortest=shortest), seeded(seed))


@pytest.mark.parametrize(
    "change", [{}, {"time_masks": 2}, {"time_mask_frames": 2}, {"frequency_masks": 1}, {"frequency_mask_channels": 1}]
)
def test_nothing_to_do_returns_the_same_tensors_and_draws_nothing(change: dict[str, int]) -> None:
    config = replace(NO_AUGMENTATION, **change)  # type: ignore[arg-type]
    features, lengths = batch()
    generator = seeded()
    before = generator.get_state()
    out_features, out_lengths = FeatureAugmentation(config)(features, lengths, generator)
    assert out_features is features and out_lengths is lengths
    assert torch.equal(generator.get_state(), before)
    assert FeatureAugmentation(config).is_identity


@pytest.mark.parametrize("config", [*INGREDIENTS.values(), EVERYTHING], ids=[*INGREDIENTS, "everything"])
class TestEveryIngredient:
    def test_shapes_types_padding_and_lengths(self, config: FeatureAugmentationConfig) -> None:
        features, lengths = augmented(config)
        assert features.shape == (CLIPS, FRAMES, CHANNELS) and features.dtype == torch.float32
        assert lengths.shape == (CLIPS,) and lengths.dtype == torch.int64
        assert lengths.min() >= 1 and lengths.max() <= FRAMES
        assert (features[~inside(lengths)] == 0).all()
        assert torch.isfinite(features).all()

    def test_never_in_place(self, config: FeatureAugmentationConfig) -> None:
        features, lengths = batch()
        kept_features, kept_lengths = features.clone(), lengths.clone()
        changed, _ = FeatureAugmentation(config)(features, lengths, seeded())
        assert torch.equal(features, kept_features) and torch.equal(lengths, kept_lengths)
        assert not torch.equal(changed, features)

    def test_follows_the_generator_alone(self, config: FeatureAugmentationConfig) -> None:
        torch.manual_seed(1)
        first, second = augmented(config), augmented(config)
        torch.manual_seed(2)
        third = augmented(config)
        assert torch.equal(first[0], second[0]) and torch.equal(first[0], third[0])
        assert torch.equal(first[1], third[1])
        assert not torch.equal(first[0], augmented(config, seed=1)[0])

    def test_every_call_draws_new_numbers(self, config: FeatureAugmentationConfig) -> None:
        generator = seeded()
        first, second = (FeatureAugmentation(config)(*batch(), generator)[0] for _ in range(2))
        assert not torch.equal(first, second)

    def test_a_batch_of_one(self, config: FeatureAugmentationConfig) -> None:
        features, lengths = batch()
        out, out_lengths = FeatureAugmentation(config)(features[:1], lengths[:1], seeded())
        assert out.shape == (1, FRAMES, CHANNELS) and 1 <= int(out_lengths) <= FRAMES


def test_noise_has_its_standard_deviation_and_is_independent_everywhere() -> None:
    features, lengths = batch()
    out, _ = augmented(INGREDIENTS["noise"])
    noise = (out - features)[inside(lengths)]  # (valid frames, C)
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert abs(noise.mean()) < 0.005
    correlation = torch.corrcoef(noise.T) - torch.eye(CHANNELS)
    assert correlation.abs().max() < 0.05
    along_time = torch.corrcoef(torch.stack([noise[1:, 0], noise[:-1, 0]]))[0, 1]
    assert abs(along_time) < 0.05


@pytest.mark.parametrize(("name", "mean", "std"), [("gain", 1.0, 0.2), ("offset", 0.0, 0.5)])
def test_gain_and_offset_are_one_value_per_clip_and_channel(name: str, mean: float, std: float) -> None:
    features, lengths = batch(shortest=2)
    out, _ = augmented(INGREDIENTS[name], shortest=2)
    changes = out / features if name == "gain" else out - features
    changes = torch.where(inside(lengths)[:, :, None], changes, torch.nan)
    values = changes.nanmean(dim=1)  # (B, C)
    assert (changes - values[:, None]).nan_to_num().abs().max() < 1e-4
    assert values.mean() == pytest.approx(mean, abs=0.015)
    assert values.std() == pytest.approx(std, rel=0.03)
    assert (torch.corrcoef(values.T) - torch.eye(CHANNELS)).abs().max() < 0.1


def test_shift_moves_a_clip_by_the_change_of_its_length() -> None:
    features, lengths = batch()
    out, out_lengths = augmented(INGREDIENTS["shift"])
    for clip in range(300):
        shift = int(out_lengths[clip] - lengths[clip])
        original = features[clip, : lengths[clip]]
        repeated = original[:1].expand(max(shift, 0), -1)
        expected = torch.cat([repeated, original[max(-shift, 0) :]])
        assert torch.equal(out[clip, : out_lengths[clip]], expected)


def test_shifts_are_uniform_and_bounded_by_the_room_there_is() -> None:
    _, lengths = batch()
    _, out_lengths = augmented(INGREDIENTS["shift"])
    shifts = out_lengths - lengths
    free = (lengths > 3) & (lengths <= FRAMES - 3)
    counts = torch.bincount(shifts[free] + 3, minlength=7)
    assert len(counts) == 7 and counts.min() > free.sum() / 7 * 0.8
    assert (shifts[lengths == FRAMES] <= 0).all() and (shifts[lengths == 1] >= 0).all()
    assert (shifts[lengths == 1] == 3).any() and (shifts[lengths == FRAMES] == -3).any()


def run_widths(hidden: Tensor) -> Tensor:
    """(B,) width of the single run of true values in (B, n); fails where there is more than one run."""
    edges = torch.diff(hidden.long(), dim=1, prepend=torch.zeros(len(hidden), 1, dtype=torch.long))
    assert ((edges == 1).sum(dim=1) <= 1).all()
    return hidden.sum(dim=1)


def test_a_time_mask_is_one_run_of_whole_frames_inside_the_clip() -> None:
    features, lengths = batch()
    out, _ = augmented(replace(NO_AUGMENTATION, time_masks=1, time_mask_frames=4))
    valid = inside(lengths)
    hidden = (out == 0).all(dim=2) & valid
    assert torch.equal(out[~hidden], features[~hidden])
    assert ((out == 0).any(dim=2) & valid == hidden).all()
    widths = run_widths(hidden)
    assert (widths <= lengths // 2).all()
    counts = torch.bincount(widths[lengths >= 8], minlength=5)
    assert len(counts) == 5 and counts.min() > counts.sum() / 5 * 0.8
    at_the_ends = hidden[torch.arange(CLIPS), lengths - 1].sum(), hidden[:, 0].sum()
    assert min(at_the_ends) > 20, "masks must reach the first and the last frame"


def test_a_frequency_mask_is_one_run_of_whole_channels() -> None:
    features, lengths = batch()
    out, _ = augmented(replace(NO_AUGMENTATION, frequency_masks=1, frequency_mask_channels=3))
    valid = inside(lengths)
    hidden = ((out == 0) | ~valid[:, :, None]).all(dim=1)  # (B, C)
    assert torch.equal(out, features.masked_fill(hidden[:, None, :], 0.0))
    counts = torch.bincount(run_widths(hidden), minlength=4)
    assert len(counts) == 4 and counts.min() > CLIPS / 4 * 0.8
    assert hidden[:, 0].sum() > 50 and hidden[:, -1].sum() > 50


def test_more_masks_hide_more() -> None:
    def hidden_share(masks: int) -> float:
        out, lengths = augmented(replace(NO_AUGMENTATION, time_masks=masks, time_mask_frames=4))
        return float((out[inside(lengths)] == 0).float().mean())

    one, two = hidden_share(1), hidden_share(2)
    assert one * 1.5 < two < one * 2


def test_masks_wider_than_the_features_leave_no_error() -> None:
    out, _ = augmented(replace(NO_AUGMENTATION, frequency_masks=1, frequency_mask_channels=99))
    assert out.shape == (CLIPS, FRAMES, CHANNELS)


def test_masked_values_stay_zero_under_noise_and_offset() -> None:
    """Masks come last: a masked channel carries no noise that would distinguish it from the channel's mean."""
    out, lengths = augmented(replace(EVERYTHING, time_masks=0))
    channel_is_hidden = ((out == 0) | ~inside(lengths)[:, :, None]).all(dim=1)
    assert channel_is_hidden.float().mean() == pytest.approx(1.5 / CHANNELS, rel=0.1)


def test_offsets_leave_deltas_alone() -> None:
    """A microphone adds the same to every frame, so differences of frames do not change."""
    features, lengths = batch()
    offset = FeatureAugmentation(replace(NO_AUGMENTATION, offset_std=0.5), static_channels=4)
    changed, _ = offset(features, lengths, seeded())
    assert torch.equal(changed[:, :, 4:], features[:, :, 4:])
    assert not torch.isclose(changed[:, 0, :4], features[:, 0, :4]).all(dim=1).any()
