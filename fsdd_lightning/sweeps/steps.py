"""What a sweep does before its first trial and after its last one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fsdd_lightning.console.summary import short_path
from fsdd_lightning.errors import RunFailedError, first_line
from fsdd_lightning.runs.lock import LOCK
from fsdd_lightning.sweeps.manifest import write_manifest
from fsdd_lightning.sweeps.plan import Trial
from fsdd_lightning.sweeps.progress import STATUSES, TrialEnd


def prepare_sweep_folders(trials: Sequence[Trial], arguments: Sequence[str]) -> None:
    """Make the folders above those of the runs, and write into them which trials they are to hold."""
    by_folder: dict[Path, list[Trial]] = {}
    for trial in trials:
        by_folder.setdefault(trial.folder.parent, []).append(trial)
    for folder, inside in by_folder.items():
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder, arguments, inside)


def prepare_run_folders(trials: Sequence[Trial]) -> tuple[list[Trial], dict[str, TrialEnd]]:
    """The trials that can run now, and what is in the way of those that would but can't."""
    to_run: list[Trial] = []
    in_the_way: dict[str, TrialEnd] = {}
    for trial in trials:
        problem = trial.state.reason if trial.state.name == "blocked" else _why_not_writable(trial)
        if trial.state.is_settled:
            continue
        if problem is None:
            to_run.append(trial)
        else:
            in_the_way[trial.label] = ("failed", problem)
    return to_run, in_the_way


def _why_not_writable(trial: Trial) -> str | None:
    if trial.state.is_settled:
        return None
    try:
        trial.folder.mkdir(exist_ok=True)
        (trial.folder / LOCK).touch()
    except OSError as error:
        return first_line(error)
    return None


def announce(trials: Sequence[Trial], to_run: Sequence[Trial], out: Console) -> None:
    """How much there is to do, and why what was there before is not enough."""
    skipped = sum(trial.state.is_settled for trial in trials)
    out.print(f"{len(trials)} trials: {len(to_run)} to run, {skipped} to skip: they are done", soft_wrap=True)
    for trial in to_run:
        if trial.state.reason is not None:
            out.print(f"again: {trial.label}: {trial.state.reason}", soft_wrap=True)


def say_how_to_go_on(trials: Sequence[Trial], ends: dict[str, TrialEnd], out: Console) -> None:
    """After Ctrl-C."""
    settled = sum(trial.state.is_settled for trial in trials)
    settled += sum(status in ("done", "over_budget") for status, _ in ends.values())
    out.print(f"{settled} of {len(trials)} trials are done; the same command goes on with the others")


def conclude(
    trials: Sequence[Trial], ends: dict[str, TrialEnd], out: Console, launcher_error: str | None = None
) -> None:
    """Count, list what failed, and say where to look.

    Raises:
        RunFailedError: a trial failed, or the launcher gave up before all had their turn.
    """
    ends = {trial.label: ends.get(trial.label, ("skipped", "")) for trial in trials}
    statuses = [status for status, _ in ends.values()]
    counts = ", ".join(f"{statuses.count(name)} {name}" for name in STATUSES if name in statuses)
    out.print(f"{len(trials)} trials: {counts}")
    for label, (status, line) in ends.items():
        if status not in ("done", "over_budget", "skipped"):
            out.print(f"{status}: {label}: {line}", soft_wrap=True)
    for folder in dict.fromkeys(trial.folder.parent for trial in trials):
        out.print(f"everything is in {short_path(folder)}; tensorboard --logdir {short_path(folder)}", soft_wrap=True)
    failures = [line for status, line in ends.values() if status == "failed"]
    if failures:
        raise RunFailedError(f"{len(failures)} of {len(trials)} trials failed, the first with: {failures[0]}")
    if launcher_error is not None:
        raise RunFailedError(f"the sweep ended early: {launcher_error}")
