"""Splits are disjoint, complete, repeatable, stratified, and depend on names alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdd_lightning.config.schema import SplitConfig
from fsdd_lightning.data.splits import SPLITS, Split, split_recordings
from fsdd_lightning.errors import UserError

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
FIXED_DIGEST = 1079152735


@dataclass(frozen=True)
class NamedClip:
    label: str
    speaker: str
    take: int
    corpus: str = ""
    part: str = ""

    @property
    def name(self) -> str:
        return f"{self.label}_{self.speaker}_{self.take}"


def corpus(speakers: tuple[str, ...] = FSDD_SPEAKERS, takes: int = 50, digits: int = 10) -> list[NamedClip]:
    return [NamedClip(str(d), s, t) for d in range(digits) for s in speakers for t in range(takes)]


def split_config(name: str, **changes: object) -> SplitConfig:
    held_out = "george" if name == "unseen_speaker" else None
    plain = SplitConfig(name, 42, 0.2, 0.1, 5, held_out, 1, None)  # type: ignore[arg-type]
    return replace(plain, **changes)  # type: ignore[arg-type]


def names_of(clips: list[NamedClip], split: Split) -> list[set[str]]:
    return [{clips[i].name for i in part} for part in (split.train, split.val, split.test)]


def stratum_counts(clips: list[NamedClip], part: np.ndarray) -> Counter[tuple[str, str]]:
    return Counter((clips[i].label, clips[i].speaker) for i in part)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("random", (2160, 240, 600)), ("official", (2430, 270, 300)), ("unseen_speaker", (2000, 500, 500))],
)
def test_sizes_on_the_real_dataset(name: str, sizes: tuple[int, int, int]) -> None:
    split = split_recordings(corpus(), split_config(name))
    assert (len(split.train), len(split.val), len(split.test)) == sizes
    assert split.name == name


@pytest.mark.parametrize("name", sorted(SPLITS))
@settings(max_examples=15, deadline=None)
@given(
    speakers=st.lists(st.text("abcxyz", min_size=1, max_size=5), min_size=3, max_size=6, unique=True),
    takes=st.integers(6, 12),
    seed=st.integers(0, 2**32 - 1),
    shuffler=st.randoms(use_true_random=False),
)
def test_disjoint_complete_repeatable_and_independent_of_the_listing_order(
    name: str, speakers: list[str], takes: int, seed: int, shuffler: object
) -> None:
    clips = corpus(tuple(speakers), takes)
    config = split_config(name, seed=seed)
    if name == "unseen_speaker":
        config = replace(config, held_out=speakers[0])
    split = split_recordings(clips, config)
    parts = [split.train, split.val, split.test]
    together = np.concatenate(parts)
    assert sorted(together) == list(range(len(clips)))
    for part in parts:
        assert part.dtype == np.int64 and len(part) > 0 and (np.diff(part) > 0).all()
    assert names_of(clips, split_recordings(clips, config)) == names_of(clips, split)
    other_order = list(clips)
    shuffler.shuffle(other_order)  # type: ignore[attr-defined]
    assert names_of(other_order, split_recordings(other_order, config)) == names_of(clips, split)


def test_random_is_stratified_by_digit_and_speaker() -> None:
    clips = corpus()
    split = split_recordings(clips, split_config("random"))
    for part, count in ((split.test, 10), (split.val, 4), (split.train, 36)):
        assert set(stratum_counts(clips, part).values()) == {count}


def test_random_stays_in_proportion_for_unequal_speakers() -> None:
    clips = corpus(("ada",), takes=40) + corpus(("bo",), takes=10)
    split = split_recordings(clips, split_config("random"))
    counts = stratum_counts(clips, split.test)
    assert {counts[digit, "ada"] for digit in "0123456789"} == {8}
    assert {counts[digit, "bo"] for digit in "0123456789"} == {2}


@pytest.mark.parametrize(("speakers", "takes"), [(FSDD_SPEAKERS, 2), (("ada",), 3)])
def test_small_corpora_are_stratified_by_digit_alone(speakers: tuple[str, ...], takes: int) -> None:
    """Validation has no room for all strata, but every digit is in every part."""
    clips = corpus(speakers, takes)
    split = split_recordings(clips, split_config("random"))
    for part in (split.train, split.val, split.test):
        digits = Counter(clips[i].label for i in part)
        assert set(digits) == set("0123456789") and max(digits.values()) - min(digits.values()) <= 1


def test_official_test_set_is_the_first_takes_of_every_speaker() -> None:
    clips = corpus()
    split = split_recordings(clips, split_config("official"))
    assert {clips[i].take for i in split.test} == {0, 1, 2, 3, 4}
    assert min(clips[i].take for i in np.concatenate([split.train, split.val])) == 5
    counts = stratum_counts(clips, split.val)
    assert set(counts.values()) <= {4, 5} and len(counts) == 60
    fewer = split_recordings(clips, split_config("official", test_takes=2))
    assert {clips[i].take for i in fewer.test} == {0, 1}


def test_unseen_speakers_are_in_one_part_only() -> None:
    clips = corpus()
    for held_out in FSDD_SPEAKERS:
        split = split_recordings(clips, split_config("unseen_speaker", held_out=held_out, validation_speakers=2))
        train, val, test = ({clips[i].speaker for i in part} for part in (split.train, split.val, split.test))
        assert test == {held_out}
        assert len(val) == 2 and len(train) == 3
        assert train | val | test == set(FSDD_SPEAKERS)


def test_without_validation_speakers_all_others_train() -> None:
    """Validation is cut from their recordings, stratified by digit and speaker."""
    clips = corpus()
    config = split_config("unseen_speaker", held_out="theo", validation_speakers=0, validation_fraction=0.04)
    split = split_recordings(clips, config)
    others = set(FSDD_SPEAKERS) - {"theo"}
    assert {clips[i].speaker for i in split.train} == {clips[i].speaker for i in split.val} == others
    assert {clips[i].speaker for i in split.test} == {"theo"}
    assert len(split.train) + len(split.val) + len(split.test) == len(clips)
    assert set(stratum_counts(clips, split.val).values()) == {2} and len(split.val) == 100


@pytest.mark.parametrize("name", ["random", "official"])
def test_another_seed_is_another_split(name: str) -> None:
    clips = corpus()
    first = split_recordings(clips, split_config(name, seed=0))
    second = split_recordings(clips, split_config(name, seed=1))
    assert not np.array_equal(first.val, second.val)
    assert np.array_equal(first.test, second.test) == (name == "official")


def test_the_validation_speaker_follows_seed_and_held_out_speaker() -> None:
    clips = corpus()

    def validation_speaker(seed: int, held_out: str) -> str:
        split = split_recordings(clips, split_config("unseen_speaker", seed=seed, held_out=held_out))
        return clips[split.val[0]].speaker

    assert {validation_speaker(seed, "george") for seed in range(40)} == set(FSDD_SPEAKERS) - {"george"}
    assert len({validation_speaker(42, held_out) for held_out in FSDD_SPEAKERS}) > 1


def test_validation_never_touches_the_test_set_of_the_random_split() -> None:
    """The test set is the same however much is kept for validation."""
    clips = corpus()
    small = split_recordings(clips, split_config("random", validation_fraction=0.05))
    large = split_recordings(clips, split_config("random", validation_fraction=0.3))
    assert np.array_equal(small.test, large.test)


def test_fixed_outcome() -> None:
    """The split of seed 42 is part of every published number: it must not drift with a refactor."""
    clips = corpus()
    split = split_recordings(clips, split_config("random"))
    digest = sum((i + 1) * int(p) for i, p in enumerate(split.test)) + sum(int(p) ** 2 for p in split.val)
    assert digest == FIXED_DIGEST


@pytest.mark.parametrize(
    ("speakers", "held_out", "reason"),
    [
        (FSDD_SPEAKERS, "gorge", r"held_out=gorge.*george, jackson, lucas"),
        (("george", "theo"), "george", r"1 speakers besides george.*validation_speakers"),
    ],
)
def test_a_speaker_that_cannot_be_held_out(speakers: tuple[str, ...], held_out: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        split_recordings(corpus(speakers), split_config("unseen_speaker", held_out=held_out))


@pytest.mark.parametrize("name", ["random", "official"])
@pytest.mark.parametrize("clips", [[], corpus(("ada",), takes=1), [*corpus(), NamedClip(10, "ada", 7)]])
def test_corpora_too_small_to_divide(name: str, clips: list[NamedClip]) -> None:
    with pytest.raises(UserError, match=rf"split={name}: cannot cut"):
        split_recordings(clips, split_config(name))


@pytest.mark.parametrize(("takes", "first", "reason"), [(50, 5, "test part empty"), (5, 0, "split=official")])
def test_official_needs_early_and_later_takes(takes: int, first: int, reason: str) -> None:
    clips = [replace(clip, take=clip.take + first) for clip in corpus(takes=takes)]
    with pytest.raises(UserError, match=reason):
        split_recordings(clips, split_config("official"))


def training_speakers(clips: list[NamedClip], **changes: object) -> set[str]:
    split = split_recordings(clips, split_config("unseen_speaker", **changes))
    return {clips[i].speaker for i in split.train}


@pytest.mark.parametrize("validation_speakers", [0, 1, 2])
def test_fewer_training_speakers_are_among_those_of_more(validation_speakers: int) -> None:
    clips = corpus(takes=6)
    changes = {"validation_speakers": validation_speakers, "validation_fraction": 0.2}
    whole = split_recordings(clips, split_config("unseen_speaker", **changes))
    before: set[str] = set()
    for count in range(1, 6 - validation_speakers):
        split = split_recordings(clips, split_config("unseen_speaker", train_speakers=count, **changes))
        train, val, test = ({clips[i].speaker for i in part} for part in (split.train, split.val, split.test))
        assert len(train) == count and before < train and test == {"george"}
        assert val == train if validation_speakers == 0 else np.array_equal(split.val, whole.val)
        assert not {*split.train} & {*split.val}
        before = train
    assert np.array_equal(split.train, whole.train) and np.array_equal(split.val, whole.val)  # these are all


def test_training_speakers_follow_seed_and_held_out_speaker() -> None:
    clips = corpus(takes=6)
    every = set(FSDD_SPEAKERS) - {"george"}
    assert set().union(*(training_speakers(clips, seed=seed, train_speakers=1) for seed in range(40))) == every
    first = {name: training_speakers(clips, held_out=name, train_speakers=1) for name in FSDD_SPEAKERS}
    assert all(name not in heard for name, heard in first.items())
    assert len(set(map(frozenset, first.values()))) > 2


@pytest.mark.parametrize(
    ("clips", "changes", "reason"),
    [
        (corpus(takes=6), {"train_speakers": 5}, r"train_speakers=5: besides george and 1 of validation there are 4 "),
        (
            corpus(("george", "ada", "bo"), takes=6),
            {"train_speakers": 2},
            r"besides george and 1 of validation there are 1 speakers \((ada|bo)\)",
        ),
        (
            [*corpus(("george", "ada"), takes=6), *corpus(("bo",), takes=6, digits=8)],
            {"train_speakers": 1, "held_out": "ada", "seed": 1},
            r"the training speakers, bo, speak no 8, 9; raise split.train_speakers or draw others with split.seed",
        ),
        (corpus(takes=1), {"train_speakers": 1, "validation_speakers": 0}, "cannot cut 10 of 10 recordings"),
    ],
)
def test_corpora_too_small_for_so_few_or_many_training_speakers(
    clips: list[NamedClip], changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        split_recordings(clips, split_config("unseen_speaker", **changes))
