"""The formulas for instructions, cycles, time and energy: what each term counts, and what is unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_listening import DEFAULT, FRONT_ENDS

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.memory.device_cost import ClipCost, Device, clip_costs
from fsdd_lightning.memory.instructions import (
    ClipTerms,
    CoreCost,
    FrameTerms,
    FrontEndCost,
    NetworkCost,
    core_costs,
    core_from_record,
)
from fsdd_lightning.memory.shape import NetworkShape

SHAPE = NetworkShape(13, 24, 2, 10)  # rows of 37 and 48 columns
FRAME = FrameTerms(
    4, 0, frame=1, an_input=0, layer=0, unit=0, split_unit=0, four_units=0, word=0, rest_column=0, rest=0
)
CLIP = ClipTerms(clip=5, state_word=1, word=0, word_column=2)
HEARD = FrontEndCost(256, 160, 32, 13, False, front_end=2000, endpointer=100, cycles_per_instruction=2.0)


def core(cycles_per_instruction: float | None = 1.5) -> CoreCost:
    return CoreCost("M9", "a compiler", {"int8": NetworkCost(FRAME, CLIP, cycles_per_instruction)}, (HEARD,))


@pytest.mark.parametrize(
    ("term", "count"),
    [
        ("frame", 1),
        ("an_input", 13),
        ("layer", 2),
        ("unit", 48),
        ("word", 24 * (9 + 12)),
        ("rest_column", 24 * 1),
        ("rest", 24 * 1),
    ],
)
def test_what_a_term_of_a_frame_is_multiplied_by(term: str, count: int) -> None:
    terms = replace(FRAME, **{"frame": 0.0, term: 1.0})
    assert terms.instructions(SHAPE) == count


def test_rows_of_two_parts_have_words_of_their_own() -> None:
    terms = FrameTerms(
        16, 255, frame=0, an_input=0, layer=0, unit=0, split_unit=0, four_units=0, word=1, rest_column=1000, rest=0
    )
    assert terms.instructions(SHAPE) == 24 * (0 + 1 + 1 + 1) + 1000 * 24 * (13 + 8 + 8 + 8)


def test_a_clip_is_its_frames_and_what_is_done_once() -> None:
    cost = core().networks["int8"]
    state = 13 + 3 * 2 * 24
    assert cost.instructions(SHAPE, 36) == 36 + 5 + state + 2 * 10 * 24


def test_time_and_energy_follow_from_cycles() -> None:
    cost = ClipCost("M9", frames=50, network=1e6, front_end=None, cycles=2e6)
    assert cost.milliseconds(100) == pytest.approx(20)
    assert cost.frames_per_second(100) == pytest.approx(2500)
    # 100 uA/MHz at 1 MHz and 3 V are 300 uW, and 2 million cycles take 2 s there
    assert cost.millijoules(Device((1.0,), ua_per_mhz=100, volts=3)) == pytest.approx(0.6)
    assert cost.millijoules(Device((1.0,))) is None


def test_front_end_and_network_have_cycles_of_their_own() -> None:
    (cost,) = clip_costs(SHAPE, "int8", 36, DEFAULT, [core()])
    assert cost.front_end == 36 * 2100
    assert cost.instructions == cost.network + cost.front_end
    assert cost.cycles == 1.5 * cost.network + 2 * cost.front_end


def test_a_front_end_that_was_not_measured_is_not_counted() -> None:
    (cost,) = clip_costs(SHAPE, "int8", 36, FRONT_ENDS["256, 64 bands"], [core()])
    assert cost.front_end is None and cost.instructions == cost.network
    assert clip_costs(SHAPE, "int8", 36, None, [core()]) == (cost,)


def test_of_a_core_without_cycles_only_instructions_are_known() -> None:
    (cost,) = clip_costs(SHAPE, "int8", 36, DEFAULT, [core(None)])
    assert cost.instructions > 0
    assert (cost.cycles, cost.milliseconds(64), cost.frames_per_second(64)) == (None, None, None)
    assert cost.millijoules(Device((64.0,), ua_per_mhz=100)) is None


def test_a_core_is_written_as_it_is_read() -> None:
    for each in core_costs():
        record = each.as_record()
        assert core_from_record({**record, "front_ends": list(record["front_ends"])}) == each


def test_every_core_has_every_code_and_the_shipped_front_ends() -> None:
    assert {"M0", "M3", "M4"} <= {each.name for each in core_costs()}
    for each in core_costs():
        assert each.networks.keys() == set(WEIGHT_CODES)
        assert all(each.front_end(FRONT_ENDS[name]) is not None for name in ("default", "deltas", "decay"))


@pytest.mark.parametrize("code", WEIGHT_CODES)
def test_more_of_anything_never_costs_less(code: str) -> None:
    for each in core_costs():
        cost = each.networks[code]
        sizes = [cost.instructions(NetworkShape(13, hidden, 2, 10), 36) for hidden in range(8, 97, 16)]
        assert sizes == sorted(sizes) and sizes[0] > 0
        assert cost.instructions(NetworkShape(13, 24, 3, 10), 36) > cost.instructions(SHAPE, 36)
