"""A run is opened from its folder alone, whoever made it, and only with the data it was made on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fsdd_lightning.data.preparation import prepare_data
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import open_backends
from fsdd_lightning.evaluation.evaluate import evaluate_backends
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.runs.folder import read_run, recorded_data
from fsdd_lightning.runs.plan import plan_run


@pytest.fixture
def run_folder(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, free to be changed."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def rewrite(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**content, **changes}))


def recorded(folder: Path, key: str) -> Any:
    return json.loads((folder / "run.json").read_text())[key]


def test_the_recorded_numbers_come_out_again(run_folder: Path) -> None:
    run = read_run(run_folder)
    data = recorded_data(run, None)
    with open_backends(run.checkpoint, run.deployment) as backends:
        evaluated = evaluate_backends(backends.by_name, data, data.split.test)
    scores = {name: score.as_record() for name, score in evaluated.scores.items()}
    assert json.loads(json.dumps(scores)) == run.record.views
    assert evaluated.agreement() == run.record.agreement


def test_the_network_brings_the_statistics_of_its_training_clips(run_folder: Path) -> None:
    run = read_run(run_folder)
    data = prepare_data(run.config.data, run.config.split, run.config.features, listener=run.config.listener)
    assert np.array_equal(run.statistics.mean, data.statistics.mean)
    assert np.array_equal(run.statistics.std, data.statistics.std)


@pytest.mark.parametrize("status", ["failed", "interrupted", "over_budget"])
def test_a_run_that_did_not_finish_is_refused(run_folder: Path, status: str) -> None:
    rewrite(run_folder, status=status, error="because of this")
    with pytest.raises(UserError, match=rf"is {status} \(because of this\); run it again"):
        read_run(run_folder)


def test_a_missing_network_is_refused(run_folder: Path) -> None:
    (run_folder / "network.npz").unlink()
    with pytest.raises(UserError, match=r"network\.npz is missing"):
        read_run(run_folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dataset": {"name": "x"}}, "dataset.digest, dataset.folder, dataset.source"),
        ({"views": {}}, "views"),
        ({"views": {"float": {"accuracy": 1.0}}}, "views.float"),
        ({"config": {}}, "name is missing"),
        ({"config": {"_target_": "os.system"}}, "name is missing"),
    ],
    ids=str,
)
def test_an_incomplete_or_foreign_record_is_refused(run_folder: Path, change: dict[str, Any], named: str) -> None:
    rewrite(run_folder, **change)
    with pytest.raises(UserError, match=named):
        read_run(run_folder)


def test_a_network_of_another_run_is_refused(run_folder: Path) -> None:
    config = recorded(run_folder, "config")
    rewrite(run_folder, config={**config, "features": {**config["features"], "coefficients": 12}})
    with pytest.raises(UserError, match="network of another run"):
        read_run(run_folder)


def test_other_recordings_than_the_recorded_ones_are_refused(run_folder: Path) -> None:
    rewrite(run_folder, dataset={**recorded(run_folder, "dataset"), "digest": "0" * 64})
    with pytest.raises(UserError, match=r"are not those of the run \(digest [0-9a-f]{12}, not 000000000000\)"):
        recorded_data(read_run(run_folder), None)


def test_recordings_that_moved_are_named_and_compared(run_folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(recorded(run_folder, "dataset")["folder"], moved)
    run = read_run(run_folder)
    assert recorded_data(run, moved).recordings.folder == moved
    next(moved.glob("*.wav")).unlink()
    with pytest.raises(UserError, match="name theirs with --data-root"):
        recorded_data(run, moved)


def test_a_synthetic_corpus_is_made_again_where_it_is_gone(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = recorded(run_folder, "dataset")
    rewrite(run_folder, dataset={**dataset, "folder": "/gone"})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = recorded_data(read_run(run_folder), None)
    assert data.recordings.folder.is_relative_to(tmp_path)
    assert data.recordings.digest == dataset["digest"]


@pytest.fixture
def run_on_files(run_folder: Path, tmp_path: Path) -> Path:
    """A run whose recordings were a folder of files, as with data.root."""
    dataset, config = recorded(run_folder, "dataset"), recorded(run_folder, "config")
    voices = Path(shutil.copytree(dataset["folder"], tmp_path / "voices"))
    data = {**config["data"], "source": "fsdd", "name": "fsdd", "root": "voices", "fallback": "synthetic"}
    rewrite(
        run_folder,
        config={**config, "data": data},
        dataset={**dataset, "source": "fsdd", "name": "fsdd", "folder": str(voices)},
    )
    return run_folder


def test_recordings_are_found_where_they_were_from_any_folder(
    run_on_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # from here, data.root=voices is nothing
    assert recorded_data(read_run(run_on_files), None).recordings.folder == tmp_path / "voices"


def test_recordings_that_are_gone_are_looked_for_in_the_usual_places(
    run_on_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "voices").rename(tmp_path / "usual")
    monkeypatch.setenv("FSDD_ROOT", str(tmp_path / "usual"))
    assert recorded_data(read_run(run_on_files), None).recordings.folder == tmp_path / "usual"


def test_the_cache_folder_of_a_record_is_neither_made_nor_written(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = recorded(run_folder, "config")
    foreign = tmp_path / "home" / "somebody" / "cache"
    foreign.mkdir(parents=True)
    rewrite(run_folder, config={**config, "data": {**config["data"], "cache_dir": str(foreign)}})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    data = recorded_data(read_run(run_folder), None)
    assert data.recordings.folder.is_relative_to(tmp_path / "own")
    assert not list(foreign.iterdir())


def test_opening_and_evaluating_change_nothing_in_the_folder(run_folder: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}

    before = contents()
    run = read_run(run_folder)
    data = recorded_data(run, None)
    with open_backends(run.checkpoint, run.deployment) as backends:
        evaluate_backends(backends.by_name, data, data.split.test)
    assert contents() == before


def test_the_config_of_a_run_is_checked_like_any_others(run_folder: Path) -> None:
    config = recorded(run_folder, "config")
    rewrite(run_folder, config={**config, "model": {**config["model"], "hidden_size": 0}})
    with pytest.raises(UserError, match="hidden_size must be at least 1"):
        read_run(run_folder)


def test_the_size_of_the_network_is_the_checkpoints(run_folder: Path) -> None:
    run = read_run(run_folder)
    assert run.checkpoint.network.shape == plan_run(run.config).shape == NetworkShape(13, 8, 2, 10)
    assert run.checkpoint.weight_code == run.config.quantization.weight_code == "int8"
    with torch.no_grad():
        assert run.checkpoint.network(torch.zeros(1, 4, 13), torch.tensor([4])).shape == (1, 10)
