"""A sweep's own page in TensorBoard: final metrics over hidden size; and a sweep that prints its result alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sweep_processes import Finished, run_sweep
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.runs.metrics import final_metrics
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.sweeps.dashboard import curves
from fsdd_lightning.sweeps.manifest import CURVES


def records(sweep: Path) -> list[RunRecord]:
    return [read_record(path.parent) for path in sorted(sweep.glob("*/run.json"))]


def run(size: int, accuracy: float, *overrides: str, **views: float) -> RunRecord:
    views = {"float": accuracy, **views}
    words = ["data=synthetic", f"model.hidden_size={size}", *overrides]
    config = {"quantization": {"name": "int8_ptq"}}
    memory = {"hidden_size": size, "flash_bytes": 100 * size}
    return RunRecord(
        "n", words, config, "h", 1, memory=memory, views={name: {"accuracy": value} for name, value in views.items()}
    )


def test_every_mode_has_a_curve_of_the_recorded_metrics(finished_sweep: Finished) -> None:
    runs = records(finished_sweep.trials)
    events = EventMultiplexer().AddRunsFromDirectory(str(finished_sweep.trials)).Reload()
    pages = {name for name in events.Runs() if name.startswith(f"{CURVES}/")}
    assert pages == {f"{CURVES}/quantization={mode}" for mode in ("int8_ptq", "int4_qat")}
    for page in pages:
        mode = page.partition("/")[2]
        own = {run.memory["hidden_size"]: final_metrics(run) for run in runs if mode in run.overrides}
        assert set(own) == {3, 4}
        tags = {f"results/{name}" for name in own[3]}
        assert set(events.Runs()[page]["scalars"]) == tags
        for tag in tags:
            points = {point.step: point.value for point in events.Scalars(page, tag)}
            assert points == {size: np.float32(own[size][tag.removeprefix("results/")]) for size in (3, 4)}


def test_a_report_takes_it_for_no_run(finished_sweep: Finished) -> None:
    assert (finished_sweep.trials / CURVES).is_dir()
    assert len(collect_runs([finished_sweep.trials])) == 4


def test_a_curve_is_the_mean_over_seeds_of_what_all_have() -> None:
    trials = [
        run(8, 0.5, "quantization=a", "seed=1", integer=0.25),
        run(8, 0.75, "quantization=a", "seed=2"),
        run(4, 0.25, "quantization=a", "seed=1"),
        run(4, 0.125, "quantization=b", "seed=1"),
    ]
    found = curves(trials)
    assert found == {
        "quantization=a": {
            4: {"accuracy/float": 0.25, "memory/flash_bytes": 400.0},
            8: {"accuracy/float": 0.625, "memory/flash_bytes": 800.0},
        },
        "quantization=b": {4: {"accuracy/float": 0.125, "memory/flash_bytes": 400.0}},
    }
    assert list(found["quantization=a"]) == [4, 8]  # TensorBoard joins points as they come


@pytest.mark.parametrize("seeds", [("seed=1", "seed=2"), ("seed=1", "seed=1")])
def test_where_nothing_but_size_and_seed_differs_the_mode_names_the_curve(seeds: tuple[str, str]) -> None:
    assert list(curves([run(4, 0.5, seeds[0]), run(8, 0.5, seeds[1])])) == ["int8_ptq"]
    assert curves([]) == {}


def test_a_quiet_sweep_prints_its_result_alone(finished_sweep: Finished, tmp_path: Path) -> None:
    words = [word.replace("=4,3", "=4") for word in finished_sweep.words]
    code, out, err = run_sweep([*words, "quiet=true"], tmp_path / "quiet")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "2 trials: 2 done",
        "everything is in multirun/grid; tensorboard --logdir multirun/grid",
    ]
    assert not (tmp_path / "quiet" / "multirun" / "grid" / CURVES).exists()  # of one size there is no curve
    names = {path.parent.name for path in (tmp_path / "quiet").glob("multirun/grid/*/run.json")}
    assert names == {"quantization=int8_ptq", "quantization=int4_qat"}  # it names no run folder
