"""A finished run, opened from its folder alone. Nothing in it is executed: JSON, plain tensors, no pickles."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fsdd_lightning.arithmetic.device_arrays import Deployment, FloatInput, Input
from fsdd_lightning.arithmetic.front_end import Standardization
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.listener import Listening
from fsdd_lightning.config.bounds import path_problem
from fsdd_lightning.config.load import config_from_mapping
from fsdd_lightning.config.schema import Config, DataConfig
from fsdd_lightning.data.corpora import corpora_digest
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.data.statistics import FeatureStatistics, statistics_of
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.checkpoint import NETWORK_FILE, Checkpoint, load_checkpoint
from fsdd_lightning.runs.archive import INTEGER_MODEL, load_archive
from fsdd_lightning.runs.record import RunRecord, missing_fields, read_record
from fsdd_lightning.runs.results import check_files
from fsdd_lightning.runs.trust import check_download, check_extent, trusted_data


@dataclass(frozen=True)
class Run:
    """What a run folder holds."""

    folder: Path
    record: RunRecord
    config: Config
    checkpoint: Checkpoint
    deployment: Deployment | None  # the integer model; None where the mode has none

    @property
    def integer_model(self) -> IntegerModel | None:
        """What the device runs; None for float32."""
        return None if self.deployment is None else self.deployment.model

    @property
    def listening(self) -> Listening | None:
        """The way from samples to words; None where features need float and whole clips."""
        if self.deployment is not None:
            return self.deployment.listening
        prepared = network_input(self.config, self.checkpoint.mean, self.checkpoint.std, 0)
        return prepared if isinstance(prepared, Listening) else None

    @property
    def statistics(self) -> FeatureStatistics:
        """Mean and std of the training clips that the network was trained on."""
        return statistics_of(self.config.features, self.checkpoint.mean, self.checkpoint.std)


def read_run(folder: Path) -> Run:
    """Read record and network.

    Raises:
        UserError: no run folder, a run that did not finish, a damaged, foreign or newer file.
    """
    record = read_record(folder)
    if record.status != "done":
        raise UserError(f"the run in {folder} is {record.status} ({record.error}); run it again first")
    config = config_from_mapping(record.config)
    _check_complete(record, folder)
    if record.digests and (problem := check_files(record, folder)) is not None:
        raise UserError(f"the run in {folder} is not whole: {problem}; run it again")
    checkpoint = load_checkpoint(folder / NETWORK_FILE)
    if len(checkpoint.mean) != config.features.channels:
        raise UserError(f"{folder} holds the network of another run: its inputs are not the channels of its features")
    return Run(folder, record, config, checkpoint, _deployment(folder, checkpoint, config))


def _deployment(folder: Path, checkpoint: Checkpoint, config: Config) -> Deployment | None:
    if checkpoint.weight_code is None:
        return None
    deployment = load_archive(folder / INTEGER_MODEL)
    if not _is_deployed(checkpoint, deployment, config):
        raise UserError(f"{folder / INTEGER_MODEL} is the integer model of another run; run this one again")
    return deployment


def _is_deployed(checkpoint: Checkpoint, deployment: Deployment, config: Config) -> bool:
    """Whether both are of one run, as far as can be checked without a clip."""
    model, shape = deployment.model, checkpoint.network.shape
    found = NetworkShape(model.input_size, model.layers[0].hidden_size, len(model.layers), model.classes)
    least_margin = 0 if deployment.listening is None else deployment.listening.least_margin
    prepared = network_input(config, checkpoint.mean, checkpoint.std, least_margin)
    expected, stored = prepared.arrays(), deployment.input.arrays()
    front_end = None if deployment.listening is None else deployment.listening.front_end
    return (
        front_end == config.front_end  # hop and decay are in no array
        and (found, model.weight_code, deployment.labels) == (shape, checkpoint.weight_code, checkpoint.labels)
        and list(stored) == list(expected)
        and all(np.array_equal(stored[name], expected[name]) for name in stored)
    )


def network_input(config: Config, mean: np.ndarray, std: np.ndarray, least_margin: int) -> Input:
    """How a device prepares the input of a network that was trained with these statistics."""
    front_end = config.front_end
    if front_end is None:
        return FloatInput(mean, std)
    assert config.listener is not None
    standardization = Standardization.from_statistics(mean, std)
    return Listening(front_end, standardization, config.listener.endpointer, least_margin)


def _check_complete(record: RunRecord, folder: Path) -> None:
    """Check that a finished record has the fields that are read; its config is checked elsewhere, as a whole."""
    if missing := missing_fields(record):
        raise UserError(f"the run record in {folder} is incomplete: it lacks {', '.join(missing)}; run it again")


def describe_data(record: RunRecord, data: PreparedData) -> None:
    """Fill the part of a record about its data, by which `recorded_data` finds them again."""
    recordings = data.recordings
    # Found again from any other folder.
    folders = {name: str(folder.resolve()) for name, folder in recordings.folders.items()}
    record.dataset = {
        "name": recordings.name,
        "source": data.source,
        "digest": recordings.digest,
        # of all files, where some were left out
        "folder_digest": corpora_digest(recordings.folders, recordings.words) if recordings.bad else recordings.digest,
        "recordings": len(recordings.recordings),
        "labels": list(recordings.labels),
        "folder": ", ".join(folders.values()),
        **({"folders": folders} if recordings.corpora else {}),
        "trimmed": data.extracted.trimmed,
    }
    if data.synthetic is not None:
        speech = data.synthetic.speech
        record.dataset["synthetic_speech"] = {
            "clips": len(speech.labels),
            "voices": speech.voices,
            "engines": speech.engines,
            "digest": speech.digest,
        }
    parts = {part: len(getattr(data.split, part)) for part in ("train", "val", "test")}
    people = {part: {recordings.recordings[at].speaker for at in getattr(data.split, part)} for part in parts}
    record.split = {"name": data.split.name, **parts, "people": {part: len(names) for part, names in people.items()}}
    if record.config["split"]["train_speakers"] is not None:
        record.split["train_speakers"] = sorted(people["train"])
    record.notes = list(data.notes)


def recorded_data(run: Run, root: Path | Sequence[Path] | None) -> PreparedData:
    """The data of a run, from `root`, else from their folder, else from where data are searched by default.

    Several corpora have a root each, in the order of the record; without, all must be where they were.

    Raises:
        UserError: the recordings found are not those of the record; another number of roots.
    """
    config, roots = run.config, [root] if isinstance(root, Path) else list(root or ())
    data = prepare_data(_data_config(run, roots), config.split, config.features, listener=config.listener)
    if data.recordings.digest != run.record.dataset["digest"]:
        raise UserError(
            f"the recordings in {data.recordings.place} are not those of the run (digest "
            f"{data.recordings.digest[:12]}, not {run.record.dataset['digest'][:12]}); name theirs with --data-root"
        )
    if data.recordings.labels != run.checkpoint.labels:
        raise UserError(
            f"the words in {data.recordings.place} are {', '.join(data.recordings.labels)}, but the run in "
            f"{run.folder} knows {', '.join(run.checkpoint.labels)}; name its recordings with --data-root"
        )
    return data


def _data_config(run: Run, roots: Sequence[Path]) -> DataConfig:
    dataset, rate = run.record.dataset, run.config.features.sample_rate_hz
    for folder in map(str, roots or dataset.get("folders", {}).values() or [dataset["folder"]]):
        if problem := path_problem(folder):
            raise UserError(f"{folder}: {problem}; name the recordings of {run.folder} with another --data-root")
    again = dataset["source"] == "synthetic" and not roots
    source: Literal["fsdd", "synthetic"] = "synthetic" if again else "fsdd"
    named = dataclasses.replace(run.config.data, root=None, source=source, name=dataset["name"])
    config = trusted_data(named, rate)
    if "folders" in dataset:
        corpora = _corpora(dataset["folders"], roots)
        for folder in () if roots else corpora.values():
            check_extent(Path(folder))
        return dataclasses.replace(config, root=corpora, source="fsdd", name=run.config.data.name)
    if len(roots) > 1:
        raise UserError(
            f"the recordings of {run.folder} lie in one folder: give --data-root once, not {len(roots)} times"
        )
    if again:  # perhaps by fallback: generated again, always the same
        return config
    if roots:
        return dataclasses.replace(config, root=str(roots[0]))
    before = Path(dataset["folder"])
    if before.is_dir():
        check_extent(before)
        return dataclasses.replace(config, root=str(before))
    elsewhere = dataclasses.replace(config, name=run.config.data.name, fallback="none")
    check_download(run.config.data, elsewhere)
    return elsewhere


def _corpora(before: dict[str, str], roots: Sequence[Path]) -> dict[str, str]:
    """The folders of several corpora by name: `roots`, else those of the record."""
    if roots and len(roots) != len(before):
        problem = f"--data-root is given {len(roots)} time(s)"
    elif gone := [] if roots else [folder for folder in before.values() if not Path(folder).is_dir()]:
        problem = f"there is no folder {gone[0]} any more"
    else:
        return dict(zip(before, map(str, roots or before.values()), strict=True))
    raise UserError(
        f"{problem}, but the run has {len(before)} corpora: "
        f"give --data-root once for each of {', '.join(before)}, in this order"
    )
