"""TensorBoard over a sweep folder, read back with TensorBoard's own reader, agrees with results.csv."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from fsdd_lightning.config.schema import IntegerFeatureConfig, MfccConfig
from fsdd_lightning.config.tools import OPEN_GROUPS
from fsdd_lightning.errors import UserError
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.frame import csv_bytes, frame
from fsdd_lightning.runs.metrics import FINAL_METRICS
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.runs.record import RunRecord, new_record, write_record
from fsdd_lightning.sweeps.compose import compose_trials
from fsdd_lightning.training.tensorboard import write_trial_end

Run = Callable[[Sequence[str], Path], RunRecord]
SIZES = ("parameters", "flash_bytes", "ram_bytes", "macs_per_clip")


def has_a_column(key: str) -> bool:
    """Whether all runs have this key: arguments of tools are a user's own."""
    return key.partition(".")[0] not in OPEN_GROUPS


def record_over_budget(words: Sequence[str], folder: Path) -> None:
    """As fsdd-train does."""
    ((overrides, config),) = compose_trials(words, multirun=False)
    plan = plan_run(config)
    assert not plan.fits
    record = new_record(plan, overrides)
    record.status, record.error = "over_budget", plan.over_budget_reason
    folder.mkdir()
    write_record(record, folder)
    write_trial_end(record, folder)


# Of features that these runs do not have; TensorBoard leaves their cells empty.
MFCC_ALONE = {field.name for field in fields(MfccConfig)} - {field.name for field in fields(IntegerFeatureConfig)}


@pytest.fixture(scope="module")
def sweep(
    run_trial: Run, finished_run: Path, finished_overrides: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An integer run, a float one that shares its network, one over budget and one that failed."""
    folder = tmp_path_factory.mktemp("sweep")
    shutil.copytree(finished_run, folder / "quantization=int8_ptq")
    (folder / "quantization=float32").mkdir()
    run_trial([*finished_overrides, "quantization=float32"], folder / "quantization=float32")
    too_large = ["model.hidden_size=90", "memory_budget=kb8", "quantization=float32"]
    record_over_budget([*finished_overrides, *too_large], folder / "model.hidden_size=90")
    (folder / "data.root=gone").mkdir()
    with pytest.raises(UserError):
        run_trial(["data.root=/gone", "callbacks=quiet", "features.decay=3"], folder / "data.root=gone")
    return folder


@pytest.fixture(scope="module")
def events(sweep: Path) -> EventMultiplexer:
    return EventMultiplexer().AddRunsFromDirectory(str(sweep)).Reload()


@pytest.fixture(scope="module")
def rows(sweep: Path) -> dict[str, dict[str, str]]:
    """The lines of results.csv, by run folder."""
    text = csv_bytes(frame(collect_runs([sweep]))).decode()
    return {row["run"]: row for row in csv.DictReader(text.splitlines())}


def plugin_data(events: EventMultiplexer, run: str, tag: str) -> Any:
    content = events.SummaryMetadata(run, f"_hparams_/{tag}").plugin_data.content
    return getattr(plugin_data_pb2.HParamsPluginData.FromString(content), tag)


def test_runs_are_named_by_their_folders(events: EventMultiplexer, rows: dict[str, dict[str, str]]) -> None:
    assert set(events.Runs()) == set(rows)
    assert {row["state"] for row in rows.values()} == {"done", "over_budget", "failed"}


def test_every_trial_has_its_row_with_the_values_of_the_table(
    events: EventMultiplexer, rows: dict[str, dict[str, str]]
) -> None:
    for run, row in rows.items():
        values = plugin_data(events, run, "session_start_info").hparams
        found = {name: getattr(value, str(value.WhichOneof("kind"))) for name, value in values.items()}
        assert found.pop("status") == row["state"]
        expected = {name.removeprefix("config."): text for name, text in row.items() if name.startswith("config.")}
        assert set(filter(has_a_column, found)) == set(filter(has_a_column, expected))
        for name, value in ((name, value) for name, value in found.items() if name in expected):
            if isinstance(value, float):
                assert float(expected[name]) == value
            else:
                assert str(value) == (expected[name] or "None")


def test_all_rows_have_the_same_columns_of_the_same_types(events: EventMultiplexer) -> None:
    experiments = [plugin_data(events, run, "experiment") for run in events.Runs()]
    assert len({experiment.SerializeToString(deterministic=True) for experiment in experiments}) == 1
    experiment = experiments[0]
    assert [info.display_name for info in experiment.metric_infos] == list(FINAL_METRICS)
    assert [info.name.tag for info in experiment.metric_infos] == [f"results/{name}" for name in FINAL_METRICS]
    types = {info.name: info.type for info in experiment.hparam_infos}
    kinds = {"number_value": api_pb2.DATA_TYPE_FLOAT64, "bool_value": api_pb2.DATA_TYPE_BOOL}
    for run in events.Runs():
        values = plugin_data(events, run, "session_start_info").hparams
        missing = types.keys() - values.keys()
        assert values.keys() <= types.keys()
        assert set(filter(has_a_column, missing)) <= {f"features.{name}" for name in MFCC_ALONE}
        for name, value in values.items():
            assert types[name] == kinds.get(str(value.WhichOneof("kind")), api_pb2.DATA_TYPE_STRING)


def test_how_a_run_ended_is_reported(events: EventMultiplexer, rows: dict[str, dict[str, str]]) -> None:
    for run, row in rows.items():
        ended = plugin_data(events, run, "session_end_info").status
        assert ended == (api_pb2.STATUS_SUCCESS if row["state"] == "done" else api_pb2.STATUS_FAILURE)


def test_final_metrics_are_those_of_the_table_at_the_hidden_size(
    events: EventMultiplexer, rows: dict[str, dict[str, str]]
) -> None:
    for run, row in rows.items():
        expected = {f"memory/{name}": row[f"memory.{name}"] for name in SIZES}
        expected |= {
            f"accuracy/{view}": row.get(f"views.{view}.accuracy", "") for view in ("float", "quantized", "integer", "c")
        }
        expected["accuracy/drop"] = row["drop"]
        expected = {f"results/{name}": text for name, text in expected.items() if text}
        scalars = {tag for tag in events.Runs()[run]["scalars"] if tag.removeprefix("results/") in FINAL_METRICS}
        assert scalars == set(expected)
        for tag, text in expected.items():
            (event,) = events.Scalars(run, tag)
            assert event.value == np.float32(text)  # TensorBoard keeps single precision
            assert event.step == int(row["memory.hidden_size"])


def test_what_a_mode_lacks_has_no_metric(events: EventMultiplexer) -> None:
    scalars = {run: {tag.removeprefix("results/") for tag in tags["scalars"]} for run, tags in events.Runs().items()}
    assert {"accuracy/float", "accuracy/integer", "accuracy/drop"} <= scalars["quantization=int8_ptq"]
    assert not {"accuracy/integer", "accuracy/drop"} & scalars["quantization=float32"]
    assert scalars["model.hidden_size=90"] == {f"memory/{name}" for name in SIZES}


def test_one_chart_holds_float_and_integer_accuracy(events: EventMultiplexer) -> None:
    for run in events.Runs():
        (event,) = events.Tensors(run, "custom_scalars__config__")
        layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
        charts = [list(chart.multiline.tag) for category in layout.category for chart in category.chart]
        assert [f"^results/accuracy/{name}$" for name in ("float", "integer", "c")] in charts
        assert {"^results/accuracy/drop$"} in [set(chart) for chart in charts]


def test_a_trial_that_is_run_again_has_one_row(tmp_path: Path, sweep: Path, run_trial: Run) -> None:
    plan = tmp_path / "trial"
    shutil.copytree(sweep / "data.root=gone", plan)
    with pytest.raises(UserError):
        run_trial(["data.root=/gone"], plan)
    assert len(list(plan.glob("events.out.tfevents.*"))) == 1
