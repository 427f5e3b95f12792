"""The cells of a sweep, what is to be done about each of them, and in which order."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from fsdd_lightning.config.load import run_name
from fsdd_lightning.runs.plan import Cell
from fsdd_lightning.runs.state import CellState, Present, state_of


@dataclass(frozen=True)
class SweepCell:
    """One cell with its overrides, the folder it runs in, and its state before the sweep."""

    overrides: tuple[str, ...]
    cell: Cell
    folder: Path
    label: str  # the overrides that not all cells of the sweep have
    state: CellState

    @property
    def run_name(self) -> str:
        """The name of its folder."""
        return self.folder.name


def plan_sweep(
    cells: Iterable[tuple[Sequence[str], Cell]], sweep_folder: Path | None = None
) -> list[SweepCell]:
    """Look at every cell's folder: in `sweep_folder`, or else output_root/name of its own settings."""
    present, cells = Present(), _distinct(cells)
    shared = set.intersection(*(set(overrides) for overrides, _ in cells)) if cells else set()
    planned = []
    for overrides, cell in cells:
        above = sweep_folder or Path(cell.settings.output_root).resolve() / cell.settings.name
        folder = above / run_name(overrides)
        label = ",".join(each for each in overrides if each not in shared) or folder.name
        planned.append(SweepCell(tuple(overrides), cell, folder, label, state_of(cell, folder, present)))
    return planned


def _distinct(cells: Iterable[tuple[Sequence[str], Cell]]) -> list[tuple[Sequence[str], Cell]]:
    """Each once: seed=1,1 is one cell."""
    return list({tuple(overrides): (overrides, cell) for overrides, cell in cells}.values())


def running_order(cells: Sequence[SweepCell]) -> list[SweepCell]:
    """Cells in an order in which parallel jobs seldom wait for one another, and end at about the same time.

    Cells that share a float network wait for the one that trains it: so first comes one cell of each network, the
    largest first, then the second of each, and so on; of one network those that train on come before those that look.
    """
    groups: dict[str, list[SweepCell]] = defaultdict(list)
    for each in cells:
        groups[_float_settings(each.cell)].append(each)
    for group in groups.values():
        group.sort(key=_tuning_epochs, reverse=True)  # stable: otherwise as on the command line
    by_size = sorted(groups.values(), key=lambda group: _float_effort(group[0].cell), reverse=True)
    return [each for rank in zip_longest(*by_size) for each in rank if each is not None]


def _tuning_epochs(each: SweepCell) -> int:
    mode = each.cell.settings.quantization
    return mode.epochs if mode.start == "epoch" and each.cell.fits else 0


def _float_effort(cell: Cell) -> int:
    return cell.bill.macs_per_clip * cell.settings.trainer.epochs


def _float_settings(cell: Cell) -> str:
    """What a float network is trained from, as far as it is known without data; see float_networks.float_key."""
    parts = ("data", "split", "features", "augmentation", "model", "trainer")
    kept = {part: dataclasses.asdict(getattr(cell.settings, part)) for part in parts}
    text = json.dumps(kept | {"seed": cell.settings.seed}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
