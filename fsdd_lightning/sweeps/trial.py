"""One trial of a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.state import RunState
from fsdd_lightning.sweeps.identity import Identity


@dataclass(frozen=True)
class Trial:
    """One trial with its overrides, the folder it runs in, and its state before the sweep."""

    overrides: tuple[str, ...]
    plan: RunPlan
    folder: Path
    label: str  # the overrides that not all trials of the sweep have
    state: RunState
    identity: Identity

    @property
    def run_name(self) -> str:
        """The name of its folder."""
        return self.folder.name
