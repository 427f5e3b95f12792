"""Clips and expected results built into the program: all boards, adversarial networks, every odd shape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import boards
import example_models
import networks
import pytest
import streams

from fsdd_lightning.arithmetic import integer_model, quantize, weight_codes
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES

boards.require_tools()
PROGRAM = ("clips.c", "memory_streams.c")
ODD_SHAPES = ((1, 1), (2, 1), (1, 2), (3, 3), (5, 6), (9, 7), (13, 8))  # inputs, hidden: every rest of 4, 8 and 16


class Arithmetic:
    """What `example_models` wants to know of the package."""

    integer_model, quantize, weight_codes = integer_model, quantize, weight_codes


def arrays_of(models: Mapping[str, IntegerModel], clips: int, frames: int) -> dict[str, bytes]:
    some = [
        streams.whole(example_models.clips(k, clips, frames, model.input_size))
        for k, model in enumerate(models.values())
    ]
    return networks.stream_arrays(list(models.values()), some)


@pytest.fixture(scope="module")
def adversarial(tmp_path_factory: pytest.TempPathFactory):
    """Sources and streams of networks that live on ties, saturations and largest values, and one of the real size."""
    models = example_models.all_models(Arithmetic) | {"real size": networks.spoken_digit_model("int8", 24)}
    return networks.export(models, tmp_path_factory.mktemp("adversarial")), arrays_of(models, 3, 12)


def status_of(
    program: tuple[networks.Sources, dict[str, bytes]], board: boards.Board, level: str, folder: Path
) -> int:
    sources, arrays = program
    data = streams.write_c_arrays(folder / "data.c", arrays)
    return boards.run(sources.build([*PROGRAM, data], board, level, folder), board, folder).status


@pytest.mark.parametrize("level", ["-Os", "-O3"])
@pytest.mark.parametrize("board", boards.BOARDS, ids=boards.board_id)
def test_adversarial_networks(board: boards.Board, level: str, adversarial: tuple, tmp_path: Path) -> None:
    assert status_of(adversarial, board, level, tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize("board", [boards.M0, boards.M4], ids=boards.board_id)
@pytest.mark.parametrize("byte", [0, -1])
def test_one_wrong_bit_is_noticed(byte: int, board: boards.Board, adversarial: tuple, tmp_path: Path) -> None:
    sources, arrays = adversarial
    expected = bytearray(arrays["expected"])
    expected[byte] ^= 1
    corrupted = sources, arrays | {"expected": bytes(expected)}
    assert status_of(corrupted, board, "-Os", tmp_path) == boards.EXIT_MISMATCH


@pytest.mark.parametrize("code", WEIGHT_CODES)
def test_odd_shapes_with_dsp_instructions(code: str, tmp_path: Path) -> None:
    models = {
        f"{inputs}x{hidden}": networks.spoken_digit_model(code, hidden, inputs=inputs)
        for inputs, hidden in ODD_SHAPES
    }
    program = networks.export(models, tmp_path), arrays_of(models, 3, 6)
    assert status_of(program, boards.M4, "-O3", tmp_path) == boards.EXIT_DONE
