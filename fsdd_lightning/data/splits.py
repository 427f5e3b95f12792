"""Recordings divided into training, validation and test parts.

A split depends on the names of the recordings, the config and the data seed, never on the listing order:
the recordings are sorted by name first, and the positions that come out are mapped back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fsdd_lightning.config.schema import SplitConfig
from fsdd_lightning.errors import UserError


class NamedRecording(Protocol):
    """What a split needs of a recording: `{label}_{speaker}_{take}`, for instance 7_jackson_32.

    `corpus`: of several, the first part of the speaker's name. `part`: train, val or test, where the corpus says so.
    """

    @property
    def label(self) -> str: ...
    @property
    def speaker(self) -> str: ...
    @property
    def corpus(self) -> str: ...
    @property
    def part(self) -> str: ...
    @property
    def take(self) -> int: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Split:
    """Positions into the sequence that was divided: (n,) int64, ascending, disjoint.

    Together they are all of them, but for the clips of speakers that `train_speakers` leaves out.
    """

    name: str
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


Positions = np.ndarray  # (n,) int64
Parts = tuple[Positions, Positions, Positions]  # training, validation, test


def split_recordings(recordings: Sequence[NamedRecording], config: SplitConfig) -> Split:
    """Divide `recordings` by the rule `config.name`. Raises UserError if a part would be empty or cannot be cut."""
    listing_order = np.array(sorted(range(len(recordings)), key=lambda i: recordings[i].name), dtype=np.int64)
    by_name = [recordings[i] for i in listing_order]
    parts = dict(zip(("train", "val", "test"), SPLITS[config.name](by_name, config), strict=True))
    for part, positions in parts.items():
        if len(positions) == 0:
            raise UserError(
                f"split={config.name}: {len(recordings)} recordings leave the {part} part empty;"
                " use more recordings or change the fractions of the split"
            )
    return Split(config.name, **{part: np.sort(listing_order[chosen]) for part, chosen in parts.items()})


def _random(recordings: Sequence[NamedRecording], config: SplitConfig) -> Parts:
    everything = np.arange(len(recordings), dtype=np.int64)
    rest, test = _cut(recordings, everything, config.test_fraction, config)
    train, val = _cut(recordings, rest, config.validation_fraction, config)
    return train, val, test


def _official(recordings: Sequence[NamedRecording], config: SplitConfig) -> Parts:
    """The lists of the corpus, where it has some; else the convention of FSDD's authors: the first takes are the test.

    A corpus that lists no validation clips has them cut from its training clips.
    """
    listed = np.array([recording.part for recording in recordings], dtype=str)
    if (listed == "val").any():
        return tuple(np.flatnonzero(listed == part) for part in ("train", "val", "test"))  # type: ignore[return-value]
    if (listed == "test").any():
        train, val = _cut(recordings, np.flatnonzero(listed != "test"), config.validation_fraction, config)
        return train, val, np.flatnonzero(listed == "test")
    in_test = np.array([recording.take < config.test_takes for recording in recordings], dtype=bool)
    rest, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    train, val = _cut(recordings, rest, config.validation_fraction, config)
    return train, val, test


def _unseen_speaker(recordings: Sequence[NamedRecording], config: SplitConfig) -> Parts:
    """One speaker is the test set, `validation_speakers` others validation; no speaker is in two parts.

    Without validation speakers, all others train, and validation is cut from their recordings: it shows how
    the training proceeds, but not how well unheard voices are recognized.
    """
    speaker_of = np.array([recording.speaker for recording in recordings], dtype=object)
    held_out = find_speaker(recordings, str(config.held_out), "split.held_out")
    others = sorted(set(speaker_of) - {held_out})
    if len(others) <= config.validation_speakers:
        raise UserError(
            f"split=unseen_speaker: {len(others)} speakers besides {held_out} are too few for"
            f" {config.validation_speakers} of validation and one of training;"
            " lower split.validation_speakers"
        )
    in_test = speaker_of == held_out
    choice = np.random.default_rng([config.seed, *held_out.encode()])
    for_validation = choice.choice(np.array(others, dtype=object), config.validation_speakers, replace=False)
    in_val = np.isin(speaker_of.astype(str), for_validation.astype(str))
    heard = _training_speakers(sorted(set(others) - set(for_validation)), held_out, config)
    train = np.flatnonzero(np.isin(speaker_of.astype(str), heard))
    _require_words(recordings, train, heard, config)
    if config.validation_speakers == 0:
        train, val = _cut(recordings, train, config.validation_fraction, config)
        return train, val, np.flatnonzero(in_test)
    return train, np.flatnonzero(in_val), np.flatnonzero(in_test)


def _training_speakers(available: list[str], held_out: str, config: SplitConfig) -> list[str]:
    """Those of N are among those of N + 1, in an order that the data seed and the held-out speaker decide."""
    if config.train_speakers is None:
        return available
    if config.train_speakers > len(available):
        raise UserError(
            f"split.train_speakers={config.train_speakers}: besides {held_out} and {config.validation_speakers} of"
            f" validation there are {len(available)} speakers ({', '.join(available)})"
        )
    order = np.random.default_rng([config.seed, 0, *held_out.encode()]).permutation(len(available))
    return [available[at] for at in order[: config.train_speakers]]


def _require_words(
    recordings: Sequence[NamedRecording], train: Positions, heard: Sequence[str], config: SplitConfig
) -> None:
    """A few speakers of a small corpus may not have spoken every word."""
    missing = sorted({recording.label for recording in recordings} - set(_labels(recordings, train).tolist()))
    if config.train_speakers is not None and missing:
        raise UserError(
            f"split.train_speakers={config.train_speakers}: the training speakers, {', '.join(sorted(heard))}, speak no"
            f" {', '.join(map(str, missing))}; raise split.train_speakers or draw others with split.seed"
        )


SPLITS: dict[str, Callable[[Sequence[NamedRecording], SplitConfig], Parts]] = {
    "random": _random,
    "official": _official,
    "unseen_speaker": _unseen_speaker,
}


def find_speaker(recordings: Sequence[NamedRecording], name: str, key: str) -> str:
    """The full name; of several corpora, a name that is in one of them alone does without that of the corpus.

    Raises UserError, with the config `key`, for a name that nobody has, or several.
    """
    bare = {recording.speaker: recording.speaker.removeprefix(f"{recording.corpus}-") for recording in recordings}
    if name in bare:
        return name
    alike = [speaker for speaker in bare if bare[speaker] == name]
    if len(alike) == 1:
        return alike[0]
    problem = "several corpora have this speaker" if alike else "no such speaker"
    raise UserError(f"{key}={name}: {problem}; choose one of {', '.join(sorted(alike or bare)) or '(there are none)'}")


def _cut(
    recordings: Sequence[NamedRecording], pool: Positions, fraction: float, config: SplitConfig
) -> tuple[Positions, Positions]:
    """Cut round(fraction * len(pool)) positions off `pool`, but at least one of each word: (rest, cut).

    Stratified by word and speaker if there are enough recordings, otherwise by word alone.
    """
    from sklearn.model_selection import train_test_split  # takes a second to import

    labels = _labels(recordings, pool)
    cut_count = max(int(fraction * len(pool) + 0.5), len(np.unique(labels)))
    for strata in (_labels_and_speakers(recordings, pool), labels):
        if _can_stratify(strata, cut_count):
            rest, cut = train_test_split(pool, test_size=cut_count, random_state=config.seed, stratify=strata)
            return rest, cut
    raise UserError(
        f"split={config.name}: cannot cut {cut_count} of {len(pool)} recordings in proportion to the words:"
        " both parts need one recording of every word; use more recordings or another fraction"
    )


def _can_stratify(strata: np.ndarray, cut_count: int) -> bool:
    """Whether every stratum has two members, and both parts have room for one member of every stratum."""
    _, counts = np.unique(strata, return_counts=True)
    return len(counts) > 0 and counts.min() >= 2 and len(counts) <= min(cut_count, len(strata) - cut_count)


def _labels_and_speakers(recordings: Sequence[NamedRecording], pool: Positions) -> np.ndarray:
    return np.array([f"{recordings[i].label} {recordings[i].speaker}" for i in pool], dtype=str)


def _labels(recordings: Sequence[NamedRecording], pool: Positions) -> np.ndarray:
    return np.array([recordings[i].label for i in pool], dtype=str)
