"""Clips and expected results built into the program: all boards, adversarial networks, every odd shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import boards
import example_models
import networks
import object_files
import pytest
from example_deployment import PACKAGE
from vectors import VectorProgram, status_of, vector_program

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.export import Target

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


@pytest.mark.parametrize("board", boards.OF_EACH_KIND, ids=boards.board_id)
@pytest.mark.parametrize("target", get_args(Target))
def test_every_target_on_every_kind_of_board(target: Target, board: boards.Board, tmp_path: Path) -> None:
    """What is laid out for another processor gives the same numbers, in every weight code."""
    models = {code: networks.spoken_digit_model(code, 7, inputs=6) for code in WEIGHT_CODES}
    models |= {f"brim, {code}": example_models.brim_model(PACKAGE, code) for code in WEIGHT_CODES}
    program = vector_program(models, tmp_path, clips=4, frames=4, target=target)
    assert status_of(program, board, "-O2", tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize("target", ["auto", "arm_dsp"])
@pytest.mark.parametrize("board", [boards.M4, boards.M33, boards.M55], ids=boards.board_id)
def test_powers_of_two_alone_with_a_table_and_without(board: boards.Board, target: Target, tmp_path: Path) -> None:
    models = {
        f"{inputs}x{hidden}": networks.spoken_digit_model("pot", hidden, inputs=inputs) for inputs, hidden in ODD_SHAPES
    }
    program = vector_program(models, tmp_path, clips=3, frames=6, target=target)
    assert status_of(program, board, "-O3", tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize("board", [boards.M0, boards.M4], ids=boards.board_id)
@pytest.mark.parametrize("level", ["-Os", "-O3"])
def test_powers_of_two_by_additions(level: str, board: boards.Board, tmp_path: Path) -> None:
    """They hold no multiplication; RV32IC, which has none, takes this way by itself."""
    models = {
        f"{inputs}x{hidden}": networks.spoken_digit_model("pot", hidden, inputs=inputs) for inputs, hidden in ODD_SHAPES
    }
    models["brim"] = example_models.brim_model(PACKAGE, "pot")
    program = vector_program(models, tmp_path, clips=4, frames=6)
    options = (*program.sources.options, "-DFSDD_NO_MULTIPLIER")
    program = replace(program, sources=replace(program.sources, options=options))
    assert status_of(program, board, level, tmp_path) == boards.EXIT_DONE


ROW_SUM = "fsdd_pot_row_by_additions"


@pytest.mark.parametrize(
    ("board", "options"),
    [(boards.M0, ("-DFSDD_NO_MULTIPLIER",)), (boards.M4, ("-DFSDD_NO_MULTIPLIER",)), (boards.RV32_NO_MULTIPLIER, ())],
    ids=boards.board_id,
)
@pytest.mark.parametrize("level", ["-Os", "-O3"])
def test_sums_of_rows_hold_no_multiplication(
    level: str, board: boards.Board, options: tuple[str, ...], tmp_path: Path
) -> None:
    boards.require(board)
    sources = networks.export({"net": networks.spoken_digit_model("pot", 24)}, tmp_path)
    options = (*sources.options, *options)
    target = boards.compile_object(sources.runtime, board, level, tmp_path / "runtime.o", options=options)
    assert not object_files.multiplies(target, board, ROW_SUM)


def test_a_multiplication_is_seen(tmp_path: Path) -> None:
    sources = networks.export({"net": networks.spoken_digit_model("pot", 24)}, tmp_path)
    target = boards.compile_object(sources.runtime, boards.M0, "-O3", tmp_path / "runtime.o", options=sources.options)
    assert object_files.multiplies(target, boards.M0, "fsdd_lstm_step")
