"""Instructions are counted to within a few: a known number of them, on every board that is measured."""

from __future__ import annotations

from pathlib import Path

import boards
import networks
import pytest

pytestmark = pytest.mark.slow
PROGRAM = networks.PROGRAMS / "known_lengths.c"
STRAIGHT, TURNS = (1, 2, 39, 997, 12345), 1_000_000
SLACK = {boards.ARM: 4, boards.RISCV: 0, boards.A64_BARE: 0}  # the turns of board/arm/counter.c wait for whole ticks


@pytest.mark.parametrize("level", ["-Os", "-O3"])
@pytest.mark.parametrize("board", boards.COUNTED, ids=boards.board_id)
def test_known_lengths(board: boards.Board, level: str, tmp_path: Path) -> None:
    elf = boards.build([PROGRAM], [], board, level, tmp_path, options=("-std=gnu11",))
    counted = boards.run(elf, board, tmp_path, count_instructions=True).numbers
    slack = SLACK[board.kit]
    for length in STRAIGHT:
        assert abs(counted[f"straight_{length}"] - length) <= slack
    for length in (11, 101):
        difference = counted[f"loop_{length}"] - counted["loop_1"]
        assert abs(difference - TURNS * (length - 1)) <= slack
