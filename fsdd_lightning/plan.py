"""`fsdd-plan`: what a command line of fsdd-train would run, and what each cell costs. Runs nothing, needs no data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fsdd_lightning.command_line import run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fsdd_lightning.experiments.cell import Cell

HELP = """usage: fsdd-plan [-m] [key=value ...]

Prints a table of every cell that `fsdd-train` would run with the same words: shape, quantization mode, bytes of flash
and RAM, multiply-accumulates a clip, whether it fits its memory budget, and whether it is done already.

  fsdd-plan model=fit memory_budget=kb36 quantization=int4_qat
  fsdd-plan -m model.hidden_size=16,24,32,48 quantization=float32,int8_ptq memory_budget=kb36

With one cell, its memory bill too. Groups and settings: fsdd-train --help
"""


def main() -> None:
    """Entry point of the command."""
    run_command(_plan)


def _plan() -> None:
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        print(HELP, end="")
        return
    from hydra._internal.utils import get_args_parser

    from fsdd_lightning.composition import compose_cells, hydra_errors
    from fsdd_lightning.configuration import register_resolvers
    from fsdd_lightning.experiments.cell import plan_cell

    register_resolvers()
    parsed = get_args_parser().parse_args(arguments)
    with hydra_errors():
        composed = list(compose_cells(parsed.overrides, parsed.multirun, parsed.config_dir))
    cells = [(overrides, plan_cell(settings)) for overrides, settings in composed]
    _print(cells, parsed.multirun)


def _print(cells: Sequence[tuple[list[str], Cell]], is_sweep: bool) -> None:
    from fsdd_lightning.experiments.console import console
    from fsdd_lightning.experiments.tables import bill_table, plan_table

    states = [_state(overrides, cell, is_sweep) for overrides, cell in cells]
    if len(cells) == 1:
        console.print(bill_table(cells[0][1].bill))
    console.print(plan_table([(cell, state) for (_, cell), state in zip(cells, states, strict=True)]))
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    console.print(f"{len(cells)} cells: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    if len(cells) == 1 and not cells[0][1].fits:
        console.print(cells[0][1].refusal, soft_wrap=True)


def _state(overrides: list[str], cell: Cell, is_sweep: bool) -> str:
    """What fsdd-train would do with this cell."""
    from pathlib import Path

    from fsdd_lightning.configuration import content_hash, run_name, settings_to_mapping
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.experiments.record import read_record

    if not cell.fits:
        return "refused"
    if not is_sweep:
        return "to run"
    folder = Path(cell.settings.output_root) / cell.settings.name / run_name(overrides)
    try:
        record = read_record(folder)
    except UserError:
        return "to run"
    same = record.config_hash == content_hash(settings_to_mapping(cell.settings))
    return "done" if record.status == "done" and same else "to run"


if __name__ == "__main__":
    main()
