"""Built for soft float, no object asks for a float routine; a file that does shows that this would be seen."""

from __future__ import annotations

from pathlib import Path

import board_sounds as sounds
import boards
import networks
import numpy as np
import object_files
import pytest

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES

pytestmark = pytest.mark.slow
INTEGER_ROUTINES = {"memcpy", "memset"}  # GCC may insert these anywhere; 12.2 inserts none here
ALSO_ON_M0 = {"__aeabi_lmul"}  # it has no product of 64 bits
FOR_M0 = {True: {"__clzsi2"}, False: set()}  # it can't count zeros, either
FLOAT_CONTROL = networks.PROGRAMS / "float_control.c"
BOARDS = pytest.mark.parametrize("board", [boards.M0, boards.M3, boards.M4], ids=boards.board_id)
LEVELS = pytest.mark.parametrize("level", ["-Os", "-O3"])


def allowed(board: boards.Board) -> set[str]:
    return INTEGER_ROUTINES | (ALSO_ON_M0 if board is boards.M0 else set())


@BOARDS
@LEVELS
def test_no_object_needs_a_float_routine(level: str, board: boards.Board, tmp_path: Path) -> None:
    models = {code: networks.spoken_digit_model(code, 5) for code in WEIGHT_CODES}
    sources = networks.export(models, tmp_path)
    for k, source in enumerate([sources.runtime, *sources.constants]):
        target = boards.compile_object(source, board, level, tmp_path / f"{k}.o", options=sources.options)
        assert object_files.undefined_symbols(target, board) <= allowed(board)


@BOARDS
@LEVELS
def test_front_end_and_listener_need_none(level: str, board: boards.Board, tmp_path: Path) -> None:
    clip = np.random.default_rng(0).normal(0, 1000, sounds.MOST_SAMPLES).astype(np.int16)
    sources = networks.export_deployments({"net": sounds.digit_deployment("int8", 5, [clip])}, tmp_path)
    own = {"fsdd_front_end_reset", "fsdd_front_end_begin_word", "fsdd_front_end_levels", "fsdd_front_end_features"}
    own |= {"fsdd_network_step_in", "fsdd_output_logit_in"}
    for source in (*sources.hearing, *sources.constants):
        target = boards.compile_object(source, board, level, tmp_path / "target.o", options=sources.options)
        assert object_files.undefined_symbols(target, board) <= allowed(board) | own | FOR_M0[board is boards.M0]


@BOARDS
def test_a_float_routine_is_seen(board: boards.Board, tmp_path: Path) -> None:
    options = ("-Wno-float-conversion",)
    target = boards.compile_object(FLOAT_CONTROL, board, "-Os", tmp_path / "control.o", options=options)
    assert "__aeabi_dmul" in object_files.undefined_symbols(target, board) - allowed(board)
