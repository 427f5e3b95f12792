"""One experiment from settings to record: prepare, train, quantise, test the best checkpoint, write everything down."""

from __future__ import annotations

import copy
import dataclasses
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdd_lightning.config.schema import Settings
from fsdd_lightning.console.summary import print_data, print_note, print_result
from fsdd_lightning.data.digits import CLASSES
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.data.recordings import folder_digest
from fsdd_lightning.evaluation.deployment import compiled, deploy, export_run, keep_golden_clips
from fsdd_lightning.evaluation.evaluate import Evaluation, baseline_of, clips_at, evaluate_views, views_of
from fsdd_lightning.evaluation.figures import confusion_figure, save_figure
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.lock import remove_results
from fsdd_lightning.runs.plan import Cell
from fsdd_lightning.runs.record import EXPORT, RunRecord, recorded
from fsdd_lightning.training.fit import (
    Fitted,
    fit_float,
    fit_quantized,
    log_test_metrics,
    seed_everything,
    use_threads,
)
from fsdd_lightning.training.float_networks import FOLDER as FLOAT_NETWORKS
from fsdd_lightning.training.float_networks import FloatNetwork, float_network
from fsdd_lightning.training.logger import (
    DashboardLogger,
    log_bill,
    log_confusions,
    log_mistakes,
    log_outcome,
)
from fsdd_lightning.training.tensorboard import outcome_of_failure


@dataclass(frozen=True)
class Workplace:
    """Where a run writes, and where float networks are shared."""

    folder: Path
    store: Path
    logger: DashboardLogger


def run_experiment(cell: Cell, record: RunRecord, folder: Path) -> RunRecord:
    """Run a cell that fits its budget in `folder` (which exists); the record is in `folder`/run.json by then."""
    settings = cell.settings
    logger = DashboardLogger(folder)
    with outcome_of_failure(record, folder), recorded(record, folder), closing(logger):
        remove_results(folder)
        use_threads(settings.trainer)
        with record.timed("data"):
            data = prepare_data(settings.data, settings.split, settings.features, settings.perturbation)
        _describe_data(record, data)
        print_data(data, cell)
        place = Workplace(folder, Path(settings.output_root).resolve() / FLOAT_NETWORKS, logger)
        with record.timed("training"):
            shared = _float_stage(cell, data, place)
        record.timings_s["waiting"] = round(shared.waited_s, 3)  # is part of training
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
        # of all files, where some were left out
        "folder_digest": folder_digest(recordings.folder) if recordings.bad else recordings.digest,
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


def _evaluate(
    record: RunRecord, settings: Settings, checkpoint: Checkpoint, data: PreparedData, place: Workplace
) -> Evaluation:
    """All views on the validation clips, which a search may look at, and then, once, on the test clips."""
    baseline = baseline_of(settings.quantization.baseline, checkpoint, data)
    if baseline is not None:
        record.memory |= {"flash_bytes": baseline.flash_bytes, "engine": baseline.engine}
    deployment = deploy(checkpoint, settings.features, place.folder)
    test = clips_at(data, data.split.test)
    with compiled(deployment) as c:
        if c.note is not None:
            record.notes.append(c.note)
            print_note(c.note)
        model = None if deployment is None else deployment.model
        views = views_of(checkpoint, model, baseline, c.engine)
        validation = evaluate_views(views, clips_at(data, data.split.val)).scores
        record.training["val_accuracy"] = {name: score.accuracy for name, score in validation.items()}
        evaluation = evaluate_views(views, test)
    evaluation.write_to(record)
    if deployment is not None:
        golden = keep_golden_clips(deployment, test, place.folder)
        export_run(deployment, golden, record, place.folder / EXPORT)
    log_test_metrics(checkpoint, settings, data, place.logger)
    return evaluation


def _show(
    record: RunRecord, cell: Cell, data: PreparedData, evaluation: Evaluation, place: Workplace
) -> None:
    pictures = {name: place.folder / f"confusion_{name}.png" for name in record.views}
    for name, path in pictures.items():
        view = record.views[name]
        title = f"{cell.settings.name}: {name}, {view['correct']} of {view['total']} test clips right"
        save_figure(confusion_figure(view, title), path)
    deployed_view = list(record.views)[-1]
    log_confusions(place.logger, pictures)
    log_bill(place.logger, cell.bill)
    log_mistakes(
        place.logger, data, evaluation.predictions(deployed_view), cell.settings.logger.misclassified_clips
    )
    log_outcome(place.logger, record)
