"""The memory bill is what the compiler makes of an exported model, byte for byte."""

from __future__ import annotations

from pathlib import Path

import boards
import costs
import networks
import pytest

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.memory.bill import memory_bill
from fsdd_lightning.memory.shape import NetworkShape

boards.require_tools()
pytestmark = pytest.mark.slow
SHAPES = {"2x24 on 13": (13, 24, 2), "3x5 on 3": (3, 5, 3), "1x1 on 1": (1, 1, 1)}
CONSTANT_KINDS = set("rR")
WORD = 4


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def shape(request: pytest.FixtureRequest) -> NetworkShape:
    inputs, hidden, layers = request.param
    return NetworkShape(inputs=inputs, hidden_size=hidden, layers=layers, classes=networks.CLASSES)


@pytest.mark.parametrize("board", [boards.M0, boards.M4], ids=boards.board_id)
@pytest.mark.parametrize("code", WEIGHT_CODES)
def test_flash_and_state(code: str, board: boards.Board, shape: NetworkShape, tmp_path: Path) -> None:
    model = networks.spoken_digit_model(code, shape.hidden_size, layers=shape.layers, inputs=shape.inputs)
    sources = networks.export({costs.MODEL: model}, tmp_path)
    (constants,) = sources.constants
    target = boards.compile_object(constants, board, "-Os", tmp_path / "model.o", options=sources.options)
    bill = memory_bill(shape, code, frames=1)
    symbols = boards.symbols(target)
    assert {symbol.kind for symbol in symbols.values()} <= CONSTANT_KINDS
    assert sum(symbol.bytes for symbol in symbols.values()) == bill.flash_bytes
    assert costs.state_bytes(sources, board, tmp_path) == bill.ram_bytes
    sections = boards.section_sizes(target)
    assert (sections["data"], sections["bss"]) == (0, 0)
    padding = sections["text"] - bill.flash_bytes  # between the sections of the object
    assert 0 <= padding < WORD * len(symbols)


def test_weights_start_at_whole_words_in_memory(tmp_path: Path) -> None:
    """The DSP kernels load words and pairs of them; in an ELF optimized for size nothing else aligns bytes."""
    sources = networks.export({costs.MODEL: networks.spoken_digit_model("int8", 5, inputs=2)}, tmp_path)
    elf = sources.build(["clips.c", "file_streams.c"], boards.M4, "-Os", tmp_path)
    weights = {name: s for name, s in boards.symbols(elf).items() if name.endswith("_weights") and "layer" in name}
    assert len(weights) == 2
    assert all(symbol.address % WORD == 0 and symbol.bytes % WORD == 0 for symbol in weights.values())
