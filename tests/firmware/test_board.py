"""The boards themselves: a program's status comes through, and a fault has its own."""

from __future__ import annotations

from pathlib import Path

import boards
import networks
import pytest

boards.require_tools()
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("board", boards.BOARDS, ids=boards.board_id)
def test_a_fault_ends_with_its_own_status(board: boards.Board, tmp_path: Path) -> None:
    elf = boards.build([networks.PROGRAMS / "fault.c"], [], board, "-Os", tmp_path)
    assert boards.run(elf, board, tmp_path).status == boards.EXIT_HARD_FAULT


@pytest.mark.parametrize("status", [0, 1, 77])
def test_the_exit_status_is_the_programs(status: int, tmp_path: Path) -> None:
    elf = boards.build(
        [networks.PROGRAMS / "exit_status.c"], [], boards.M3, "-Os", tmp_path, options=(f"-DSTATUS={status}",)
    )
    assert boards.run(elf, boards.M3, tmp_path).status == status
