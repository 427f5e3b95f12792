"""What the tests on compiled code look at: instructions of one function, symbols, sizes."""

from __future__ import annotations

from pathlib import Path

import boards
import networks
import object_files
import pytest

pytestmark = pytest.mark.slow


def compiled(board: boards.Board, folder: Path) -> Path:
    return boards.compile_object(networks.PROGRAMS / "products.c", board, "-O2", folder / "products.o")


@pytest.mark.parametrize("board", boards.BOARDS, ids=boards.board_id)
def test_a_multiply_is_found_in_its_function_alone(board: boards.Board, tmp_path: Path) -> None:
    target = compiled(board, tmp_path)
    found = {name: object_files.multiplies(target, board, name) for name in ("product", "shifted_sum", None)}
    assert len(found["product"]) == 1 and found["product"] <= found[None]
    assert found["shifted_sum"] == set()
    assert object_files.mnemonics(target, board, "shifted_sum")


@pytest.mark.parametrize(
    ("board", "names"),
    [
        (boards.M4, {"mul.w"}),
        (boards.M0, {"muls"}),
        (boards.RV32, {"mul"}),
        (boards.RV64, {"mulw"}),
        (boards.RV32_NO_MULTIPLIER, {"__mulsi3"}),
        (boards.A64, {"mul"}),
    ],
    ids=boards.board_id,
)
def test_how_a_product_is_made(board: boards.Board, names: set[str], tmp_path: Path) -> None:
    """Without a multiplier, by a routine."""
    assert object_files.multiplies(compiled(board, tmp_path), board, "product") == names


PRODUCTS = "muls mul.w smlad smladx smuad smlsd smmulr umaal smlal vmladava.s8 vmul.i16 mulw sdot madd msub smull"
OTHERS = "add lsls.w asr sub sxtb16 ldrb uadd8 smov movs usat vadd.i8 c.add slli and sadd16 pkhbt bl"


@pytest.mark.parametrize("name", [*PRODUCTS.split(), *OTHERS.split()])
def test_names_of_instructions(name: str) -> None:
    assert bool(object_files.MULTIPLY.search(name)) == (name in PRODUCTS.split())


@pytest.mark.parametrize("board", [boards.M4, boards.RV32, boards.A64], ids=boards.board_id)
def test_a_function_that_is_not_there_is_no_empty_one(board: boards.Board, tmp_path: Path) -> None:
    target = compiled(board, tmp_path)
    with pytest.raises(KeyError, match="has no function quotient, but product, shifted_sum, uses"):
        object_files.mnemonics(target, board, "quotient")
    assert {"product", "shifted_sum", "uses"} == set(object_files.symbols(target, board))
