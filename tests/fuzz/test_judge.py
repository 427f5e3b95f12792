"""The judge of the fuzzer sees each promise that is broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fuzz
import misbehaving
import pytest
from room import Case
from zygote import Zygote

REASONS = {
    "nothing": [],
    "fails well": [],
    "result": [],
    "code": ["exit code 7"],
    "no line": ["0 lines of error"],
    "lines": ["more than a line of error"],
    "errors": ["2 lines of error"],
    "bare": ["bare TypeError"],
    "traceback": ["traceback", "0 lines of error"],
    "control": ["control character in stdout"],
    "bidirectional": ["control character in stdout"],
    "bytes": ["no UTF-8 in stdout"],
    "silent error": ["error with exit code 0"],
    "hang": ["hangs"],
    "compute": ["more than 20 s"],
    "fill": ["more than 1 GB"],
    "leave": ["processes left"],
    "execute": ["executes"],
    "program": ["executes"],
    "unpickle": ["unpickles"],
    "connect": ["network"],
    "write": ["new outside"],
    "write far": ["writes outside"],
    "follow": ["changed outside", "new outside"],
    "change": ["changed outside"],
    "remove": ["removed outside"],
    "temporary": ["left in TMPDIR"],
}


@pytest.fixture(scope="module")
def hasty() -> Iterator[Zygote]:
    """With limits that are reached soon, and nothing imported."""
    with Zygote(FUZZ_CPU_S="4", FUZZ_IDLE_S="2", FUZZ_BARE="1") as started:
        yield started


@pytest.mark.parametrize("way", sorted(misbehaving.WAYS))
def test_judge_sees_it(way: str, hasty: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fuzz.ENTRANCES, "way", lambda room: Case("misbehaving", [way], "", ours=("work/multirun/*",)))
    verdict = fuzz.run_case("way:1:1", tmp_path / "room", tmp_path / "seeds", hasty)
    reasons = {each.partition(" | ")[0] for each in verdict.reasons}
    of_refusal = {"traceback", "0 lines of error"} if "Traceback" in verdict.printed else set()
    assert set(REASONS[way]) <= reasons <= {*REASONS[way], *of_refusal}, verdict


def test_ways_are_those_of_the_table() -> None:
    assert set(REASONS) == set(misbehaving.WAYS)
