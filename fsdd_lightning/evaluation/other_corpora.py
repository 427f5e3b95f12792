"""How a trained network does on people whom it has never heard, in other corpora.

Heard: a recording is what a microphone delivers, from the reset of a listener on, and then a second of digital silence;
its answer is that of the word with the most frames, and a recording in which no word is found is wrong. That is the
measure for whole recordings. Alone: the whole clip through the network, as test clips are; for clips that are cut.

Both are counted twice: every answer, and those alone that the device does not reject as "none of these".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.listener import lead
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.sound_sources import SILENCE_S
from fsdd_lightning.data.words import DIGITS
from fsdd_lightning.evaluation.backends import Backend
from fsdd_lightning.evaluation.clips import ClipMaker
from fsdd_lightning.evaluation.confidence import Confidence, confidence_of
from fsdd_lightning.evaluation.evaluate import BackendScores
from fsdd_lightning.evaluation.hearing import HeardWord, hearing
from fsdd_lightning.evaluation.scores import mean_estimate
from fsdd_lightning.runs.metrics import deployed_backend

MOST_CLIPS_TO_GROUP = 15


# ---- the answers


@dataclass(frozen=True, eq=False)
class Answers:
    """To the recordings of a corpus, in their order. `accepted`: found, and not "none of these"."""

    logits: np.ndarray  # (recordings, classes); 0 where no word was found
    found: np.ndarray  # (recordings,) bool
    accepted: np.ndarray | None  # (recordings,) bool; None: nothing rejects


def heard_answers(deployment: Deployment, corpus: RecordingSet) -> Answers:
    """As the listener of a device hears whole recordings."""
    silence = np.zeros(round(SILENCE_S * corpus.sample_rate_hz), np.int16)
    streams = [np.concatenate([to_int16(waveform), silence]) for waveform in corpus.waveforms]
    words = [_longest(heard) for heard in hearing(deployment)(streams)]
    logits = np.zeros((len(words), len(deployment.labels)), np.int32)
    for row, word in zip(logits, words, strict=True):
        row[:] = 0 if word is None else word.logits
    found = np.array([word is not None for word in words])
    accepted = np.array([word is not None and word.label is not None for word in words])
    return Answers(logits, found, accepted)


def _longest(words: Sequence[HeardWord]) -> HeardWord | None:
    """The first of those with the most frames."""
    return max(words, key=lambda word: word.end - word.start, default=None)


def alone_answers(backend: Backend, clips_of: ClipMaker, corpus: RecordingSet, least_margin: int | None) -> Answers:
    """Of whole clips, without a listener; least_margin None: nothing is rejected."""
    logits = backend.logits(clips_of(corpus.waveforms))
    accepted = None if least_margin is None else lead(logits) >= least_margin
    return Answers(logits, np.ones(len(logits), np.bool_), accepted)


# ---- counted


@dataclass(frozen=True)
class Count:
    """Recordings of a speaker, or of a group of them, and what became of them."""

    name: str
    people: int
    total: int
    found: int
    correct: int  # of all answers, with no regard to the margin
    accepted: int | None  # answers that are not rejected; None: nothing rejects
    accepted_correct: int | None

    @property
    def accuracy(self) -> float:
        return self.correct / self.total

    @property
    def accepted_accuracy(self) -> float | None:
        """Share of all recordings that are answered, and right."""
        return None if self.accepted_correct is None else self.accepted_correct / self.total


@dataclass(frozen=True)
class Means:
    """Of accuracies that count the same, whatever the number of clips; ci95: Student's t over them, None for few."""

    count: int
    mean: float
    ci95: tuple[float, float] | None
    worst: float
    worst_name: str


@dataclass(frozen=True)
class WayScore:
    """How a corpus is recognized in one way; confusion[i][j]: recordings of class i taken for class j."""

    speakers: tuple[Count, ...]
    groups: tuple[Count, ...]
    confusion: tuple[tuple[int, ...], ...]
    confidence: Confidence

    @property
    def all(self) -> Count:
        """All recordings together."""
        return _together("all", self.speakers)


@dataclass(frozen=True)
class CorpusScore:
    """Of one corpus, by way: heard, where the network is that of a listener, and alone."""

    name: str
    digest: str
    ways: dict[str, WayScore]


@dataclass(frozen=True)
class OthersReport:
    """Of several corpora, on one backend, and its confidence in the run's own test clips to compare with."""

    backend: str
    test_clips: Confidence
    corpora: tuple[CorpusScore, ...]


def others_report(
    corpora: Sequence[RecordingSet],
    backends: Mapping[str, Backend],
    own: BackendScores,
    data: PreparedData,
    deployment: Deployment | None,
) -> OthersReport:
    """On the deployed one of the backends; `own`: theirs of the test clips of `data`, the run's."""
    backend = backends[deployed_backend(backends) or "float"]
    test_clips = confidence_of(backend, own.logits[backend.name], data.labels[data.split.test])
    clips_of = ClipMaker(data.config, data.statistics, data.listener)
    labels = data.recordings.labels
    scores = tuple(corpus_score(corpus, backend, clips_of, deployment, labels) for corpus in corpora)
    return OthersReport(backend.name, test_clips, scores)


def corpus_score(
    corpus: RecordingSet,
    backend: Backend,
    clips_of: ClipMaker,
    deployment: Deployment | None,
    labels: Sequence[str] = DIGITS,
) -> CorpusScore:
    """Both ways where the network is that of a listener, which the float one never is."""
    listens = deployment is not None and deployment.listening is not None and backend.name != "float"
    ways: dict[str, WayScore] = {}
    least_margin = None
    if listens:
        assert deployment is not None and deployment.listening is not None
        least_margin = deployment.listening.least_margin
        ways["heard"] = _scored(corpus, backend, heard_answers(deployment, corpus), labels)  # the same logits
    ways["alone"] = _scored(corpus, backend, alone_answers(backend, clips_of, corpus, least_margin), labels)
    return CorpusScore(corpus.name, corpus.digest, ways)


def _scored(corpus: RecordingSet, backend: Backend, answers: Answers, words: Sequence[str]) -> WayScore:
    labels = corpus.targets(words)
    predicted = answers.logits.argmax(axis=1)
    confusion = np.zeros((len(words), len(words)), int)
    np.add.at(confusion, (labels[answers.found], predicted[answers.found]), 1)
    speakers = by_speaker(corpus, answers, answers.found & (predicted == labels))
    return WayScore(
        speakers=speakers,
        groups=grouped(speakers),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        confidence=confidence_of(backend, answers.logits, labels, answers.found),
    )


def by_speaker(corpus: RecordingSet, answers: Answers, right: np.ndarray) -> tuple[Count, ...]:
    """Of every speaker, by name; right (recordings,) bool."""
    names = np.array([recording.speaker for recording in corpus.recordings])
    accepted = answers.accepted

    def count(name: str) -> Count:
        own = names == name
        return Count(
            name=name,
            people=1,
            total=int(own.sum()),
            found=int(answers.found[own].sum()),
            correct=int(right[own].sum()),
            accepted=None if accepted is None else int(accepted[own].sum()),
            accepted_correct=None if accepted is None else int((accepted & right)[own].sum()),
        )

    return tuple(count(name) for name in sorted(set(names.tolist())))


def grouped(speakers: Sequence[Count]) -> tuple[Count, ...]:
    """Every group of `group_names` as one, by name."""
    members: dict[str, list[Count]] = defaultdict(list)
    for one, group in zip(speakers, group_names(speakers), strict=True):
        members[group].append(one)
    return tuple(own[0] if len(own) == 1 else _together(name, own) for name, own in sorted(members.items()))


def group_names(speakers: Sequence[Count]) -> list[str]:
    """Of each speaker; those with so few clips that one alone says little count together: crowd01, crowd02 as `crowd`.

    They are those of at most MOST_CLIPS_TO_GROUP clips whose names differ in a number of two or more digits at the end
    alone; voice1 and voice2 stay apart. Whoever has nobody to be grouped with is a group under the own name.
    """
    names = {one.name for one in speakers}
    stems = [re.fullmatch(r"(.*\D)\d{2,}", one.name) for one in speakers]
    few = [one.total <= MOST_CLIPS_TO_GROUP for one in speakers]
    shared = [stem[1] if stem and is_few else None for stem, is_few in zip(stems, few, strict=True)]
    alone = {stem for stem, times in Counter(shared).items() if times == 1} | names
    return [one.name if stem is None or stem in alone else stem for one, stem in zip(speakers, shared, strict=True)]


def _together(name: str, counts: Sequence[Count]) -> Count:
    rejects = counts[0].accepted is not None
    return Count(
        name=name,
        people=sum(one.people for one in counts),
        total=sum(one.total for one in counts),
        found=sum(one.found for one in counts),
        correct=sum(one.correct for one in counts),
        accepted=sum(one.accepted or 0 for one in counts) if rejects else None,
        accepted_correct=sum(one.accepted_correct or 0 for one in counts) if rejects else None,
    )


def means(accuracies: Mapping[str, float]) -> Means:
    """Of at least one speaker or group, by name; of equally bad ones the first is the worst."""
    estimate = mean_estimate(list(accuracies.values()), low=0.0)
    worst = min(accuracies, key=accuracies.__getitem__)
    interval = (estimate.low, estimate.high) if estimate.kind else None
    return Means(len(accuracies), estimate.mean, interval, accuracies[worst], worst)
