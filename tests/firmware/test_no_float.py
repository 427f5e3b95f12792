"""No object asks for a float routine, nor has a float instruction where the processor knows them.

A file that does shows that this would be seen.
"""

from __future__ import annotations

import re
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
ALSO = {  # products, shifts of 64 bits and counts of zeros that a processor does not have
    boards.M0: {"__aeabi_lmul", "__aeabi_llsl", "__aeabi_llsr", "__aeabi_lasr", "__clzsi2"},
    boards.RV32: {"__clzsi2"},
    boards.RV32_NO_MULTIPLIER: {"__mulsi3", "__muldi3", "__clzsi2"},
    boards.RV64: {"__clzsi2", "__clzdi2"},
}
FLOAT_CONTROL = networks.PROGRAMS / "float_control.c"
FLOAT_MNEMONICS = re.compile(r"(f(add|sub|n?mul|n?madd|n?msub|div|cvt|cmp|ccmp|abs|neg|sqrt|rint|max|min|ml)|[su]cvtf)")
BOARDS = pytest.mark.parametrize(
    "board", [boards.M0, *boards.OF_EACH_KIND, boards.RV32_NO_MULTIPLIER], ids=boards.board_id
)
LEVELS = pytest.mark.parametrize("level", ["-Os", "-O3"])


def float_arithmetic(target: Path, board: boards.Board) -> set[str]:
    """Routines that an object needs, or instructions where a processor has them."""
    if board is boards.A64:
        return {name for name in object_files.mnemonics(target, board) if FLOAT_MNEMONICS.match(name)}
    return object_files.undefined_symbols(target, board) - INTEGER_ROUTINES - ALSO.get(board, set())


@BOARDS
@LEVELS
def test_no_object_needs_a_float_routine(level: str, board: boards.Board, tmp_path: Path) -> None:
    models = {code: networks.spoken_digit_model(code, 5) for code in WEIGHT_CODES}
    sources = networks.export(models, tmp_path)
    for k, source in enumerate([sources.runtime, *sources.constants]):
        target = boards.compile_object(source, board, level, tmp_path / f"{k}.o", options=sources.options)
        assert not float_arithmetic(target, board)


@BOARDS
@LEVELS
def test_front_end_and_listener_need_none(level: str, board: boards.Board, tmp_path: Path) -> None:
    clip = np.random.default_rng(0).normal(0, 1000, sounds.MOST_SAMPLES).astype(np.int16)
    sources = networks.export_deployments({"net": sounds.digit_deployment("int8", 5, [clip])}, tmp_path)
    own = {"fsdd_front_end_reset", "fsdd_front_end_begin_word", "fsdd_front_end_levels", "fsdd_front_end_features"}
    own |= {"fsdd_network_step_in", "fsdd_output_logit_in"}
    for source in (*sources.hearing, *sources.constants):
        target = boards.compile_object(source, board, level, tmp_path / "target.o", options=sources.options)
        assert float_arithmetic(target, board) <= own


@BOARDS
def test_float_arithmetic_is_seen(board: boards.Board, tmp_path: Path) -> None:
    options = ("-Wno-float-conversion",)
    target = boards.compile_object(FLOAT_CONTROL, board, "-Os", tmp_path / "control.o", options=options)
    product = {boards.ARM: "__aeabi_dmul", boards.RISCV: "__muldf3", boards.A64_LINUX: "fmul"}[board.kit]
    assert product in float_arithmetic(target, board)
