"""What a run prints: its data and size, its results, and the next commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.panel import Panel

from fsdd_lightning.config.schema import QuantizationConfig
from fsdd_lightning.console.expectations import expectation_table
from fsdd_lightning.console.tables import bill_table, class_table, confusion_table, result_table
from fsdd_lightning.console.terminal import console, rendered, results
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.metrics import deployed_backend, percent
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import EXPORT, RunRecord

if TYPE_CHECKING:
    from fsdd_lightning.data.preparation import (
        PreparedData,
    )  # imports scikit-learn, which a trial over budget does not need


def print_data(data: PreparedData, plan: RunPlan) -> None:
    """Print recordings, split and the size of the network before it is trained."""
    for note in data.notes:
        if note.startswith("SYNTHETIC"):
            results.print(Panel(note, style="bold yellow"))
        else:
            print_note(note)
    recordings, split = data.recordings, data.split
    console.print(
        f"data: {len(recordings.recordings):,} recordings of {recordings.name} in {recordings.place} "
        f"(digest {recordings.digest[:12]})",
        soft_wrap=True,
    )
    console.print(f"split: {split.name}, {len(split.train):,} train, {len(split.val):,} val, {len(split.test):,} test")
    if data.copies is not None:
        copies, share = len(data.copies.features), data.copies.clean_share
        console.print(f"copies: {copies} of each training clip; the clip itself is taken {share:.0%} of the time")
    console.print(bill_table(plan.bill))
    config = plan.config
    console.print(
        f"training: {plan.shape.layers}x{plan.shape.hidden_size} LSTM, seed {config.seed}, "
        f"{config.trainer.max_epochs} epochs in float, then {_stage_after_float(config.quantization)}"
    )


def print_note(note: str) -> None:
    """Print something that a user should know."""
    console.print(f"note: {note}", soft_wrap=True)


def print_second_network(speaker: str) -> None:
    """Print why there is another training."""
    console.print(f"a second network, trained without {speaker}'s voice", soft_wrap=True)


def _stage_after_float(mode: QuantizationConfig) -> str:
    if mode.start == "epoch":
        return f"{mode.epochs} epochs through the arithmetic ({mode.name})"
    return "no quantization" if mode.start == "never" else f"a look through the arithmetic ({mode.name})"


def over_budget_error(plan: RunPlan) -> UserError:
    """Why a network is not trained, and then its bill."""
    error = UserError(f"over budget: {plan.over_budget_reason}")
    error.details = rendered(bill_table(plan.bill))
    return error


def print_result(record: RunRecord, folder: Path) -> None:
    """Print tables of the result, where everything is, and the next commands."""
    deployed = deployed_backend(record.views)
    assert deployed is not None
    console.print(confusion_table(record.views[deployed]))
    console.print(class_table(record.views[deployed]))
    results.print(result_table(record.views, record.memory))
    if "float_integer" in record.agreement:  # the other pairs are equal, see equal_backends
        share = percent(record.agreement["float_integer"])
        console.print(f"float and integer recognize {share} % of the test clips alike")
    if deployed in record.calibration:
        console.print(describe_calibration(deployed, record.calibration[deployed]), soft_wrap=True)
    expectations = expectation_table(record)
    if expectations is not None:
        results.print(expectations)
    for stage in ("float", "quantized"):
        if stage in record.training:
            console.print(_describe(stage, record.training[stage]))
    times = record.timings_s
    parts = [f"{name} {seconds:.1f}" for name, seconds in times.items() if name != "total" and seconds >= 0.05]
    console.print(f"{times['total']:.0f} s in all: {', '.join(parts)}")
    shown = short_path(folder)
    results.print(f"everything is in {shown}", soft_wrap=True)
    if "integer" in record.views:
        _print_export(Path(shown) / EXPORT)
    console.print()
    console.print("Next:")
    has_page = record.config["features"]["kind"] == "integer" and deployed in ("integer", "float")
    for command in _next_commands(shown, has_page):
        console.print(f"  {command}", soft_wrap=True)


def describe_calibration(backend: str, calibration: dict[str, Any]) -> str:
    """How far probabilities can be trusted, in a line; the error is that of the test clips."""
    before, after = (percent(calibration[f"expected_calibration_error_{when}"]) for when in ("before", "after"))
    return (
        f"probabilities of {backend}: temperature {calibration['temperature']:g} by {calibration['clips']} validation "
        f"clips; expected calibration error {after} %, {before} % without"
    )


def _print_export(exported: Path) -> None:
    console.print(f"the C files for a device are in {exported}; this builds and runs their example:", soft_wrap=True)
    console.print(f"  make -C {shlex.quote(str(exported))}", soft_wrap=True)


def _describe(stage: str, training: dict[str, Any]) -> str:
    source = f", reused from {training['run']}" if training.get("reused") else ""
    return f"{stage}: kept epoch {training['best_epoch'] + 1} of {training['epochs']}{source}"


def _next_commands(folder: str, has_page: bool) -> list[str]:
    quoted = shlex.quote(folder)
    return [
        *([f"fsdd-export {quoted} --format web    # a page that hears your microphone"] if has_page else []),
        f"fsdd-evaluate {quoted}",
        f"fsdd-predict {quoted} SOME.wav",
        f"tensorboard --logdir {quoted}",
        "fsdd-train -m model.hidden_size=16,24,32 quantization=float32,int8_ptq name=my_first_sweep",
    ]


def short_path(folder: Path) -> str:
    """Relative to the current folder, where it lies inside."""
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
