"""The boards themselves: a program's status comes through, a fault has its own; instructions are the processor's."""

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


@pytest.mark.parametrize(
    ("board", "instruction", "has"),
    [
        (boards.M0, ".syntax unified; .arch armv7-m; udiv r0, r0, r0", False),
        (boards.M4, "smlad r0, r0, r0, r0", True),
        (boards.M33, ".arch armv8.1-m.main; .arch_extension mve; vmladava.s8 r0, q0, q0", False),
        (boards.M55, "vmladava.s8 r0, q0, q0", True),
        (boards.RV32, "mul a0, a0, a0", True),
        (boards.RV32_NO_MULTIPLIER, ".option arch, +m; mul a0, a0, a0", False),
        (boards.RV64, "mulw a0, a0, a0", True),
        (boards.A64, "smlal v0.8h, v1.8b, v2.8b", True),
    ],
    ids=boards.board_id,
)
def test_a_board_has_the_instructions_of_its_processor(
    board: boards.Board, instruction: str, has: bool, tmp_path: Path
) -> None:
    """No fewer, or the start-up code left some off; no more, or a kernel for another one would pass.

    QEMU's M3 is one that has more: SMLAD.
    """
    options = ("-std=gnu11", f'-DINSTRUCTION="{instruction}"')
    elf = boards.build([networks.PROGRAMS / "instruction.c"], [], board, "-O2", tmp_path, options=options)
    end = boards.run(elf, board, tmp_path)
    assert end.status == boards.EXIT_DONE if has else end.status >= boards.EXIT_FAULT
