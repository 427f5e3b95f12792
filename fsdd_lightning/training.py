"""One experiment from settings to record: prepare, train, quantise, test the best checkpoint, write everything down."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdd_lightning.arithmetic.archive import save_archive
from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.quantize import convert
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.callbacks.dashboard import (
    DashboardLogger,
    log_bill,
    log_confusions,
    log_mistakes,
    log_outcome,
)
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.digits import CLASSES
from fsdd_lightning.experiments.cell import Cell
from fsdd_lightning.experiments.evaluation import Evaluation, baseline_of, clips_at, evaluate_views, views_of
from fsdd_lightning.experiments.figures import confusion_figure, save_figure
from fsdd_lightning.experiments.float_networks import FOLDER as FLOAT_NETWORKS
from fsdd_lightning.experiments.float_networks import FloatNetwork, float_network
from fsdd_lightning.experiments.outcome_events import outcome_of_failure
from fsdd_lightning.experiments.record import RunRecord, recorded
from fsdd_lightning.experiments.run_folder import INTEGER_MODEL
from fsdd_lightning.experiments.summary import print_data, print_result
from fsdd_lightning.fitting import Fitted, fit_float, fit_quantized, log_test_metrics, seed_everything
from fsdd_lightning.model import checkpoint as checkpoints
from fsdd_lightning.model.checkpoint import Checkpoint, save_checkpoint
from fsdd_lightning.model.fake_quantization import arrays_of
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.settings import Settings


@dataclass(frozen=True)
class Workplace:
    """Where a run writes, and where float networks are shared."""

    folder: Path
    store: Path
    logger: DashboardLogger


def run_experiment(cell: Cell, record: RunRecord, folder: Path) -> RunRecord:
    """Run a cell that fits its budget in `folder` (which exists); the record is in `folder`/run.json by then."""
    settings = cell.settings
    with outcome_of_failure(record, folder), recorded(record, folder):
        with record.timed("data"):
            data = prepare_data(settings.data, settings.split, settings.features)
        _describe_data(record, data)
        print_data(data, cell)
        place = Workplace(
            folder, Path(settings.output_root).resolve() / FLOAT_NETWORKS, DashboardLogger(folder)
        )
        with record.timed("training"):
            shared = _float_stage(cell, data, place)
        with record.timed("quantization"):
            checkpoint, tuning = _quantized_stage(settings, shared, data, place)
        record.training = _describe_training(shared, tuning)
        with record.timed("evaluation"):
            evaluation = _evaluate(record, settings, checkpoint, data, place)
        with record.timed("reporting"):
            _show(record, cell, data, evaluation, place)
    print_result(record, folder)
    return record


def _describe_data(record: RunRecord, data: PreparedData) -> None:
    recordings = data.recordings
    record.dataset = {
        "name": recordings.name,
        "source": data.source,
        "digest": recordings.digest,
        "recordings": len(recordings.recordings),
        "folder": str(recordings.folder.resolve()),  # found again from any other folder
        "trimmed": data.mfcc.trimmed,
    }
    parts = {part: len(getattr(data.split, part)) for part in ("train", "val", "test")}
    record.split = {"name": data.split.name, **parts}
    record.notes = list(data.notes)


def _float_stage(cell: Cell, data: PreparedData, place: Workplace) -> FloatNetwork:
    settings = cell.settings

    def train() -> tuple[Checkpoint, dict[str, Any]]:
        seed_everything(settings)
        network = LSTMClassifier(cell.shape, settings.model.dropout)
        fitted = fit_float(network, settings, data, place.folder, place.logger)
        mean, std = data.statistics.mean, data.statistics.std
        checkpoint = Checkpoint(fitted.network, fitted.network, None, mean, std, CLASSES)
        return checkpoint, {"run": str(place.folder), **_describe_fit(fitted)}

    return float_network(settings, data, place.store, train)


def _quantized_stage(
    settings: Settings, shared: FloatNetwork, data: PreparedData, place: Workplace
) -> tuple[Checkpoint, Fitted | None]:
    """What the mode makes of the float network: nothing, another look at it, or some more epochs."""
    wanted = settings.quantization
    checkpoint = dataclasses.replace(shared.checkpoint, weight_code=wanted.weight_code)
    if wanted.start != "epoch":
        return checkpoint, None
    seed_everything(settings)
    place.logger.stage, place.logger.first_epoch = "quantized", shared.origin["epochs"]
    tuned = fit_quantized(copy.deepcopy(checkpoint.float_network), settings, data, place.folder, place.logger)
    return dataclasses.replace(checkpoint, network=tuned.network), tuned


def _describe_fit(fitted: Fitted) -> dict[str, Any]:
    return {"epochs": fitted.epochs, "best_epoch": fitted.best_epoch, "val_loss": fitted.val_loss}


def _describe_training(shared: FloatNetwork, tuning: Fitted | None) -> dict[str, Any]:
    described: dict[str, Any] = {"float": {"key": shared.key, "reused": shared.reused, **shared.origin}}
    if tuning is not None:
        described["quantized"] = _describe_fit(tuning)
    return described


def _deploy(settings: Settings, checkpoint: Checkpoint, folder: Path) -> IntegerModel | None:
    """Keep the network, and the integer model where the mode has one."""
    save_checkpoint(checkpoint, folder / checkpoints.FILE_NAME)
    if checkpoint.weight_code is None:
        return None
    model = convert(arrays_of(checkpoint.network), weight_code(checkpoint.weight_code))
    features = dataclasses.asdict(settings.features)
    deployment = Deployment(model, checkpoint.mean, checkpoint.std, features, checkpoint.labels)
    save_archive(folder / INTEGER_MODEL, deployment)
    return model


def _evaluate(
    record: RunRecord, settings: Settings, checkpoint: Checkpoint, data: PreparedData, place: Workplace
) -> Evaluation:
    """All views on the validation clips, which a search may look at, and then, once, on the test clips."""
    baseline = baseline_of(settings.quantization.baseline, checkpoint, data)
    if baseline is not None:
        record.memory |= {"flash_bytes": baseline.flash_bytes, "engine": baseline.engine}
    views = views_of(checkpoint, _deploy(settings, checkpoint, place.folder), baseline)
    validation = evaluate_views(views, clips_at(data, data.split.val)).scores
    record.training["val_accuracy"] = {name: score.accuracy for name, score in validation.items()}
    evaluation = evaluate_views(views, clips_at(data, data.split.test))
    evaluation.write_to(record)
    log_test_metrics(checkpoint, settings, data, place.logger)
    return evaluation


def _show(
    record: RunRecord, cell: Cell, data: PreparedData, evaluation: Evaluation, place: Workplace
) -> None:
    for name, view in record.views.items():
        title = f"{cell.settings.name}: {name}, {view['correct']} of {view['total']} right"
        save_figure(confusion_figure(view, title), place.folder / f"confusion_{name}.png")
    deployed_view = list(record.views)[-1]
    log_confusions(place.logger, record)
    log_bill(place.logger, cell.bill)
    log_mistakes(
        place.logger, data, evaluation.predictions(deployed_view), cell.settings.logger.misclassified_clips
    )
    log_outcome(place.logger, record)
    place.logger.close()
