"""The formulas of fsdd-plan against counts of shapes to which nothing was fitted, on every core and for every code."""

from __future__ import annotations

import boards
import counted_shapes as shapes
import cycles
import fit_costs
import front_ends
import pytest

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.memory.instructions import CoreCost, core_costs
from fsdd_lightning.memory.shape import NetworkShape

pytestmark = pytest.mark.slow
MOST_ERROR = 0.05
OTHERS = tuple(
    NetworkShape(*shape)
    for shape in [(13, 8, 2, 10), (40, 14, 1, 3), (26, 25, 2, 11), (13, 33, 3, 10), (40, 60, 3, 7), (26, 95, 2, 10)]
)
SOME_FRAMES = (1, 36, 50)


def core_of(board: boards.Board) -> CoreCost:
    (found,) = [core for core in core_costs() if core.name == board.name]
    return found


def test_nothing_is_fitted_to_what_is_tested() -> None:
    assert not set(OTHERS) & set(fit_costs.FITTED)


@pytest.mark.parametrize("code", WEIGHT_CODES)
@pytest.mark.parametrize("board", fit_costs.CORES, ids=boards.board_id)
def test_other_shapes_cost_what_the_formula_says(board: boards.Board, code: str) -> None:
    cost = core_of(board).networks[code]
    for each in shapes.count(board, code, OTHERS):
        for frames in SOME_FRAMES:
            assert cost.instructions(each.shape, frames) == pytest.approx(each.clip(frames), rel=MOST_ERROR), each


@pytest.mark.parametrize("board", fit_costs.CORES, ids=boards.board_id)
def test_the_front_end_costs_what_the_table_says(board: boards.Board) -> None:
    now = front_ends.measure(board, front_ends.SHIPPED[0], None)
    written = core_of(board).front_end(front_ends.SHIPPED[0])
    assert written is not None
    assert written.instructions == pytest.approx(now.instructions, rel=MOST_ERROR)


@pytest.mark.parametrize("board", fit_costs.CORES, ids=boards.board_id)
def test_cycles_are_those_of_the_instructions_of_today(board: boards.Board) -> None:
    now = shapes.cycles_per_instruction(board, "int8")
    written = core_of(board).networks["int8"].cycles_per_instruction
    if board.name in cycles.TIMINGS:
        assert now is not None and 1 < now < 2
        assert written == pytest.approx(now, rel=MOST_ERROR)
    else:
        assert (now, written) == (None, None)
