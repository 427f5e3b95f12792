"""One experiment from settings to record: prepare, train, quantise, test the best checkpoint, write everything down."""

from __future__ import annotations

import copy
import dataclasses
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdd_lightning.config.schema import Config
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
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import EXPORT, RunRecord, recorded
from fsdd_lightning.training.fit import (
    FitResult,
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
    log_trial_end,
)
from fsdd_lightning.training.tensorboard import trial_end_of_failure


@dataclass(frozen=True)
class RunContext:
    """Where a run writes, and where float networks are shared."""

    folder: Path
    store: Path
    logger: DashboardLogger


def run_experiment(plan: RunPlan, record: RunRecord, folder: Path) -> RunRecord:
    """Run a trial that fits its budget in `folder` (which exists); the record is in `folder`/run.json by then."""
    config = plan.config
    logger = DashboardLogger(folder)
    with trial_end_of_failure(record, folder), recorded(record, folder), closing(logger):
        remove_results(folder)
        use_threads(config)
        with record.timed("data"):
            data = prepare_data(config.data, config.split, config.features, config.waveform_augmentation)
        _describe_data(record, data)
        print_data(data, plan)
        place = RunContext(folder, Path(config.output_root).resolve() / FLOAT_NETWORKS, logger)
        with record.timed("training"):
            shared = _float_stage(plan, data, place)
        record.timings_s["waiting"] = round(shared.waited_s, 3)  # is part of training
        with record.timed("quantization"):
            checkpoint, tuning = _quantized_stage(config, shared, data, place)
        record.training = _describe_training(shared, tuning)
        with record.timed("evaluation"):
            evaluation = _evaluate(record, config, checkpoint, data, place)
        with record.timed("reporting"):
            _show(record, plan, data, evaluation, place)
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


def _float_stage(plan: RunPlan, data: PreparedData, place: RunContext) -> FloatNetwork:
    config = plan.config

    def train() -> tuple[Checkpoint, dict[str, Any]]:
        seed_everything(config)
        network = LSTMClassifier(plan.shape, config.model.dropout)
        fit_result = fit_float(network, config, data, place.folder, place.logger)
        mean, std = data.statistics.mean, data.statistics.std
        checkpoint = Checkpoint(fit_result.network, fit_result.network, None, mean, std, CLASSES)
        return checkpoint, {"run": str(place.folder), **_describe_fit(fit_result)}

    return float_network(config, data, place.store, train)


def _quantized_stage(
    config: Config, shared: FloatNetwork, data: PreparedData, place: RunContext
) -> tuple[Checkpoint, FitResult | None]:
    """What the mode makes of the float network: nothing, another look at it, or some more epochs."""
    wanted = config.quantization
    checkpoint = dataclasses.replace(shared.checkpoint, weight_code=wanted.weight_code)
    if wanted.start != "epoch":
        return checkpoint, None
    seed_everything(config)
    place.logger.stage, place.logger.first_epoch = "quantized", shared.origin["epochs"]
    tuned = fit_quantized(copy.deepcopy(checkpoint.float_network), config, data, place.folder, place.logger)
    return dataclasses.replace(checkpoint, network=tuned.network), tuned


def _describe_fit(fit_result: FitResult) -> dict[str, Any]:
    return {"epochs": fit_result.epochs, "best_epoch": fit_result.best_epoch, "val_loss": fit_result.val_loss}


def _describe_training(shared: FloatNetwork, tuning: FitResult | None) -> dict[str, Any]:
    described: dict[str, Any] = {"float": {"key": shared.key, "reused": shared.reused, **shared.origin}}
    if tuning is not None:
        described["quantized"] = _describe_fit(tuning)
    return described


def _evaluate(
    record: RunRecord, config: Config, checkpoint: Checkpoint, data: PreparedData, place: RunContext
) -> Evaluation:
    """All views on the validation clips, which a search may look at, and then, once, on the test clips."""
    baseline = baseline_of(config.quantization.baseline, checkpoint, data)
    if baseline is not None:
        record.memory |= {"flash_bytes": baseline.flash_bytes, "engine": baseline.engine}
    deployment = deploy(checkpoint, config.features, place.folder)
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
    log_test_metrics(checkpoint, config, data, place.logger)
    return evaluation


def _show(
    record: RunRecord, plan: RunPlan, data: PreparedData, evaluation: Evaluation, place: RunContext
) -> None:
    pictures = {name: place.folder / f"confusion_{name}.png" for name in record.views}
    for name, path in pictures.items():
        view = record.views[name]
        title = f"{plan.config.name}: {name}, {view['correct']} of {view['total']} test clips right"
        save_figure(confusion_figure(view, title), path)
    deployed_backend = list(record.views)[-1]
    log_confusions(place.logger, pictures)
    log_bill(place.logger, plan.bill)
    log_mistakes(
        place.logger, data, evaluation.predictions(deployed_backend), plan.config.logger.misclassified_clips
    )
    log_trial_end(place.logger, record)
