"""What to expect of a network: of voices that it has heard, of one that it has not, of the people of other corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fsdd_lightning.runs.metrics import deployed_backend
from fsdd_lightning.runs.record import WAYS, RunRecord


@dataclass(frozen=True)
class Expectation:
    """Of one kind of speakers, in words; all numbers of accuracy are shares, 0 to 1.

    `people`: how many spoke the `clips`. `worst`: the group of speakers that is recognized worst, and its accuracy.
    What was not measured is None.
    """

    who: str
    accuracy: float
    ci95: tuple[float, float] | None
    clips: int
    people: int | None = None
    worst: tuple[str, float] | None = None


def expectations(record: RunRecord) -> tuple[Expectation, ...]:
    """First the run's own test clips, where they were measured, then an unheard voice, then each other corpus.

    The record may be a stranger's or an earlier version's: what lacks its accuracy is left out.
    """
    found = (_own(record), _unheard(record.unheard), *(_people(name, score) for name, score in record.others.items()))
    return tuple(one for one in found if one is not None)


def _own(record: RunRecord) -> Expectation | None:
    """Of what is deployed."""
    deployed, split = deployed_backend(record.views), record.config.get("split", {})
    score = record.views[deployed] if deployed is not None else {}
    is_unheard = split.get("name") == "unseen_speaker"
    who = f"an unheard voice, {split.get('held_out')}" if is_unheard else "heard voices"
    return _expectation(who, score, score.get("total"), record.split.get("people", {}).get("test"))


def _unheard(score: dict[str, Any]) -> Expectation | None:
    """Of the second network."""
    return _expectation(f"an unheard voice, {score.get('speaker')}", score, score.get("total"), 1)


def _people(name: str, score: dict[str, dict[str, Any]]) -> Expectation | None:
    """Through the listener where the network is that of one. Means over groups of people."""
    way = next((way for way in WAYS if way in score), None)
    if way is None:
        return None
    part, groups = score[way], score[way].get("groups", {})
    means = {"accuracy": groups.get("mean"), "ci95": groups.get("ci95")}
    name_of_worst, worst_share = groups.get("worst_name"), groups.get("worst")
    worst = None if name_of_worst is None or worst_share is None else (name_of_worst, worst_share)
    people = part.get("people", {}).get("count")
    return _expectation(f"people of {name}, {WAYS[way]}", means, part.get("recordings"), people, worst)


def _expectation(
    who: str, score: dict[str, Any], clips: int | None, people: int | None, worst: tuple[str, float] | None = None
) -> Expectation | None:
    if score.get("accuracy") is None or clips is None:
        return None
    return Expectation(who, score["accuracy"], _interval(score.get("ci95")), clips, people, worst)


def _interval(ends: Sequence[float] | None) -> tuple[float, float] | None:
    return (ends[0], ends[1]) if ends is not None and len(ends) == 2 else None
