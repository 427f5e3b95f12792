"""`fsdd-plan`: what a command line of fsdd-train would run, and what each cell costs. Runs nothing, needs no data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fsdd_lightning.runs.plan import Cell
    from fsdd_lightning.sweeps.plan import SweepCell

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
    from fsdd_lightning.config.load import register_resolvers
    from fsdd_lightning.sweeps.compose import check_command, hydra_errors, is_sweep
    from fsdd_lightning.sweeps.plan import plan_sweep

    register_resolvers()
    with hydra_errors():
        composed = check_command(arguments, whole_search=True)
    if is_sweep(arguments):
        planned = plan_sweep(composed.cells, composed.folder)
        _print([(each.cell, _state(each)) for each in planned], planned)
        if composed.trials is not None:
            print(f"a search: it trains {composed.trials} of those that fit, of its own choosing")
    else:  # a single run has a folder of its own each time
        _print([(cell, "to run" if cell.fits else "refused") for _, cell in composed.cells], [])


def _print(cells: Sequence[tuple[Cell, str]], planned: Sequence[SweepCell]) -> None:
    from fsdd_lightning.console.tables import bill_table, plan_table
    from fsdd_lightning.console.terminal import console

    if len(cells) == 1:
        console.print(bill_table(cells[0][0].bill))
    console.print(plan_table(cells))
    for each in planned:
        if each.state.reason is not None:
            console.print(f"{each.state.name}: {each.label}: {each.state.reason}", soft_wrap=True)
    states = [state for _, state in cells]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    console.print(f"{len(cells)} cells: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    if len(cells) == 1 and not cells[0][0].fits:
        console.print(cells[0][0].refusal, soft_wrap=True)


def _state(each: SweepCell) -> str:
    """What fsdd-train would do with this cell."""
    from fsdd_lightning.runs.lock import is_claimed

    if not each.cell.fits and each.state.name != "blocked":
        return "refused"
    return "running" if each.state.name == "to run" and is_claimed(each.folder) else each.state.name


if __name__ == "__main__":
    main()
