"""The boards themselves: a program's status comes through, and a fault has its own."""

from __future__ import annotations

from pathlib import Path

import boards
import networks
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("board", [*boards.BOARDS, boards.COUNTED_A64], ids=boards.board_id)
def test_a_fault_ends_with_its_own_status(board: boards.Board, tmp_path: Path) -> None:
    elf = boards.build([networks.PROGRAMS / "fault.c"], [], board, "-Os", tmp_path)
    assert boards.run(elf, board, tmp_path).status == board.fault_status


@pytest.mark.parametrize("board", [boards.M3, boards.M55, boards.RV32, boards.A64], ids=boards.board_id)
def test_the_exit_status_is_the_programs(board: boards.Board, tmp_path: Path) -> None:
    for status in (0, 1, 77):
        options = (f"-DSTATUS={status}",)
        elf = boards.build([networks.PROGRAMS / "exit_status.c"], [], board, "-Os", tmp_path, options=options)
        assert boards.run(elf, board, tmp_path).status == status
