"""What a listener hears in many streams at once, and what that says of the words that were spoken."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.endpointer import Word, find_words
from fsdd_lightning.arithmetic.front_end import audible, levels
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.arithmetic.listener import Listening, decide
from fsdd_lightning.data.features import padded
from fsdd_lightning.data.words import NO_WORDS
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.folder import Run

if TYPE_CHECKING:
    from fsdd_lightning.data.streams import SpokenWord


@dataclass(frozen=True)
class HeardWord:
    """What a listener found in samples [start, end); label None: none of the words."""

    start: int
    end: int
    label: int | None
    logits: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32), compare=False)  # (classes,) int32


Hear = Callable[[Sequence[np.ndarray]], list[list[HeardWord]]]  # streams (samples,) int16 to the words of each


def listening_deployment(run: Run) -> Deployment:
    """The integers of a run that listens to samples; UserError for others."""
    if run.config.features.kind != "integer":
        raise UserError(f"the run in {run.folder} hears no samples, so no streams: train one with features=integer")
    if run.deployment is None:
        raise UserError(
            f"the run in {run.folder} is {run.config.quantization.name}, without integers that could listen: "
            "train one with quantization=int8_ptq"
        )
    return run.deployment


def hearing(deployment: Deployment) -> Hear:
    """The same words as those of a `Listener` for each stream: whole ones that ended, neither open nor overlong."""
    listening = deployment.listening
    assert listening is not None
    no_words = {at for at, label in enumerate(deployment.labels) if label in NO_WORDS}

    def hear(streams: Sequence[np.ndarray]) -> list[list[HeardWord]]:
        level = [levels(listening.front_end, samples) for samples in streams]
        lengths = np.array([len(one) for one in level])
        found = find_words(listening.endpointer, audible(listening.front_end, padded(level)), lengths)
        logits = iter(_logits(deployment, listening, level, found))
        return [[_heard(listening, word, next(logits), no_words) for word in words] for words in found]

    return hear


def _heard(listening: Listening, word: Word, logits: np.ndarray, no_words: Container[int]) -> HeardWord:
    start = word.first * listening.front_end.hop
    label, _ = decide(logits, listening.least_margin)
    end = start + listening.front_end.samples(word.end - word.first)
    return HeardWord(start, end, None if label in no_words else label, logits)


def _logits(
    deployment: Deployment, listening: Listening, level: Sequence[np.ndarray], found: Sequence[Sequence[Word]]
) -> Sequence[np.ndarray]:
    """Of all words of all streams, in order; one network step for all words at once."""
    cut = [one[word.first : word.end] for one, words in zip(level, found, strict=True) for word in words]
    if not cut:
        return []
    features_q4 = listening.features(padded(cut))
    with threadpool_limits(1):  # see `integer_backend`
        return list(network_logits(deployment.model, features_q4, np.array([len(word) for word in cut])))


# ---- against what was spoken


def outcomes(spoken: Sequence[SpokenWord], heard: Sequence[HeardWord]) -> list[str]:
    """Of every spoken word: right, wrong, rejected, split or missed; of every heard one where none was spoken: false.

    A heard word belongs to the spoken one with which it shares most samples, if they are more than half of the shorter
    of the two. So of two words heard as one, the other is missed.
    """
    owners = [_owner(word, spoken) for word in heard]
    own = [[word for word, owner in zip(heard, owners, strict=True) if owner == k] for k in range(len(spoken))]
    false = [word.label for word, owner in zip(heard, owners, strict=True) if owner is None]
    return [
        *(_outcome(word, found) for word, found in zip(spoken, own, strict=True)),
        *("false, rejected" if label is None else "false" for label in false),
    ]


def _owner(heard: HeardWord, spoken: Sequence[SpokenWord]) -> int | None:
    shared = [min(heard.end, word.end) - max(heard.start, word.start) for word in spoken]
    if not shared:
        return None
    most = int(np.argmax(shared))
    shorter = min(heard.end - heard.start, spoken[most].end - spoken[most].start)
    return most if 2 * shared[most] > shorter else None


def _outcome(spoken: SpokenWord, found: Sequence[HeardWord]) -> str:
    if len(found) != 1:
        return "split" if found else "missed"
    label = found[0].label
    if label is None:
        return "rejected"
    return "right" if label == spoken.label else "wrong"
