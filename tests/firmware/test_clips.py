"""300 clips on one emulated board of each kind: every state, logit and class is numpy's."""

from __future__ import annotations

import filecmp
from pathlib import Path

import boards
import networks
import pytest
from streams import Clips

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES

pytestmark = pytest.mark.slow
PROGRAM = ("clips.c", "file_streams.c")
HIDDEN = 24
LEVELS = [(boards.M3, "-Os"), (boards.M4, "-Os"), *((board, "-O3") for board in boards.OF_EACH_KIND)]


@pytest.fixture(scope="module", params=WEIGHT_CODES)
def program(request: pytest.FixtureRequest, digit_clips: Clips, tmp_path_factory: pytest.TempPathFactory):
    """Sources of a program with one model of this weight code, and the folder of its clips and expected output."""
    folder = tmp_path_factory.mktemp(request.param)
    model = networks.spoken_digit_model(request.param, HIDDEN)
    networks.write_streams([model], [digit_clips], folder)
    return networks.export({request.param: model}, folder), folder


@pytest.mark.parametrize(("board", "level"), LEVELS, ids=boards.board_id)
def test_output_is_numpys_byte_for_byte(
    board: boards.Board, level: str, program: tuple[networks.Sources, Path], tmp_path: Path
) -> None:
    sources, folder = program
    elf = sources.build(PROGRAM, board, level, tmp_path)
    boards.assert_expected(elf, board, folder)


@pytest.mark.parametrize("board", boards.BOARDS, ids=boards.board_id)
def test_one_wrong_bit_is_noticed(board: boards.Board, digit_clips: Clips, tmp_path: Path) -> None:
    """Both by the program, by its exit status, and in the file that it writes."""
    few = Clips(digit_clips.features_q4[:2], digit_clips.lengths[:2])
    model = networks.spoken_digit_model("int8", 8)
    networks.write_streams([model], [few], tmp_path)
    elf = networks.export({"net": model}, tmp_path).build(PROGRAM, board, "-Os", tmp_path)
    expected = bytearray((tmp_path / "expected.bin").read_bytes())
    expected[-1] ^= 1
    (tmp_path / "expected.bin").write_bytes(expected)
    assert boards.run(elf, board, tmp_path).status == boards.EXIT_MISMATCH
    assert not filecmp.cmp(tmp_path / "output.bin", tmp_path / "expected.bin", shallow=False)


def test_missing_clips_are_noticed(tmp_path: Path) -> None:
    model = networks.spoken_digit_model("int8", 8)
    elf = networks.export({"net": model}, tmp_path).build(PROGRAM, boards.M3, "-Os", tmp_path)
    assert boards.run(elf, boards.M3, tmp_path).status == boards.EXIT_FILE
