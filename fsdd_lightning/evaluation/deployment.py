"""A trained network made ready for a device: its integer model, and the C files of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fsdd_lightning.arithmetic.array_archive import stored_arrays
from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.integer_lstm import quantize_features
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.quantize import convert
from fsdd_lightning.arithmetic.ranges import NarrowRowsError
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.config.schema import Config, Target
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.words import DIGITS
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.clips import clips_at
from fsdd_lightning.evaluation.rejection import chosen_margin
from fsdd_lightning.export import ExportedModel, GoldenVectors, export_c
from fsdd_lightning.files import read_regular
from fsdd_lightning.model.checkpoint import NETWORK_FILE, Checkpoint, save_checkpoint
from fsdd_lightning.model.fake_quantization import arrays_of
from fsdd_lightning.runs.archive import INTEGER_MODEL, load_archive, save_archive
from fsdd_lightning.runs.folder import network_input
from fsdd_lightning.runs.metrics import percent
from fsdd_lightning.runs.record import WAYS, RunRecord

GOLDEN_CLIPS = "golden_clips.npz"
_MOST_BYTES = 2**23  # of which: a clip of each class, as the network hears it


def deploy(checkpoint: Checkpoint, config: Config, data: PreparedData, folder: Path) -> Deployment | None:
    """Write the network, and its integer model where the mode has one, to a run folder; returns what is read back.

    Which answers the device rejects is decided by the validation clips of `data`.
    """
    save_checkpoint(checkpoint, folder / NETWORK_FILE)
    if checkpoint.weight_code is None:
        return None
    model = convert(arrays_of(checkpoint.network), weight_code(checkpoint.weight_code))
    prepared = network_input(config, checkpoint.mean, checkpoint.std, _least_margin(model, config, data))
    deployment = Deployment(model, prepared, config.features.described(), checkpoint.labels)
    save_archive(folder / INTEGER_MODEL, deployment)
    return load_archive(folder / INTEGER_MODEL)


def _least_margin(model: IntegerModel, config: Config, data: PreparedData) -> int:
    if config.front_end is None or config.listener is None:
        return 0
    return chosen_margin(model, data, config.listener)


def keep_golden_clips(deployment: Deployment, data: PreparedData, folder: Path) -> GoldenVectors:
    """The first test clip of each class, kept in the run folder, so that an export needs no recordings."""
    test = data.split.test
    _, first = np.unique(data.labels[test], return_index=True)
    clips = clips_at(data, test[first])
    if clips.samples is not None:
        golden = GoldenVectors.of_samples(deployment, clips.samples)
        kept = {"samples": np.concatenate(clips.samples), "counts": np.array([len(clip) for clip in clips.samples])}
    else:
        golden = GoldenVectors.of(deployment, quantize_features(clips.features), clips.lengths)
        kept = {"features_q4": golden.features_q4, "lengths": golden.lengths}
    stream = io.BytesIO()
    np.savez(stream, **kept)  # type: ignore[arg-type]  # meant for allow_pickle
    replace_file(folder / GOLDEN_CLIPS, stream.getvalue())
    return golden


def kept_golden_clips(deployment: Deployment, folder: Path) -> GoldenVectors | None:
    """What `keep_golden_clips` wrote; None in the folder of a run that wrote nothing.

    Raises:
        UserError: the file is damaged, or another run's.
    """
    path = folder / GOLDEN_CLIPS
    try:
        return _golden(deployment, stored_arrays(read_regular(path, _MOST_BYTES)))
    except FileNotFoundError:
        return None
    except (ArithmeticError, LookupError, OSError, TypeError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}); delete it, or run this run again") from error


def _golden(deployment: Deployment, kept: Mapping[str, np.ndarray]) -> GoldenVectors:
    if deployment.listening is None:
        features, lengths = kept["features_q4"], kept["lengths"]
        if features.dtype != np.int8 or features.ndim != 3 or lengths.shape != features.shape[:1]:
            raise ValueError("its features are none")
        if not ((lengths >= 1) & (lengths <= features.shape[1])).all():
            raise ValueError("its lengths are none")
        return GoldenVectors.of(deployment, features, lengths)
    samples, counts = kept["samples"], kept["counts"]
    if samples.dtype != np.int16 or counts.dtype.kind != "i" or (counts < 1).any() or counts.sum() != samples.size:
        raise ValueError("its samples are none")
    return GoldenVectors.of_samples(deployment, np.split(samples.ravel(), np.cumsum(counts.ravel())[:-1]))


def export_run(
    deployment: Deployment,
    golden: GoldenVectors | None,
    record: RunRecord,
    folder: Path,
    name: str | None = None,
    *,
    target: Target = "auto",
) -> ExportedModel:
    """Write the C files of a run to `folder`: a function of the run folder's content, the name and the target alone.

    Raises:
        UserError: a record without what is told, or a network of an earlier version, which the C cannot store.
    """
    name = model_name(deployment.labels) if name is None else name
    try:
        notes = export_notes(record)
    except (LookupError, TypeError, StopIteration) as error:  # of an older version, or a stranger's
        raise UserError(f"the record of the run lacks what the README of its C files tells ({error})") from error
    try:
        return export_c(deployment, folder, name=name, golden=golden, notes=notes, target=target)
    except NarrowRowsError as error:
        raise UserError(f"no C files of this run: {error}") from error


def model_name(labels: Sequence[str]) -> str:
    """The prefix of all names in the C text, unless another one is asked for."""
    return "digits" if set(labels) <= set(DIGITS) else "words"


def export_notes(record: RunRecord) -> dict[str, str]:
    """For the README of the C files: where they come from and how good they are."""
    scores = record.views
    notes = {
        "experiment": f"{record.name}, {record.config['quantization']['name']}, seed {record.seed}",
        "recordings": f"{record.dataset['name']}, {record.dataset['recordings']:,} (digest "
        f"{record.dataset['digest'][:12]}), split {record.split['name']}",
    }
    for name, meaning in (("integer", "accuracy of these integers"), ("float", "accuracy in float")):
        notes[meaning] = _accuracy(scores[name], "test clips")
    notes |= _strangers(record)
    same = "all test clips give the same logits as in training"
    notes["this C, compiled"] = same if "c" in scores else "not tested where it was made: there was no C compiler"
    return notes | {"made by": f"fsdd_lightning {record.versions['fsdd_lightning']}"}


def _strangers(record: RunRecord) -> dict[str, str]:
    """How voices are recognized that the network never hears, where that was measured."""
    notes, unheard = {}, record.unheard
    if unheard:
        of_whom = f"clips of {unheard['speaker']}, by a second network that was trained without them"
        notes["an unheard voice"] = _accuracy(unheard, of_whom)
    for name, score in record.others.items():
        way = next(way for way in WAYS if way in score)
        groups, people = score[way]["groups"], score[way]["people"]["count"]
        mean = f"{percent(groups['mean'])} % right, mean of {groups['count']} groups of {people} people"
        worst = f"worst {groups['worst_name']} with {percent(groups['worst'])} %"
        notes[f"people of {name}"] = f"{mean}, {worst}; {score[way]['recordings']:,} {WAYS[way]}"
    return notes


def _accuracy(score: Mapping[str, Any], of_what: str) -> str:
    low, high = map(percent, score["ci95"])
    return f"{percent(score['accuracy'])} % of {score['total']} {of_what}, 95 % interval {low} - {high}"
