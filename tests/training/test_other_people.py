"""A run is measured on people whom it has never heard, which changes nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fsdd_lightning.config.load import config_from_mapping, with_current_keys
from fsdd_lightning.config.schema import SyntheticConfig
from fsdd_lightning.data.others import load_others
from fsdd_lightning.data.synthetic import make_synthetic_corpus
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.evaluate import evaluate_backends
from fsdd_lightning.evaluation.other_corpora import others_report
from fsdd_lightning.evaluation.other_corpora_report import way_record
from fsdd_lightning.evaluation.run import open_run
from fsdd_lightning.runs.folder import recorded_data
from fsdd_lightning.runs.record import RunRecord, read_record, write_record

RunTrial = Callable[[Sequence[str], Path], RunRecord]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_synthetic_corpus(SyntheticConfig(speakers=2, takes=6, seed=9), tmp_path_factory.mktemp("people"))
    return folder.rename(folder.parent / "others")


@pytest.fixture(scope="module")
def folder(
    finished_overrides: list[str], people: Path, run_trial: RunTrial, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run as `finished_run`, and measured on `people`, who are named from the folder the command is started from."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(people.parent)
        run_trial([*finished_overrides, "data.others=[others]"], folder)
    return folder


def test_the_record_holds_what_the_opened_run_computes(folder: Path, people: Path) -> None:
    record, run = read_record(folder), open_run(folder)
    data = recorded_data(run, None)
    (corpus,) = load_others([people], run.config.features, "data.others")
    with run.backends(data) as backends:
        scores = evaluate_backends(backends.by_name, data, data.split.test)
        report = others_report([corpus], backends.by_name, scores, data, run.deployment)
    assert list(record.others) == ["others"]
    kept, computed = record.others["others"], report.corpora[0].ways
    assert kept.pop("folder_digest") == corpus.digest
    assert kept == json.loads(json.dumps({name: way_record(way) for name, way in computed.items()}))
    assert set(kept) == {"heard", "alone"} and sum(total for _, total in kept["heard"]["by_speaker"].values()) == 120
    assert record.confidence == json.loads(json.dumps(report.test_clips.as_record()))
    assert record.confidence["accuracy_at"]["100"] == record.views["integer"]["accuracy"]


def test_nothing_else_changes(folder: Path, finished_run: Path) -> None:
    measured, plain = read_record(folder), read_record(finished_run)
    assert (measured.views, measured.config_hash) == (plain.views, plain.config_hash)
    assert measured.training["float"]["key"] == plain.training["float"]["key"]
    assert (plain.others, measured.confidence) == ({}, plain.confidence)


def test_who_may_have_been_heard_is_noted(folder: Path) -> None:
    assert [note for note in read_record(folder).notes if "perhaps heard in training" in note]


def test_a_folder_that_is_missing_is_one_line_before_anything_is_trained(
    finished_overrides: list[str], run_trial: RunTrial, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"data\.others: nowhere is not a folder"):
        run_trial([*finished_overrides, "data.others=[nowhere]"], tmp_path)
    assert not (tmp_path / "network.npz").exists()


def test_records_of_earlier_versions_open(finished_run: Path, tmp_path: Path) -> None:
    record = json.loads((finished_run / "run.json").read_text())
    for name in ("others", "confidence"):
        del record[name]
    del record["config"]["data"]["others"]
    (tmp_path / "run.json").write_text(json.dumps(record))
    opened = read_record(tmp_path)
    assert (opened.others, opened.confidence) == ({}, {})
    assert config_from_mapping(with_current_keys(opened.config)).data.others == ()
    write_record(opened, tmp_path)
    assert read_record(tmp_path).others == {}
