"""One experiment from plan to record: prepare, fit, quantize, test, write, present."""

from __future__ import annotations

import copy
import dataclasses
from contextlib import closing
from pathlib import Path
from typing import Any

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.console.progress import EVALUATION, WRITING, current_progress, progress_of_run, stages_of
from fsdd_lightning.console.summary import print_data, print_result, print_second_network
from fsdd_lightning.data.locate import other_folders
from fsdd_lightning.data.others import load_others, speakers_known
from fsdd_lightning.data.preparation import prepare_data
from fsdd_lightning.data.unheard_voice import UnheardVoice, leave_out
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.evaluation.backends import baseline_of, calibrated, open_backends
from fsdd_lightning.evaluation.calibration import calibration_of
from fsdd_lightning.evaluation.deployment import deploy, export_run, keep_golden_clips
from fsdd_lightning.evaluation.evaluate import BackendScores, evaluate_backends
from fsdd_lightning.evaluation.other_corpora import others_report
from fsdd_lightning.evaluation.other_corpora_report import describe_others
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.model.portable import portable_kernels
from fsdd_lightning.runs.folder import describe_data
from fsdd_lightning.runs.lock import claim, owned_by_record
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import EXPORT, RunRecord, recorded
from fsdd_lightning.runs.results import digests_of
from fsdd_lightning.training.context import RunContext
from fsdd_lightning.training.fit import (
    fit_float,
    fit_quantized,
    log_test_metrics,
    named_divergence,
    seed_everything,
    use_threads,
)
from fsdd_lightning.training.float_networks import FloatNetwork, float_network
from fsdd_lightning.training.kernels import describe_kernels, require_portable
from fsdd_lightning.training.logger import DashboardLogger, log_bill, log_trial_end
from fsdd_lightning.training.loggers import Loggers, log_config, open_loggers
from fsdd_lightning.training.presentation import present
from fsdd_lightning.training.resume import clear_folder, discard_foreign_checkpoints, redraw_curves
from fsdd_lightning.training.tensorboard import trial_end_of_failure
from fsdd_lightning.training.trainer import check_tools, debug_note, gpu_note
from fsdd_lightning.training.unheard import second_run, unheard_record


@progress_of_run()
def run_experiment(plan: RunPlan, record: RunRecord, folder: Path) -> RunRecord:
    """Run a trial that fits its budget in `folder`, which exists. The record is also in `folder`/run.json."""
    logger = DashboardLogger(folder)
    ending, kernels = trial_end_of_failure(record, folder), portable_kernels(plan.config.trainer.portable)
    claim(record, folder)
    loggers_of_run = open_loggers(plan.config, record, folder)
    with ending, recorded(record, folder) as conclude, closing(logger), kernels, loggers_of_run as loggers:
        check_tools(plan.config, folder)
        with record.timed("data"):
            context = prepare(plan, record, folder, logger, loggers)
        with record.timed("training"):
            shared = fit(context)
        record.timings_s["waiting"] = round(shared.waited_s, 3)  # is part of training
        with record.timed("quantization"):
            checkpoint = quantize(shared, context)
        with record.timed("evaluation"), current_progress().stage(EVALUATION), named_divergence(logger.stage):
            deployment = deploy(checkpoint, context.config, context.data, folder)
            scores = test(checkpoint, deployment, context)
        if context.unheard is not None:
            current_progress().second_network()
            with record.timed("unheard"):
                measure_unheard(context.unheard, context)
        with current_progress().stage(WRITING):
            with record.timed("reporting"):
                write(deployment, context)
            conclude()
            present(scores, context)
    print_result(record, folder)
    return record


def prepare(
    plan: RunPlan, record: RunRecord, folder: Path, logger: DashboardLogger, loggers: Loggers = ()
) -> RunContext:
    """Clear the folder and load the data; the checkpoints of an interrupted run of the same experiment stay."""
    config = plan.config
    if config.trainer.portable:
        require_portable()
    clear_folder(folder, owned_by_record(folder))
    use_threads(config)
    record.machine |= describe_kernels()
    data = prepare_data(
        config.data, config.split, config.features, config.waveform_augmentation, config.listener, config.text_to_speech
    )
    describe_data(record, data)
    others = load_others(
        other_folders(config.data), config.features, "data.others", config.data.on_bad_file, plan.labels
    )
    unheard, why_none = leave_out(config.evaluation.unheard_speaker, data, config.split)
    print_data(data, plan)  # now that nothing more is refused
    context = RunContext(plan, record, data, folder, logger, others, unheard, loggers)
    current_progress().plan(stages_of(config, context.evaluated_clips, unheard is not None))
    log_config(loggers, record)
    gpu = gpu_note(config.trainer, plan.shape, config.training.batch_size)
    for note in filter(
        None,
        [gpu, debug_note(config.trainer), why_none, *(speakers_known(corpus, data.recordings) for corpus in others)],
    ):
        context.note(note)
    discard_foreign_checkpoints(context)
    return context


def fit(context: RunContext) -> FloatNetwork:
    """The float network, from the store that runs share, or trained now."""

    def train() -> tuple[Checkpoint, dict[str, Any]]:
        seed_everything(context.config)
        result = fit_float(LSTMClassifier(context.plan.shape, context.config.model.dropout), context)
        statistics = context.data.statistics
        checkpoint = Checkpoint(
            result.network, result.network, None, statistics.mean, statistics.std, context.data.recordings.labels
        )
        return checkpoint, {"run": str(context.folder), **result.as_record()}

    shared = float_network(context.config, context.data, context.store, train)
    if shared.reused and shared.origin["run"] == str(context.folder):  # this run was killed after its float training
        redraw_curves(context, shared.origin["epochs"])
    context.record.training = {"float": {"key": shared.key, "reused": shared.reused, **shared.origin}}
    return shared


def quantize(shared: FloatNetwork, context: RunContext) -> Checkpoint:
    """The network of the mode: the float one, the same through the arithmetic, or after some more epochs."""
    mode = context.config.quantization
    checkpoint = dataclasses.replace(shared.checkpoint, weight_code=mode.weight_code)
    if mode.start != "epoch":
        return checkpoint
    seed_everything(context.config)
    context.logger.stage, context.logger.first_epoch = "quantized", shared.origin["epochs"]
    tuned = fit_quantized(copy.deepcopy(checkpoint.float_network), context)
    context.record.training["quantized"] = tuned.as_record()
    return dataclasses.replace(checkpoint, network=tuned.network)


def test(checkpoint: Checkpoint, deployment: Deployment | None, context: RunContext) -> BackendScores:
    """Evaluate all backends on the validation clips, which a search may use, and then, once, on the test clips."""
    record, data = context.record, context.data
    baseline = baseline_of(context.config.quantization.baseline, checkpoint, data)
    if baseline is not None:
        record.memory |= {"flash_bytes": baseline.flash_bytes, "engine": baseline.engine}
    with open_backends(checkpoint, deployment, baseline) as backends:
        if backends.note is not None:
            context.note(backends.note)
        validation = evaluate_backends(backends.by_name, data, data.split.val)
        record.training["val_accuracy"] = {name: score.accuracy for name, score in validation.scores.items()}
        scores = evaluate_backends(backends.by_name, data, data.split.test)
        record.calibration = calibration_of(backends.by_name, validation, scores, data)
        known = {name: calibrated(backend, record.calibration) for name, backend in backends.by_name.items()}
        others = others_report(context.others, known, scores, data, deployment)
    scores.write_to(record)
    describe_others(record, others, context.others)
    log_test_metrics(checkpoint, context)
    return scores


def measure_unheard(voice: UnheardVoice, context: RunContext) -> None:
    """Train a second network by the same recipe without one voice, and test it on that voice: what strangers get."""
    print_second_network(voice.speaker)
    with second_run(voice, context) as second:
        try:
            shared = fit(second)
            checkpoint = quantize(shared, second)
        except RunFailedError as error:  # the first network is as good as ever
            context.note(f"no second network without {voice.speaker}'s voice: {error}")
        else:
            context.record.unheard = unheard_record(checkpoint, shared.key, voice, context.config.quantization)


def write(deployment: Deployment | None, context: RunContext) -> None:
    """Write C files, the memory bill and the row of the run in TensorBoard. The results are complete then."""
    logger = context.logger
    golden = None if deployment is None else keep_golden_clips(deployment, context.data, context.folder)
    context.record.digests = digests_of(context.folder)
    if deployment is not None:
        target = context.config.export.target
        export_run(deployment, golden, context.record, context.folder / EXPORT, target=target)
    log_bill(logger, context.plan.bill)
    log_trial_end(logger, context.record)
    logger.finalize("done")
