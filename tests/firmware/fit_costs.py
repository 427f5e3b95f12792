"""`python tests/firmware/fit_costs.py [CORE...]` counts networks of many shapes and front ends on emulated cores, fits
the formulas of fsdd_lightning/memory/instructions.py to them and writes instructions.json beside it.

With names of cores (M0, M3, M4, ...) only those are counted anew. It prints the largest error over the shapes that were
fitted and over others: to be run again after every change of the C.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "arithmetic"))  # as pytest has it

import boards
import counted_shapes as shapes
import front_ends
import numpy as np
from counted_shapes import Counted
from scipy.optimize import nnls

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.memory import instructions
from fsdd_lightning.memory.instructions import ClipTerms, CoreCost, FrameTerms, NetworkCost, core_from_record
from fsdd_lightning.memory.shape import NetworkShape

TABLE = Path(instructions.__file__).with_name(instructions.FILE_NAME)
CORES = (boards.COUNTED_M0, boards.M3, boards.M4, boards.M55, boards.RV32)  # in the order of the table
WORDS = (1, 2, 4, 8, 16)  # columns of a word that are tried
MOST_LAYERS = 255  # of fsdd_model
FRAMES = 36  # of the clip whose error is reported


def _shapes(*numbers: tuple[int, int, int, int]) -> tuple[NetworkShape, ...]:
    return tuple(NetworkShape(*shape) for shape in numbers)


# inputs, hidden size, layers, classes
FITTED = _shapes(
    *((13, 8, 1, 10), (26, 9, 2, 2), (40, 10, 3, 12), (13, 13, 2, 10), (26, 15, 1, 35), (13, 16, 2, 10)),
    *((40, 19, 1, 10), (13, 22, 3, 12), (13, 24, 2, 10), (26, 27, 3, 2), (40, 32, 2, 10), (13, 37, 1, 12)),
    *((13, 40, 2, 10), (26, 46, 2, 12), (13, 48, 2, 10), (40, 51, 3, 10), (13, 64, 1, 2), (26, 71, 2, 12)),
    *((13, 79, 3, 10), (40, 88, 2, 35), (26, 96, 1, 10), (13, 96, 3, 10)),
)
UNSEEN = _shapes(
    *((13, 11, 2, 10), (13, 12, 1, 10), (40, 17, 2, 4), (26, 20, 3, 10), (13, 21, 2, 10), (13, 23, 3, 6)),
    *((26, 28, 1, 20), (13, 31, 2, 10), (40, 34, 3, 10), (13, 45, 1, 10), (26, 53, 2, 8), (40, 62, 1, 10)),
    *((13, 67, 3, 10), (26, 80, 3, 10), (13, 87, 2, 10), (40, 94, 2, 10)),
)


def fitted(counted: Sequence[Counted], cycles_per_instruction: float | None) -> NetworkCost:
    """The formulas nearest to the counts, in relative errors; coefficients are not negative."""
    steps = np.array([each.steps / shapes.FRAMES for each in counted])
    layouts = itertools.product(WORDS, (0, 1, MOST_LAYERS))
    frames = [_frame_terms(counted, steps, *layout) for layout in layouts]
    best = min(frames, key=lambda terms: _worst(terms, counted, steps))
    rows = [ClipTerms(0, 0, 0, 0).variables(each.shape) for each in counted]
    clip = ClipTerms(*_least_squares(rows, np.array([each.once for each in counted])))
    return NetworkCost(best, clip, cycles_per_instruction)


def _frame_terms(counted: Sequence[Counted], steps: np.ndarray, word: int, split: int) -> FrameTerms:
    empty = FrameTerms(word, split, *[0.0] * 9)
    return FrameTerms(word, split, *_least_squares([empty.variables(each.shape) for each in counted], steps))


def _least_squares(rows: Sequence[tuple[int, ...]], values: np.ndarray) -> list[float]:
    found, _ = nnls(np.array(rows, float) / values[:, None], np.ones(len(values)))
    return [round(float(each), 2) for each in found]


def _worst(terms: FrameTerms, counted: Sequence[Counted], steps: np.ndarray) -> float:
    return float(np.max(np.abs([terms.instructions(each.shape) for each in counted] / steps - 1)))


def largest_error(cost: NetworkCost, counted: Sequence[Counted]) -> float:
    """Of a whole clip, relative to what was counted."""
    return max(abs(cost.instructions(each.shape, FRAMES) / each.clip(FRAMES) - 1) for each in counted)


def measured_core(board: boards.Board) -> CoreCost:
    """Counts, fits and prints how well."""
    networks = {}
    for code in WEIGHT_CODES:
        counted = shapes.count(board, code, [*FITTED, *UNSEEN])
        networks[code] = fitted(counted[: len(FITTED)], shapes.cycles_per_instruction(board, code))
        errors = [largest_error(networks[code], part) for part in (counted[: len(FITTED)], counted[len(FITTED) :])]
        percents = " | ".join(f"{100 * error:.2f} %" for error in errors)
        print(f"| {board.name} | {code} | {percents} |", flush=True)
    return CoreCost(board.name, _compiler(board), networks, front_ends.measured(board))


def _compiler(board: boards.Board) -> str:
    name = board.kit.tool("gcc")
    return f"{name} {boards.run_tool(name, '-dumpfullversion').strip()}"


def main() -> None:
    chosen, before = sys.argv[1:], {}
    if unknown := set(chosen) - {board.name for board in CORES}:
        sys.exit(f"no such core: {', '.join(unknown)}; there are {', '.join(board.name for board in CORES)}")
    if chosen and TABLE.exists():
        records = json.loads(TABLE.read_text(encoding="utf-8"))
        before = {core.name: core for core in map(core_from_record, records)}
    print("| core | weights | largest error, fitted shapes | others |\n|---|---|--:|--:|")
    for board in CORES:
        if not chosen or board.name in chosen:
            before[board.name] = measured_core(board)
            _write(before)


def _write(measured: dict[str, CoreCost]) -> None:
    cores = [measured[board.name] for board in CORES if board.name in measured]
    TABLE.write_text(json.dumps([core.as_record() for core in cores], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
