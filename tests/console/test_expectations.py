"""What to expect of a network, in one table."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from fsdd_lightning.console.expectations import expectation_table
from fsdd_lightning.runs.record import RunRecord

GROUPS = {"count": 5, "mean": 0.589, "ci95": [0.5, 0.68], "worst": 0.13, "worst_name": "voice2"}
PART = {"recordings": 1548, "groups": GROUPS, "people": {"count": 26}}
CROWD = {"heard": PART, "alone": PART | {"recordings": 1}}
UNHEARD = {"speaker": "theo", "correct": 436, "total": 500, "accuracy": 0.872, "ci95": [0.84, 0.899]}


def record(split: dict[str, Any] | None = None, **parts: Any) -> RunRecord:
    config = {"split": split or {"name": "random", "held_out": None}}
    view = {"accuracy": 0.995, "ci95": [0.985, 0.998], "total": 600}
    return RunRecord("n", [], config, "h", 1, views={"float": {}, "integer": view}, **parts)


def printed(one: RunRecord, width: int = 120) -> list[str]:
    """The rows without spaces at their ends."""
    text = io.StringIO()
    table = expectation_table(one)
    assert table is not None
    Console(file=text, width=width, markup=False).print(table)
    return [" ".join(line.split()) for line in text.getvalue().splitlines()[4:-1]]


def test_heard_voices_an_unheard_one_and_other_people_stand_together() -> None:
    one = record(unheard=UNHEARD, others={"crowd": CROWD}, dataset={})
    one.split = {"people": {"test": 6}}
    assert printed(one) == [
        "heard voices 99.50 98.5 - 99.8 600 6",
        "an unheard voice, theo 87.20 84.0 - 89.9 500 1",
        "people of crowd, through the listener 58.90 50.0 - 68.0 voice2 13 1,548 26",
    ]


def test_numbers_are_whole_on_a_narrow_terminal() -> None:
    rows = " ".join(printed(record(unheard=UNHEARD, others={"crowd": CROWD}), 80))
    assert "58.90 50.0 - 68.0 voice2 13 1,548 26" in rows and "87.20 84.0 - 89.9 500 1" in rows


def test_a_corpus_is_heard_as_clips_where_the_network_has_no_listener() -> None:
    two_groups = GROUPS | {"ci95": None}
    rows = printed(record(others={"crowd": {"alone": PART | {"groups": two_groups}}}))
    assert rows[1] == "people of crowd, clips alone 58.90 voice2 13 1,548 26"


def test_a_voice_that_was_held_out_is_not_called_heard() -> None:
    rows = printed(record({"name": "unseen_speaker", "held_out": "george"}, others={"crowd": CROWD}))
    assert rows[0] == "an unheard voice, george 99.50 98.5 - 99.8 600"


def test_the_runs_own_clips_alone_make_no_table() -> None:
    assert expectation_table(record()) is None
