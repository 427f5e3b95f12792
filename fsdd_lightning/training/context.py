"""A run while it lasts: its plan and data, and where it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytorch_lightning.loggers import Logger

from fsdd_lightning.config.schema import Config
from fsdd_lightning.console.summary import print_note
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.data.unheard_voice import UnheardVoice
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.training.float_networks import FOLDER as FLOAT_NETWORKS
from fsdd_lightning.training.logger import DashboardLogger


@dataclass(frozen=True)
class RunContext:
    """What all stages of a run need. `record` and `logger` are filled by them."""

    plan: RunPlan
    record: RunRecord
    data: PreparedData
    folder: Path
    logger: DashboardLogger
    others: tuple[RecordingSet, ...] = ()  # people whom the network never hears
    unheard: UnheardVoice | None = None  # whom a second network never hears
    loggers: tuple[Logger, ...] = ()  # besides TensorBoard

    @property
    def config(self) -> Config:
        """The config with the hidden size solved."""
        return self.plan.config

    @property
    def evaluated_clips(self) -> int:
        """How many clips the backends hear at the end of the run."""
        own = len(self.data.split.val) + len(self.data.split.test)
        return own + sum(len(corpus.recordings) for corpus in self.others)

    @property
    def store(self) -> Path:
        """Where runs share float networks."""
        return Path(self.config.output_root).resolve() / FLOAT_NETWORKS

    def note(self, text: str) -> None:
        """Record and print something that the user should know."""
        self.record.notes.append(text)
        print_note(text)
