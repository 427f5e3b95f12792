"""Clips and expected results built into the program: all boards, adversarial networks, every odd shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import boards
import networks
import pytest
from vectors import VectorProgram, status_of, vector_program

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES

pytestmark = pytest.mark.slow
ODD_SHAPES = ((1, 1), (2, 1), (1, 2), (3, 3), (5, 6), (9, 7), (13, 8))  # inputs, hidden: every rest of 4, 8 and 16


@pytest.mark.parametrize(("board", "level"), boards.LEVELS, ids=boards.board_id)
def test_adversarial_networks(board: boards.Board, level: str, adversarial: VectorProgram, tmp_path: Path) -> None:
    assert status_of(adversarial, board, level, tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize("board", boards.BOARDS, ids=boards.board_id)
@pytest.mark.parametrize("byte", [0, -1])
def test_one_wrong_bit_is_noticed(byte: int, board: boards.Board, adversarial: VectorProgram, tmp_path: Path) -> None:
    expected = bytearray(adversarial.arrays["expected"])
    expected[byte] ^= 1
    corrupted = replace(adversarial, arrays=adversarial.arrays | {"expected": bytes(expected)})
    assert status_of(corrupted, board, "-Os", tmp_path) == boards.EXIT_MISMATCH


@pytest.mark.parametrize("board", boards.OF_EACH_KIND, ids=boards.board_id)
@pytest.mark.parametrize("code", WEIGHT_CODES)
def test_odd_shapes(code: str, board: boards.Board, tmp_path: Path) -> None:
    models = {
        f"{inputs}x{hidden}": networks.spoken_digit_model(code, hidden, inputs=inputs) for inputs, hidden in ODD_SHAPES
    }
    program = vector_program(models, tmp_path, clips=3, frames=6)
    assert status_of(program, board, "-O3", tmp_path) == boards.EXIT_DONE
