"""What a sweep does before its first cell and after its last one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fsdd_lightning.console.summary import short_path
from fsdd_lightning.errors import RunFailedError, first_line
from fsdd_lightning.runs.lock import LOCK
from fsdd_lightning.sweeps.manifest import write_manifest
from fsdd_lightning.sweeps.plan import SweepCell
from fsdd_lightning.sweeps.progress import STATUSES, Outcome


def prepare_sweep_folders(cells: Sequence[SweepCell], arguments: Sequence[str]) -> None:
    """Make the folders above the runs' own, and freeze in each which cells it is to hold."""
    by_folder: dict[Path, list[SweepCell]] = {}
    for each in cells:
        by_folder.setdefault(each.folder.parent, []).append(each)
    for folder, inside in by_folder.items():
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder, arguments, inside)


def prepare_run_folders(cells: Sequence[SweepCell]) -> tuple[list[SweepCell], dict[str, Outcome]]:
    """The cells that can run now, and what is in the way of those that would but can't."""
    to_run: list[SweepCell] = []
    in_the_way: dict[str, Outcome] = {}
    for each in cells:
        problem = each.state.reason if each.state.name == "blocked" else _why_not_writable(each)
        if each.state.is_settled:
            continue
        if problem is None:
            to_run.append(each)
        else:
            in_the_way[each.label] = ("failed", problem)
    return to_run, in_the_way


def _why_not_writable(each: SweepCell) -> str | None:
    if each.state.is_settled:
        return None
    try:
        each.folder.mkdir(exist_ok=True)
        (each.folder / LOCK).touch()
    except OSError as error:
        return first_line(error)
    return None


def announce(cells: Sequence[SweepCell], to_run: Sequence[SweepCell], out: Console) -> None:
    """How much there is to do, and why what was there before is not enough."""
    skipped = sum(each.state.is_settled for each in cells)
    out.print(f"{len(cells)} cells: {len(to_run)} to run, {skipped} to skip: they are done", soft_wrap=True)
    for each in to_run:
        if each.state.reason is not None:
            out.print(f"again: {each.label}: {each.state.reason}", soft_wrap=True)


def say_how_to_go_on(cells: Sequence[SweepCell], outcomes: dict[str, Outcome], out: Console) -> None:
    """After Ctrl-C."""
    settled = sum(each.state.is_settled for each in cells)
    settled += sum(status in ("done", "refused") for status, _ in outcomes.values())
    out.print(f"{settled} of {len(cells)} cells are done; the same command goes on with the others")


def conclude(
    cells: Sequence[SweepCell], outcomes: dict[str, Outcome], out: Console, launcher_error: str | None = None
) -> None:
    """Count, list what failed, and say where to look.

    Raises:
        RunFailedError: a cell failed, or the launcher gave up before all had their turn.
    """
    ends = {each.label: outcomes.get(each.label, ("skipped", "")) for each in cells}
    statuses = [status for status, _ in ends.values()]
    counts = ", ".join(f"{statuses.count(name)} {name}" for name in STATUSES if name in statuses)
    out.print(f"{len(cells)} cells: {counts}")
    for label, (status, line) in ends.items():
        if status not in ("done", "refused", "skipped"):
            out.print(f"{status}: {label}: {line}", soft_wrap=True)
    for folder in dict.fromkeys(each.folder.parent for each in cells):
        out.print(
            f"everything is in {short_path(folder)}; tensorboard --logdir {short_path(folder)}",
            soft_wrap=True,
        )
    failures = [line for status, line in ends.values() if status == "failed"]
    if failures:
        raise RunFailedError(f"{len(failures)} of {len(cells)} cells failed, the first with: {failures[0]}")
    if launcher_error is not None:
        raise RunFailedError(f"the sweep ended early: {launcher_error}")
