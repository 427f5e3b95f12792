"""`fsdd-plan`: what a command line of fsdd-train would run, and what every trial costs. Runs nothing, needs no data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fsdd_lightning.console.command_line import run_command
from fsdd_lightning.console.lines import say, say_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fsdd_lightning.memory.device_cost import Device
    from fsdd_lightning.runs.plan import RunPlan
    from fsdd_lightning.sweeps.trial import Trial

HELP = """usage: fsdd-plan [-m] [--mhz MHZ,...] [--ua-per-mhz UA [--volts V]] [key=value ...]

Prints a table of every trial that `fsdd-train` would run with the same arguments: shape, quantization mode, bytes of
flash and RAM, multiply-accumulates a clip, whether it fits its memory budget, and whether it is done already. Of a
single trial also its memory bill, and what a clip costs on microcontrollers: instructions, cycles and time, estimated
from counts of the exported C.

  --mhz MHZ,...     clocks, at most two (default: 64,480)
  --ua-per-mhz UA   the current of a running core, from its datasheet: adds the energy of a clip
  --volts V         its supply (default: 3)

  fsdd-plan model=fit memory_budget=kb36 quantization=int4_qat
  fsdd-plan -m model.hidden_size=16,24,32,48 quantization=float32,int8_ptq memory_budget=kb36
  fsdd-plan model=small --mhz 80 --ua-per-mhz 100 --volts 1.8

Groups and config keys: fsdd-train --help
"""


def main() -> None:
    """Entry point of the command."""
    run_command(_plan)


def _plan() -> None:
    if {"-h", "--help"} & set(sys.argv[1:]):
        say_lines(HELP)
        return
    from fsdd_lightning.config.load import register_resolvers
    from fsdd_lightning.console.device_options import take_device_options
    from fsdd_lightning.sweeps.compose import check_command, hydra_errors, is_sweep
    from fsdd_lightning.sweeps.plan import plan_sweep

    device, arguments = take_device_options(sys.argv[1:])
    register_resolvers()
    with hydra_errors():
        composed = check_command(arguments, whole_search=True, program="fsdd-plan")
    if is_sweep(arguments):
        planned = plan_sweep(composed.trials, composed.folder)
        _print([(trial.plan, _state(trial)) for trial in planned], planned, device)
        if composed.to_train is not None:
            say(f"a search: it trains {composed.to_train} of those that fit, of its own choosing")
    else:  # a single run has a new folder every time
        _print([(plan, "to run" if plan.fits else "over_budget") for _, plan in composed.trials], [], device)


def _print(trials: Sequence[tuple[RunPlan, str]], planned: Sequence[Trial], device: Device) -> None:
    from fsdd_lightning.console.tables import bill_table, plan_table
    from fsdd_lightning.console.terminal import console
    from fsdd_lightning.sweeps.status import done_elsewhere

    if len(trials) == 1 and not trials[0][0].fits:
        console.print(f"over budget: {trials[0][0].over_budget_reason}", soft_wrap=True)
    if len(trials) == 1:
        console.print(bill_table(trials[0][0].bill))
        _print_cost(trials[0][0], device)
    console.print(plan_table(trials))
    if len(trials) > 1:
        console.print("time and energy on microcontrollers: fsdd-plan of one trial, without -m", soft_wrap=True)
    for trial in planned:
        if trial.state.reason is not None:
            console.print(f"{trial.state.name}: {trial.label}: {trial.state.reason}", soft_wrap=True)
    for line in done_elsewhere(planned):
        console.print(line, soft_wrap=True)
    states = [state for _, state in trials]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    console.print(f"{len(trials)} trials: " + ", ".join(f"{count} {state}" for state, count in counts.items()))


def _print_cost(plan: RunPlan, device: Device) -> None:
    from fsdd_lightning.console.cost_table import cost_lines, cost_table
    from fsdd_lightning.console.terminal import console
    from fsdd_lightning.memory.device_cost import clip_costs

    config, code = plan.config, plan.config.quantization.weight_code
    if code is None:
        console.print(f"no time on microcontrollers: {config.quantization.name} is not exported as C", soft_wrap=True)
        return
    costs = clip_costs(plan.shape, code, plan.bill.frames, config.front_end)
    console.print(cost_table(costs, device))
    for line in (*cost_lines(costs, device, config.features.hop_ms, code), ""):
        console.print(line, soft_wrap=True)


def _state(trial: Trial) -> str:
    """What fsdd-train would do with this trial."""
    from fsdd_lightning.runs.lock import is_locked

    if not trial.plan.fits and trial.state.name != "blocked":
        return "over_budget"
    return "running" if trial.state.name == "to run" and is_locked(trial.folder) else trial.state.name


if __name__ == "__main__":
    main()
