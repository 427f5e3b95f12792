"""Forget the trials of a sweep that have no result and are no longer wanted. What has one is never touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fsdd_lightning.artifacts import DamagedError
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.lock import is_locked
from fsdd_lightning.runs.record import RUN_FILE, NoRecordError, read_record
from fsdd_lightning.runs.results import check_free, check_ours, remove_first_files
from fsdd_lightning.sweeps.manifest import SWEEP_FILE, forget, planned_names

SET_ASIDE = ".pruned"  # beside the sweep: TensorBoard would show what is in it


@dataclass(frozen=True)
class Forgotten:
    """A trial that is forgotten; `place`: where its folder is now, None if there was nothing in it."""

    name: str
    state: str
    place: Path | None


def prune_sweep(folder: Path) -> list[Forgotten]:
    """Forget every trial without a result that no process is at work on: it is no row of the report any more.

    The folder of one that was begun is moved to .pruned/ beside the sweep. The command that planned it plans it again.

    Raises:
        UserError: this is not the folder of a sweep.
    """
    if not (folder / SWEEP_FILE).is_file():
        raise UserError(f"{folder} is not the folder of a sweep: it holds no {SWEEP_FILE}")
    names = sorted(planned_names(folder) | {path.parent.name for path in folder.glob(f"*/{RUN_FILE}")})
    states = {name: state for name in names if (state := _unfinished(folder / name)) is not None}
    forget(folder, states)
    return [Forgotten(name, state, _set_aside(folder / name, state)) for name, state in states.items()]


def _unfinished(folder: Path) -> str | None:
    """Why a trial has no result; None if it has one, if it runs, or if its record is not ours."""
    if is_locked(folder):
        return None
    try:
        status = read_record(folder).status
    except NoRecordError:
        return "not started"
    except DamagedError:
        return "damaged"
    except UserError:
        return None
    return status if status in ("failed", "interrupted") else None


def _set_aside(folder: Path, state: str) -> Path | None:
    """Only what is a run's: whatever else has the name of a trial stays where it is."""
    if folder.is_symlink():
        return None
    try:
        if state == "not started":
            check_free(folder)
            remove_first_files(folder)
            return None
        if state == "damaged":
            check_ours(folder)
    except UserError:
        return None
    place = folder.parent.parent / SET_ASIDE / folder.parent.name / folder.name
    number = 1
    while place.exists():
        number += 1
        place = place.with_name(f"{folder.name}.{number}")
    place.parent.mkdir(parents=True, exist_ok=True)
    return folder.rename(place)
