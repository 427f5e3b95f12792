"""A finished run, opened from its folder alone. Nothing in it is executed: JSON, plain tensors, no pickles."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from fsdd_lightning.configuration import settings_from_mapping
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.data.standardization import FeatureStatistics
from fsdd_lightning.errors import UserError
from fsdd_lightning.experiments.record import RunRecord, read_record
from fsdd_lightning.model import checkpoint as checkpoints
from fsdd_lightning.model.checkpoint import Checkpoint, load_checkpoint
from fsdd_lightning.settings import DataSettings, Settings


@dataclass(frozen=True)
class Run:
    """What a run folder holds."""

    folder: Path
    record: RunRecord
    settings: Settings
    checkpoint: Checkpoint

    @property
    def statistics(self) -> FeatureStatistics:
        """Mean and std of the training clips that the network was trained on."""
        return FeatureStatistics(self.checkpoint.mean, self.checkpoint.std)


def open_run(folder: Path) -> Run:
    """Read record and network.

    Raises:
        UserError: no run folder, a run that did not finish, a damaged, foreign or newer file.
    """
    record = read_record(folder)
    if record.status != "done":
        raise UserError(f"the run in {folder} is {record.status} ({record.error}); run it again first")
    settings = settings_from_mapping(record.config)
    return Run(folder, record, settings, load_checkpoint(folder / checkpoints.FILE_NAME))


def recorded_data(run: Run, root: Path | None) -> PreparedData:
    """The data of a run, from `root`, else where they were, else where such data are looked for.

    Raises:
        UserError: the recordings found are not those of the record.
    """
    settings = run.settings
    data = prepare_data(_data_settings(run, root), settings.split, settings.features)
    if data.recordings.digest != run.record.dataset["digest"]:
        raise UserError(
            f"the recordings in {data.recordings.folder} are not those of the run (digest "
            f"{data.recordings.digest[:12]}, not {run.record.dataset['digest'][:12]}); name theirs with --data-root"
        )
    return data


def _data_settings(run: Run, root: Path | None) -> DataSettings:
    settings, dataset = run.settings.data, run.record.dataset
    if root is None and dataset["source"] == "synthetic":  # perhaps by fallback: made again, always the same
        return dataclasses.replace(settings, source="synthetic", name=dataset["name"])
    before = Path(dataset["folder"])
    known = root if root is not None else before if before.is_dir() else None
    if known is None:
        return settings
    return dataclasses.replace(settings, root=str(known), source="fsdd", name=dataset["name"])
