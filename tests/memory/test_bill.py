"""The bill against calculations by hand, against the stored arrays, and against itself."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import CODES, INTEGER_CODES, SMALL, any_shape

from fsdd_lightning.memory.bill import BillLine, MemoryBill, float32_bill, memory_bill
from fsdd_lightning.memory.shape import NetworkShape

LARGE = replace(SMALL, hidden_size=128)
FRAMES = 36

# Flash of 2x24: layer 1 has 96 rows of 37 weights, layer 2 96 rows of 48, the output layer 10 rows of 24.
ROWS, SHIFTS, NARROW = 96 * (4 + 4), 96 * (4 + 1), 96 * (2 + 2)  # a layer's biases, and multipliers or shifts
SHARED = 2 * 257 * 2 + 2 * 13 * 4 + 32 + 2 * 12  # tables, mean and std, structs
FLASH_2X24 = {
    "int8": (96 * 37 + ROWS + 1, 96 * 48 + ROWS + 1, 240 + 40, 11_166),
    "int8_pot_scale": (96 * 37 + SHIFTS + 1, 96 * 48 + SHIFTS + 1, 240 + 40, 10_590),
    **dict.fromkeys(("int4", "pot"), (96 * 19 + NARROW + 1, 96 * 24 + NARROW + 1, 120 + 40, 6_246)),
    "ternary": (96 * 10 + NARROW + 1, 96 * 12 + NARROW + 1, 60 + 40, 4_170),
}


def bytes_by_detail(bill: MemoryBill, name: str, memory: str) -> dict[str, int]:
    return {line.detail: line.bytes for line in bill.lines if line.name == name and line.memory == memory}


@pytest.mark.parametrize(("shape", "kilobytes"), [(LARGE, 807.04), (SMALL, 34.35)])
def test_float32_kilobytes_of_the_known_networks(shape: NetworkShape, kilobytes: float) -> None:
    flash_bytes = memory_bill(shape, None, FRAMES).flash_bytes
    assert flash_bytes == 4 * shape.parameters
    assert round(flash_bytes / 1024, 2) == kilobytes


@given(any_shape())
def test_float32_flash_is_four_bytes_per_parameter_and_nothing_else(shape: NetworkShape) -> None:
    bill = memory_bill(shape, None, FRAMES)
    assert bill.flash_bytes == 4 * shape.parameters == sum(bill.layer_flash_bytes.values())
    assert bill == float32_bill(shape, FRAMES)


@pytest.mark.parametrize("code_name", INTEGER_CODES)
def test_flash_of_2x24_by_hand(code_name: str) -> None:
    assert sorted(FLASH_2X24) == INTEGER_CODES
    layer_1, layer_2, output, total = FLASH_2X24[code_name]
    bill = memory_bill(SMALL, code_name, FRAMES)
    assert bill.layer_flash_bytes == {"lstm layer 1": layer_1, "lstm layer 2": layer_2, "output layer": output}
    assert bill.flash_bytes == layer_1 + layer_2 + output + SHARED == total


def test_rows_are_padded_to_whole_bytes_one_by_one() -> None:
    weights, *_ = memory_bill(SMALL, "int4", FRAMES).lines
    detail = "weights, int4: 96 rows of 37, 19 bytes a row"
    assert weights == BillLine("lstm layer 1", detail, 96 * 37, 96 * 19, "flash")


@pytest.mark.parametrize(
    ("code_name", "lines"),
    [
        ("int8", {"biases, int32": 384, "row multipliers, int32": 384}),
        ("int8_pot_scale", {"biases, int32": 384, "row shifts, int8": 96}),
        ("ternary", {"biases, int16": 192, "row multipliers, int16": 192}),
    ],
)
def test_the_two_numbers_of_a_row_by_hand(code_name: str, lines: dict[str, int]) -> None:
    assert lines.items() <= bytes_by_detail(memory_bill(SMALL, code_name, FRAMES), "lstm layer 2", "flash").items()


def test_ram_of_2x24_by_hand() -> None:
    bill = memory_bill(SMALL, "int8", FRAMES)
    for layer, inputs_bytes in ((1, 76), (2, 96)):  # 37 words, and one that keeps the cells aligned
        expected = {"input and hidden, int16": inputs_bytes, "cells, int16": 48}
        assert bytes_by_detail(bill, f"lstm layer {layer}", "ram") == expected
    assert bytes_by_detail(bill, "scratch", "ram") == {"new hidden, int16": 48}
    assert bill.ram_bytes == 268 + 48 <= 320


def test_float32_ram_of_2x24_by_hand() -> None:
    bill = memory_bill(SMALL, None, FRAMES)
    assert bytes_by_detail(bill, "state", "ram") == {"hidden and cell": 4 * (2 * 24 + 2 * 24)}
    assert bytes_by_detail(bill, "scratch", "ram") == {"input, gates": 4 * (13 + 4 * 24)}


@given(any_shape(), st.sampled_from(INTEGER_CODES))
def test_integer_ram_is_int16_and_the_same_for_every_code(shape: NetworkShape, code_name: str) -> None:
    h, upper = shape.hidden_size, shape.layers - 1
    bill = memory_bill(shape, code_name, FRAMES)
    even, even_vector = h + h % 2, shape.inputs + h + (shape.inputs + h) % 2
    assert bill.ram_bytes == 2 * (even_vector + even + upper * (2 * h + even) + even)
    assert all(line.bytes == 2 * line.count for line in bill.lines if line.memory == "ram")


@given(any_shape(), st.sampled_from(CODES))
def test_totals_are_sums_of_lines_and_layers_exclude_shared_parts(shape: NetworkShape, code_name: str | None) -> None:
    bill = memory_bill(shape, code_name, FRAMES)
    assert {line.memory for line in bill.lines} == {"flash", "ram"}
    assert bill.flash_bytes + bill.ram_bytes == sum(line.bytes for line in bill.lines)
    shared = 0 if code_name is None else 2 * 257 * 2 + 2 * 4 * shape.inputs + 32 + 12 * shape.layers
    assert bill.flash_bytes - sum(bill.layer_flash_bytes.values()) == shared
    assert len(bill.layer_flash_bytes) == shape.layers + 1


@given(any_shape(), st.sampled_from(CODES), st.sampled_from(["inputs", "hidden_size", "layers", "classes"]))
def test_no_number_of_a_bill_shrinks_as_the_shape_grows(shape: NetworkShape, code_name: str | None, key: str) -> None:
    small = memory_bill(shape, code_name, FRAMES)
    large = memory_bill(replace(shape, **{key: getattr(shape, key) + 1}), code_name, FRAMES)
    assert small.flash_bytes < large.flash_bytes
    assert small.ram_bytes <= large.ram_bytes
    assert small.macs_per_clip < large.macs_per_clip
    assert max(small.layer_flash_bytes.values()) <= max(large.layer_flash_bytes.values())


@pytest.mark.parametrize("code_name", CODES)
def test_no_line_shrinks_as_the_hidden_size_grows(code_name: str | None) -> None:
    bills = [memory_bill(replace(SMALL, hidden_size=h), code_name, FRAMES) for h in range(1, 130)]
    for small, large in pairwise(bills):
        assert all(a.bytes <= b.bytes for a, b in zip(small.lines, large.lines, strict=True))


@pytest.mark.parametrize("code_name", CODES)
def test_the_record_is_plain_and_complete(code_name: str | None) -> None:
    bill = memory_bill(SMALL, code_name, FRAMES)
    record = bill.as_record()
    assert json.loads(json.dumps(record)) == record
    assert (record["parameters"], record["macs_per_clip"]) == (8_794, 294_000)
    assert (record["flash_bytes"], record["ram_bytes"]) == (bill.flash_bytes, bill.ram_bytes)
    assert record["largest_layer_flash_bytes"] == bill.layer_flash_bytes["lstm layer 2"]
    assert [BillLine(**line) for line in record["lines"]] == list(bill.lines)


def test_an_unknown_code_is_named_with_the_existing_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown weight code 'int5'; there are int4, int8,"):
        memory_bill(SMALL, "int5", FRAMES)
