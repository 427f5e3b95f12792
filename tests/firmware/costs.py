"""`python tests/firmware/costs.py` prints the tables of multirun/reference/README.md; --write puts them there."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "arithmetic"))  # as pytest does

import boards
import measurements

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES

PAGE = Path(__file__).parents[2] / "multirun" / "reference" / "README.md"
NETWORK, LISTENING = PARTS = ("costs of a network", "costs of listening")
KEY_CELLS = {NETWORK: 3, LISTENING: 2}  # of each row: core, weights, size; core, level
LEVELS = ("-O3", "-O2", "-Os")
SIZES = (24, 48)
ALL_CODES = (boards.M4, boards.COUNTED_M0, boards.M55, boards.RV32_NO_MULTIPLIER)
LISTENERS = (boards.M4, boards.M3, boards.COUNTED_M0, boards.M55, boards.RV32)
# CMSIS-NN's LSTM on 8-bit weights (arm_lstm_unidirectional_s8, V1.1.1) and fully connected layer in a network of the
# same shape, for a clip of as many frames: the same emulators, compiler and way of counting. Of many flags the best
# common ones, -O3 -flto -DCMSIS_NN_USE_SINGLE_ROUNDING with a result of 32 bits, and on M55 -fno-ivopts, too. Its
# source is no part of this project: it is not measured here.
CMSIS_NN = {
    "M4": {24: 1_397_060, 48: 3_627_884},
    "M3": {24: 1_671_744, 48: 4_719_060},
    "M0": {24: 3_779_304, 48: 10_187_924},
    "M55": {24: 565_129, 48: 1_150_277, 64: 1_642_390},
}  # by core and hidden size

NETWORK_HEADER = (
    "| core | weights | size | -O3: instructions | -Os: instructions | -Os: code | state | stack, -O3 / -Os "
    "| CMSIS-NN, -O3 |",
    "|---|---|---|--:|--:|--:|--:|--:|--:|",
)
LISTENING_HEADER = (
    "| core | | front end | endpointer | network | sum | in a pause | clip "
    "| front end | listener | network | RAM | stack |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)
RowMaker = Callable[[], str]


def network_rows() -> dict[tuple[str, ...], RowMaker]:
    """What makes each row of the first table, by its first three cells."""
    wanted = [(board, "int8", hidden) for board in boards.COUNTED for hidden in SIZES]
    wanted += [(boards.M55, "int8", 64)]
    wanted += [(board, code, SIZES[0]) for board in ALL_CODES for code in WEIGHT_CODES if code != "int8"]
    wanted += [(board, measurements.TABLE, hidden) for board in (boards.M4, boards.M55) for hidden in SIZES]
    wanted += [(boards.COUNTED_M0, measurements.ADDITIONS, SIZES[0])]
    order = {board: k for k, board in enumerate(boards.COUNTED)}
    wanted.sort(key=lambda row: (order[row[0]], list(measurements.WEIGHTS).index(row[1]), row[2]))
    return {
        (board.name, code, f"2x{hidden}"): partial(network_row, board, code, hidden) for board, code, hidden in wanted
    }


def listening_rows() -> dict[tuple[str, ...], RowMaker]:
    """The same of the second table, by the first two cells."""
    return {(board.name, level): partial(listening_row, board, level) for board in LISTENERS for level in LEVELS}


def network_row(board: boards.Board, code: str, hidden: int) -> str:
    fast, small = (measurements.measure(board, level, code, hidden) for level in ("-O3", "-Os"))
    rival = CMSIS_NN.get(board.name, {}).get(hidden) if code == "int8" else None
    return (
        f"| {board.name} | {code} | 2x{hidden} | {fast.instructions:,} | {small.instructions:,} "
        f"| {small.code_bytes:,} B | {small.state_bytes} B | {fast.stack_bytes} / {small.stack_bytes} B "
        f"| {'-' if rival is None else f'{rival:,}'} |"
    )


def listening_row(board: boards.Board, level: str) -> str:
    cost = measurements.measure_listening(board, level)
    counts = (cost.front_end, cost.endpointer, cost.network, cost.frame, cost.pause, cost.clip)
    numbers = " | ".join(f"{count:,}" for count in counts)
    front_end, listener, network = (cost.code_bytes[f"fsdd_{name}"] for name in ("front_end", "listen", "lstm"))
    return (
        f"| {board.name} | {level} | {numbers} | {front_end:,} B | {listener:,} B | {network:,} B "
        f"| {cost.ram_bytes:,} B | {cost.stack_bytes} B |"
    )


def page_rows(text: str, part: str) -> dict[tuple[str, ...], str]:
    """The rows of the table between `<!-- PART -->` and `<!-- end -->`, without its header, by their first cells."""
    table = text.partition(f"<!-- {part} -->\n")[2].partition("<!-- end -->")[0]
    return {row_cells(row)[: KEY_CELLS[part]]: row for row in table.splitlines()[2:]}


def row_cells(row: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in row.strip("|").split("|"))


def row_numbers(row: str, part: str) -> list[int]:
    """All numbers after the first cells."""
    cells = " ".join(row_cells(row)[KEY_CELLS[part] :])
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", cells)]


def with_table(text: str, part: str, rows: Iterable[str]) -> str:
    """`text` with the table of the part made anew."""
    start, end = f"<!-- {part} -->\n", "<!-- end -->"
    before, found, rest = text.partition(start)
    if not found:
        sys.exit(f"{PAGE}: there is no place for a table: {start.strip()}")
    return before + start + "".join(f"{row}\n" for row in rows) + end + rest.partition(end)[2]


ROWS = {NETWORK: network_rows(), LISTENING: listening_rows()}
HEADERS = {NETWORK: NETWORK_HEADER, LISTENING: LISTENING_HEADER}


def tables() -> dict[str, list[str]]:
    """Both, by the part of the page. Compilers and emulators are processes, of which two run at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        made = {part: list(pool.map(lambda make: make(), ROWS[part].values())) for part in PARTS}
    return {part: [*HEADERS[part], *rows] for part, rows in made.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write them to {PAGE.relative_to(PAGE.parents[2])}")
    write = parser.parse_args(arguments).write
    if missing := [boards.remedy(board) for board in boards.COUNTED if boards.missing_tools(board)]:
        sys.exit("\n".join(dict.fromkeys(missing)))
    start = time.monotonic()
    made = tables()
    for rows in made.values():
        print(*rows, "", sep="\n")
    print(f"measured in {time.monotonic() - start:.0f} s")
    if write:
        text = PAGE.read_text(encoding="utf-8")
        for part, rows in made.items():
            text = with_table(text, part, rows)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
