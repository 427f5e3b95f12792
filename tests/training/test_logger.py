"""The TensorBoard events of a run, read back with TensorBoard's own reader."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from fsdd_lightning.config.load import config_keys
from fsdd_lightning.config.schema import IntegerFeatureConfig, MfccConfig
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.evaluation.backends import integer_backend
from fsdd_lightning.evaluation.clips import clips_at
from fsdd_lightning.runs.folder import read_run, recorded_data
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.runs.record import RunRecord, new_record, read_record
from fsdd_lightning.sweeps.compose import compose_trials
from fsdd_lightning.training import pictures
from fsdd_lightning.training.callbacks import WeightHistograms
from fsdd_lightning.training.clip_pictures import spectrogram_db
from fsdd_lightning.training.logger import DashboardLogger, log_trial_end
from fsdd_lightning.training.tensorboard import tag_of, write_pictures

EVERYTHING = {"scalars": 0, "images": 0, "audio": 0, "histograms": 0, "tensors": 0}
EPOCHS = 3


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), EVERYTHING).Reload()


def hyperparameters(accumulator: EventAccumulator) -> dict[str, Any]:
    """The HParams row: names and values."""
    metadata = accumulator.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(metadata).session_start_info
    return {name: getattr(value, str(value.WhichOneof("kind"))) for name, value in start.hparams.items()}


def metric_columns(accumulator: EventAccumulator) -> set[str]:
    metadata = accumulator.SummaryMetadata("_hparams_/experiment").plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(metadata).experiment
    assert [info.name.tag for info in experiment.metric_infos] == [
        f"results/{info.display_name}" for info in experiment.metric_infos
    ]
    return {info.display_name for info in experiment.metric_infos}


@pytest.fixture(scope="module")
def dashboard(finished_run: Path) -> EventAccumulator:
    return events(finished_run)


@pytest.fixture(scope="module")
def record(finished_run: Path) -> RunRecord:
    return read_record(finished_run)


CURVES = {
    *("accuracy/train", "accuracy/val", "macro_f1/train", "macro_f1/val", "loss/train", "loss/val"),
    *("optimizer/learning_rate", "optimizer/gradient_norm", "optimizer/gradient_norm_lstm_layer_1"),
    *("optimizer/gradient_norm_lstm_layer_2", "optimizer/gradient_norm_output"),
}


def test_what_is_logged_by_a_users_own_callback_keeps_its_name_and_learning_rates_have_one_group() -> None:
    assert tag_of("mine/score") == "mine/score"
    assert (tag_of("lr-AdamW"), tag_of("train/learning_rate")) == ("optimizer/lr-AdamW", "optimizer/learning_rate")


def test_charts_begin_with_accuracy_and_loss_and_end_in_the_results(dashboard: EventAccumulator) -> None:
    tags = dashboard.Tags()["scalars"]
    groups = list(dict.fromkeys(tag.split("/")[0] for tag in sorted(tags)))
    assert groups == ["accuracy", "loss", "macro_f1", "optimizer", "results"]
    dots = {tag for tag in tags if len(dashboard.Scalars(tag)) == 1}
    assert set(tags) - dots == CURVES
    assert {tag.split("/")[0] for tag in dots} == {"results"}


@pytest.mark.parametrize("tag", sorted(CURVES))
def test_every_curve_has_a_point_for_each_epoch(dashboard: EventAccumulator, tag: str) -> None:
    points = dashboard.Scalars(tag)
    assert [point.step for point in points] == list(range(EPOCHS))
    assert all(np.isfinite(point.value) for point in points)


def test_the_curves_agree_with_the_record(dashboard: EventAccumulator, record: RunRecord) -> None:
    trained = record.training["float"]
    best = trained["best_epoch"]
    losses = [point.value for point in dashboard.Scalars("loss/val")]
    assert np.argmin(losses) == best
    assert losses[best] == pytest.approx(trained["val_loss"], rel=1e-6)
    accuracy = record.training["val_accuracy"]["float"]
    assert dashboard.Scalars("accuracy/val")[best].value == pytest.approx(accuracy)
    view = record.views["integer"]  # tested as it is deployed
    assert dashboard.Scalars("results/test_accuracy")[0].value == pytest.approx(view["accuracy"])
    assert dashboard.Scalars("results/test_macro_f1")[0].value == pytest.approx(view["macro_f1"])


def test_the_learning_rate_falls_to_nothing(dashboard: EventAccumulator) -> None:
    rates = [point.value for point in dashboard.Scalars("optimizer/learning_rate")]
    assert rates[-1] < max(rates)


@pytest.mark.parametrize("view", ["float", "quantized", "integer", "c"])
def test_the_confusion_matrix_is_a_figure(dashboard: EventAccumulator, view: str) -> None:
    (image,) = dashboard.Images(f"results/confusion/{view}")
    assert image.encoded_image_string.startswith(b"\x89PNG")
    assert image.width > 300 and image.height > 300


def test_all_weights_have_a_histogram_for_each_epoch(dashboard: EventAccumulator, finished_run: Path) -> None:
    weights = read_run(finished_run).checkpoint.network.state_dict()
    tags = {f"weights/{name}" for name in weights}
    assert set(dashboard.Tags()["histograms"]) == tags
    for tag in tags:
        assert [event.step for event in dashboard.Histograms(tag)] == list(range(EPOCHS))
    assert dashboard.Histograms("weights/output.bias")[0].histogram_value.num == 10


def mistakes(run_folder: Path) -> list[str]:
    """The audio tags of the misclassified test clips."""
    run = read_run(run_folder)
    data = recorded_data(run, None)
    test = data.split.test
    assert run.integer_model is not None
    heard = integer_backend(run.integer_model).logits(clips_at(data, test)).argmax(axis=1)
    recordings = [data.recordings.recordings[position] for position in test]
    return [
        f"misclassified/{recording.name} said {recording.label} heard {digit}"
        for recording, digit in zip(recordings, heard, strict=True)
        if recording.label != str(digit)
    ]


def test_misheard_clips_can_be_listened_to(dashboard: EventAccumulator, finished_run: Path) -> None:
    expected = mistakes(finished_run)[:16]
    assert expected  # else this tests nothing
    assert set(dashboard.Tags()["audio"]) == set(expected)
    (clip,) = dashboard.Audio(expected[0])
    assert clip.encoded_audio_string[:4] == b"RIFF"
    assert clip.sample_rate == 8000
    name = expected[0].split("/")[1].split(" ")[0]
    data = recorded_data(read_run(finished_run), None)
    names = [recording.name for recording in data.recordings.recordings]
    assert clip.length_frames == len(data.recordings.waveforms[names.index(name)])


def test_beside_every_misheard_clip_stands_what_the_network_saw(dashboard: EventAccumulator) -> None:
    clips = dashboard.Tags()["audio"]
    pictures = [tag for tag in dashboard.Tags()["images"] if tag.startswith("misclassified/")]
    assert pictures == [f"{clip}: seen" for clip in clips]
    shown = [dashboard.Images(tag)[0] for tag in pictures]
    assert len({image.encoded_image_string for image in shown}) == len(shown)  # one of its own each
    assert all(image.encoded_image_string.startswith(b"\x89PNG") and image.width == 600 for image in shown)


def test_a_spectrogram_shows_a_tone_at_its_frequency() -> None:
    seconds = np.arange(4000) / 8000
    levels = spectrogram_db(0.5 * np.sin(2 * np.pi * 1000 * seconds), 8000)
    assert levels.shape == (1 + (4000 - 256) // 64, 129)
    assert set(levels.argmax(axis=1)) == {1000 * 256 // 8000}
    assert spectrogram_db(np.zeros(10), 8000).shape == (1, 129)  # shorter than a window
    assert spectrogram_db(np.zeros(10), 8000).max() == 0.0


def test_the_hparams_row_holds_every_config_value_resolved(dashboard: EventAccumulator, record: RunRecord) -> None:
    row = hyperparameters(dashboard)
    groups = {key.rpartition(".")[0] for key in config_keys()}
    of_mfcc = {f"features.{field.name}" for field in dataclasses.fields(MfccConfig)}
    of_integer = {f"features.{field.name}" for field in dataclasses.fields(IntegerFeatureConfig)}
    absent = {"scheduler.frequency", "scheduler.monitor"}  # of other schedules
    assert set(row) == {"status"} | set(config_keys()) - groups - (of_mfcc - of_integer) - absent
    assert row["status"] == "done"
    assert (row["model.hidden_size"], row["seed"], row["feature_augmentation.name"]) == (8, 1, "light")
    assert row["optimizer.lr"] == record.config["optimizer"]["lr"]
    assert (row["trainer.min_epochs"], row["features.deltas"]) == ("None", False)
    assert json.loads(row["callbacks"]) == record.config["callbacks"]


def test_the_hparams_row_ends_in_the_final_metrics(dashboard: EventAccumulator, record: RunRecord) -> None:
    sizes = ("parameters", "flash_bytes", "ram_bytes", "macs_per_clip")
    views = {name: view["accuracy"] for name, view in record.views.items()}
    expected = {f"accuracy/{name}": accuracy for name, accuracy in views.items()}
    expected |= {"accuracy/drop": views["float"] - views["integer"]}
    expected |= {f"memory/{name}": record.memory[name] for name in sizes}
    assert metric_columns(dashboard) == {*expected, "accuracy/unheard"}  # that of a second network
    assert views["c"] == views["integer"]
    for tag, value in expected.items():
        assert dashboard.Scalars(f"results/{tag}")[-1].value == pytest.approx(value)
    assert not {"hp_metric", "epoch"} & set(dashboard.Tags()["scalars"])  # charts without meaning


def test_all_runs_have_the_same_columns(dashboard: EventAccumulator, tmp_path: Path) -> None:
    changes = ["data=synthetic", "split=unseen_speaker", "model=large", "quantization=float32"]
    ((_, config),) = compose_trials(
        [*changes, "callbacks=early_stopping", "callbacks.early_stopping.patience=3"], multirun=False
    )
    logger = DashboardLogger(tmp_path)
    record = new_record(plan_run(config), [])
    record.views = {"float": {"accuracy": 0.75}}
    log_trial_end(logger, record)
    logger.close()
    accumulator = events(tmp_path)
    other = hyperparameters(accumulator)
    assert set(other) == set(hyperparameters(dashboard))
    assert metric_columns(accumulator) == metric_columns(dashboard)
    assert accumulator.Scalars("results/accuracy/float")[0].value == 0.75
    assert not {"results/accuracy/integer", "results/accuracy/drop"} & set(accumulator.Tags()["scalars"])
    assert other["split.held_out"] == "george"


def test_one_event_file_holds_what_comes_after_finalizing_too(tmp_path: Path) -> None:
    logger = DashboardLogger(tmp_path)
    for step, finalize in enumerate(("success", "success", "failed")):
        logger.log_metrics({"value": float(step)}, step)
        logger.finalize(finalize)
        assert len(events(tmp_path).Scalars("value")) == step + 1  # on disk at once
    logger.close()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("events.")] == []


class FakeTrainer:
    """The part of a trainer that the histogram callback uses."""

    def __init__(self, logger: DashboardLogger, epoch: int) -> None:
        self.logger, self.current_epoch = logger, epoch


@pytest.mark.parametrize(("every", "expected"), [(0, []), (1, [0, 1, 2, 3, 4, 5]), (3, [2, 5]), (7, [])])
def test_histograms_come_every_so_many_epochs(tmp_path: Path, every: int, expected: list[int]) -> None:
    logger = DashboardLogger(tmp_path)
    logger.log_metrics({"any": 0.0}, 0)
    for epoch in range(6):
        WeightHistograms(every).on_train_epoch_end(
            FakeTrainer(logger, epoch),  # type: ignore[arg-type]
            torch.nn.Linear(2, 3),  # type: ignore[arg-type]
        )
    logger.close()
    accumulator = events(tmp_path)
    for tag in accumulator.Tags()["histograms"]:
        assert [event.step for event in accumulator.Histograms(tag)] == expected
    assert set(accumulator.Tags()["histograms"]) == ({"weights/weight", "weights/bias"} if expected else set())


def test_weights_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    logger, layer = DashboardLogger(tmp_path), torch.nn.Linear(2, 3)
    torch.nn.init.constant_(layer.weight, float("nan"))
    WeightHistograms(1).on_train_epoch_end(FakeTrainer(logger, 0), layer)  # type: ignore[arg-type]
    logger.close()
    assert events(tmp_path).Tags()["histograms"] == ["weights/bias"]


@pytest.mark.parametrize("most", [0, 2])
def test_no_more_clips_are_stored_than_asked_for(finished_run: Path, tmp_path: Path, most: int) -> None:
    data: PreparedData = recorded_data(read_run(finished_run), None)
    wrong = (data.labels[data.split.test] + 1) % 10
    write_pictures(pictures.mistakes(data, wrong, most), tmp_path)
    tags = events(tmp_path).Tags()["audio"]
    first = [data.recordings.recordings[position] for position in data.split.test[:most]]
    assert tags == [f"misclassified/{clip.name} said {clip.label} heard {(int(clip.label) + 1) % 10}" for clip in first]
