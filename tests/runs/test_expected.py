"""What to expect of a network, as shares."""

from __future__ import annotations

from typing import Any

import pytest

from fsdd_lightning.runs.expected import Expectation, expectations
from fsdd_lightning.runs.record import RunRecord

GROUPS = {"count": 5, "mean": 0.589, "ci95": [0.5, 0.68], "worst": 0.13, "worst_name": "voice2"}
PART = {"recordings": 1548, "groups": GROUPS, "people": {"count": 26}}
UNHEARD = {"speaker": "theo", "correct": 436, "total": 500, "accuracy": 0.872, "ci95": [0.84, 0.899]}
VIEW = {"accuracy": 0.995, "ci95": [0.985, 0.998], "total": 600}
OWN = Expectation("heard voices", 0.995, (0.985, 0.998), 600)


def record(**parts: Any) -> RunRecord:
    parts = {"config": {"split": {"name": "random", "held_out": None}}, "views": {"float": {}, "integer": VIEW}} | parts
    return RunRecord(name="n", overrides=[], config_hash="h", seed=1, **parts)


def test_own_clips_an_unheard_voice_and_every_corpus_in_this_order() -> None:
    others = {"crowd": {"alone": PART | {"recordings": 1}, "heard": PART}, "few": {"alone": PART}}
    people = Expectation("people of crowd, through the listener", 0.589, (0.5, 0.68), 1548, 26, ("voice2", 0.13))
    assert expectations(record(unheard=UNHEARD, others=others, split={"people": {"test": 6}})) == (
        Expectation("heard voices", 0.995, (0.985, 0.998), 600, 6),
        Expectation("an unheard voice, theo", 0.872, (0.84, 0.899), 500, 1),
        people,
        Expectation("people of few, clips alone", *(people.accuracy, people.ci95, 1548, 26, people.worst)),
    )


def test_a_run_has_its_own_clips_of_what_it_deploys() -> None:
    assert expectations(record()) == (OWN,)
    assert expectations(record(views={"float": VIEW | {"accuracy": 0.5}}))[0].accuracy == 0.5


def test_a_voice_that_was_held_out_is_not_called_heard() -> None:
    (own,) = expectations(record(config={"split": {"name": "unseen_speaker", "held_out": "george"}}))
    assert own.who == "an unheard voice, george"


@pytest.mark.parametrize("score", [{}, {"folder_digest": "d"}, {"heard": {}}, {"alone": {"groups": GROUPS}}])
def test_what_a_record_of_somebody_else_lacks_is_left_out(score: dict[str, Any]) -> None:
    assert expectations(record(others={"crowd": score}, unheard={"speaker": "theo"})) == (OWN,)
    assert expectations(record(others={"crowd": score}, config={}, views={})) == ()


def test_an_interval_or_a_worst_group_that_was_not_measured_is_none() -> None:
    groups = GROUPS | {"ci95": None, "worst": None}
    _, people = expectations(record(others={"crowd": {"alone": PART | {"groups": groups}}}))
    assert (people.accuracy, people.ci95, people.worst) == (0.589, None, None)
