"""The memory bill is what the compiler makes of an exported model, byte for byte."""

from __future__ import annotations

from pathlib import Path

import board_sounds as sounds
import boards
import measurements
import networks
import numpy as np
import object_files
import pytest
from example_listening import FRONT_ENDS

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.export.listening import TABLE_TEXTS
from fsdd_lightning.memory.bill import memory_bill
from fsdd_lightning.memory.shape import NetworkShape

boards.require(boards.M4)
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
    sources = networks.export({measurements.MODEL: model}, tmp_path)
    (constants,) = sources.constants
    target = boards.compile_object(constants, board, "-Os", tmp_path / "model.o", options=sources.options)
    bill = memory_bill(shape, code, frames=1)
    symbols = object_files.symbols(target, board)
    assert {symbol.kind for symbol in symbols.values()} <= CONSTANT_KINDS
    assert sum(symbol.bytes for symbol in symbols.values()) == bill.flash_bytes
    assert measurements.state_bytes(sources, board, tmp_path) == bill.ram_bytes
    sections = object_files.section_sizes(target, board)
    assert (sections["data"], sections["bss"]) == (0, 0)
    padding = sections["text"] - bill.flash_bytes  # between the sections of the object
    assert 0 <= padding < WORD * len(symbols)


@pytest.mark.parametrize("board", [boards.M0, boards.M4], ids=boards.board_id)
@pytest.mark.parametrize("front_end", ["default", "deltas", "512"])
@pytest.mark.parametrize("code", ["int8", "int4"])
def test_flash_and_listener_with_a_front_end(code: str, front_end: str, board: boards.Board, tmp_path: Path) -> None:
    """The tables are in fsdd_front_end.c, all other constants in fsdd_model.c."""
    heard = FRONT_ENDS[front_end]
    shape = NetworkShape(inputs=heard.channels, hidden_size=24, layers=2, classes=networks.CLASSES)
    model = networks.spoken_digit_model(code, shape.hidden_size, inputs=shape.inputs)
    noise = np.random.default_rng(0).normal(0, 1000, heard.samples(20)).astype(np.int16)
    deployment = sounds.deployment(model, [noise], heard)
    sources = networks.export_deployments({measurements.MODEL: deployment}, tmp_path)
    bill = memory_bill(shape, code, frames=1, front_end=heard)
    constants, tables = (
        boards.compile_object(source, board, "-Os", tmp_path / f"{k}.o", options=sources.options)
        for k, source in enumerate([*sources.constants, sources.hearing[0]])
    )
    symbols = object_files.symbols(constants, board)
    assert {symbol.kind for symbol in symbols.values()} <= CONSTANT_KINDS
    table_bytes = sum(object_files.symbols(tables, board)[f"fsdd_{name}"].bytes for name, _ in TABLE_TEXTS.values())
    assert sum(symbol.bytes for symbol in symbols.values()) + table_bytes == bill.flash_bytes
    sections = object_files.section_sizes(constants, board)
    assert (sections["data"], sections["bss"]) == (0, 0)
    assert 0 <= sections["text"] + table_bytes - bill.flash_bytes < WORD * len(symbols)
    assert measurements.state_bytes(sources, board, tmp_path, measurements.LISTENER_SOURCE) == bill.ram_bytes


def test_code_of_front_end_and_listener_has_no_variables(tmp_path: Path) -> None:
    clip = np.random.default_rng(0).normal(0, 1000, sounds.MOST_SAMPLES).astype(np.int16)
    sources = networks.export_deployments({measurements.MODEL: sounds.digit_deployment("int8", 8, [clip])}, tmp_path)
    for source in (sources.runtime, *sources.hearing):
        target = boards.compile_object(source, boards.M4, "-Os", tmp_path / "code.o", options=sources.options)
        sections = object_files.section_sizes(target, boards.M4)
        assert (sections["data"], sections["bss"]) == (0, 0) and sections["text"] > 0


def test_weights_start_at_whole_words_in_memory(tmp_path: Path) -> None:
    """The DSP kernels load words and pairs of them; in an ELF optimized for size nothing else aligns bytes."""
    sources = networks.export({measurements.MODEL: networks.spoken_digit_model("int8", 5, inputs=2)}, tmp_path)
    elf = sources.build(["clips.c", "file_streams.c"], boards.M4, "-Os", tmp_path)
    weights = {
        name: s
        for name, s in object_files.symbols(elf, boards.M4).items()
        if name.endswith("_weights") and "layer" in name
    }
    assert len(weights) == 2
    assert all(symbol.address % WORD == 0 and symbol.bytes % WORD == 0 for symbol in weights.values())
