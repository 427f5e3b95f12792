"""People never heard: counts by hand, the listener sample by sample, files, tables and the command."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Call, only_line

from fsdd_lightning import evaluate
from fsdd_lightning.arithmetic.listener import Listener, WordEvent
from fsdd_lightning.console.tables import confidence_table, others_table
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.others import load_others
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.evaluation.backends import calibrated, integer_backend, torch_backend
from fsdd_lightning.evaluation.clips import ClipMaker
from fsdd_lightning.evaluation.confidence import confidence_of
from fsdd_lightning.evaluation.hearing import listening_deployment
from fsdd_lightning.evaluation.other_corpora import (
    Answers,
    Count,
    OthersReport,
    alone_answers,
    corpus_score,
    group_names,
    grouped,
    heard_answers,
    means,
)
from fsdd_lightning.evaluation.other_corpora_report import corpus_figure, way_record, whole_records, write_corpora
from fsdd_lightning.runs.folder import Run, read_run


@pytest.fixture(scope="module")
def listener(listening_folder: Path) -> Run:
    return read_run(listening_folder)


@pytest.fixture(scope="module")
def strangers(strangers_folder: Path, listener: Run) -> RecordingSet:
    (corpus,) = load_others([strangers_folder], listener.config.features, "--others")
    return replace(corpus, name="strangers")


@pytest.fixture(scope="module")
def report(listener: Run, strangers: RecordingSet) -> OthersReport:
    deployment = listening_deployment(listener)
    backend = calibrated(integer_backend(deployment.model), listener.record.calibration)
    clips_of = ClipMaker(listener.config.features, listener.statistics, listener.config.listener)
    score = corpus_score(strangers, backend, clips_of, deployment)
    logits = np.array([[100, 0], [0, 50]], np.int32)
    return OthersReport("integer", confidence_of(backend, logits, np.array([0, 0])), (score,))


# ---- counting


def count(name: str, total: int = 10, correct: int = 5) -> Count:
    return Count(name, 1, total, total, correct, total - 1, correct - 1)


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["crowd01", "crowd02", "crowd22"], ["crowd"] * 3),
        (["voice1", "voice2"], ["voice1", "voice2"]),  # one digit
        (["crowd01", "voice12"], ["crowd01", "voice12"]),  # nobody to be grouped with
        (["a01", "a02", "b01", "b02"], ["a", "a", "b", "b"]),
        (["crowd", "crowd01", "crowd02"], ["crowd", "crowd01", "crowd02"]),  # the name is another speaker's
        (["12", "34"], ["12", "34"]),  # nothing but a number
        (["anna", "bob"], ["anna", "bob"]),
    ],
)
def test_speakers_whose_names_differ_in_a_number_are_a_group(names: list[str], groups: list[str]) -> None:
    assert group_names([count(name) for name in names]) == groups


def test_speakers_with_many_clips_stand_alone() -> None:
    speakers = [count("crowd01", 15, 9), count("crowd02", 16, 4), count("crowd03", 5, 1), count("ann", 40, 30)]
    assert group_names(speakers) == ["crowd", "crowd02", "crowd", "ann"]
    assert grouped(speakers) == (count("ann", 40, 30), Count("crowd", 2, 20, 20, 10, 18, 8), count("crowd02", 16, 4))


def test_means_count_everyone_the_same() -> None:
    found = means({"a": 0.5, "b": 0.25, "c": 0.9, "d": 0.25})
    assert (found.count, found.worst, found.worst_name) == (4, 0.25, "b")
    assert found.mean == pytest.approx(0.475)
    assert found.ci95 is not None  # Student's t with 3 degrees of freedom: 3.1824
    half = 3.182446 * np.std([0.5, 0.25, 0.9, 0.25], ddof=1) / 2
    assert found.ci95 == pytest.approx((max(0.475 - half, 0), min(0.475 + half, 1)))
    assert means({"a": 0.5, "b": 0.25}).ci95 is None


def test_answers_are_counted_by_speaker(
    strangers: RecordingSet, listener: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody is taken for 3; one clip of 3 is not found, another one is rejected."""
    three = [at for at, recording in enumerate(strangers.recordings) if recording.label == "3"]
    first = strangers.recordings[three[0]].speaker
    logits = np.zeros((len(strangers.recordings), 10), np.int32)
    logits[:, 3] = 1000
    found, accepted = (np.ones(len(logits), np.bool_) for _ in range(2))
    found[three[0]], accepted[three[:2]] = False, False
    answers = Answers(logits, found, accepted)
    monkeypatch.setattr("fsdd_lightning.evaluation.other_corpora.heard_answers", lambda *_: answers)
    deployment = listening_deployment(listener)
    clips_of = ClipMaker(listener.config.features, listener.statistics)
    way = corpus_score(strangers, integer_backend(deployment.model), clips_of, deployment).ways["heard"]
    assert [one for one in way.speakers if one.name == first] == [Count(first, 1, 60, 59, 5, 58, 4)]
    assert way.all == Count("all", 2, 120, 119, 11, 118, 10)
    assert [sum(row) for row in way.confusion] == [12, 12, 12, 11, *[12] * 6]
    assert {row[3] for row in way.confusion} == {11, 12} and sum(map(sum, way.confusion)) == 119
    record = way_record(way)
    assert record["by_speaker"][first] == [5, 60] and record["rejecting"]["accepted"] == 118
    assert record["groups"]["worst"] == 5 / 60 and record["groups"]["worst_name"] == first
    assert json.loads(json.dumps(record))["accuracy_at"]["100"] == pytest.approx(11 / 120)


# ---- a trained listener


def test_recordings_are_heard_as_by_a_listener_sample_by_sample(listener: Run, strangers: RecordingSet) -> None:
    deployment = listening_deployment(listener)
    assert deployment.listening is not None
    first = strangers.waveforms[0]
    two_words = np.concatenate([first, np.zeros(4000, np.float32), strangers.waveforms[60]])
    waveforms = (two_words, *strangers.waveforms[::7], np.zeros(9000, np.float32))
    recordings = (strangers.recordings[0], *strangers.recordings[::7], strangers.recordings[0])
    answers = heard_answers(deployment, replace(strangers, recordings=recordings, waveforms=waveforms))
    alone = Listener(deployment.model, deployment.listening)
    several = 0
    for k, waveform in enumerate(waveforms):
        alone.reset()
        pushed = [*np.array_split(to_int16(waveform), 5), np.zeros(8000, np.int16)]
        events: list[WordEvent] = [event for piece in pushed for event in alone.push(piece)]
        ended = [event for event in events if event.kind == "ends" and event.logits]
        several += len(ended) > 1
        assert bool(answers.found[k]) == bool(ended)
        longest = max(ended, key=lambda event: event.frames, default=None)
        assert answers.logits[k].tolist() == ([0] * 10 if longest is None else list(longest.logits))
        assert answers.accepted is not None
        assert bool(answers.accepted[k]) == (longest is not None and longest.label is not None)
    assert several and answers.found[:-1].sum() > 10 and not answers.found[-1]


def test_silence_alone_is_wrong_and_no_error(listener: Run, strangers: RecordingSet) -> None:
    deployment = listening_deployment(listener)
    silent = replace(strangers, waveforms=tuple(np.zeros(4000, np.float32) for _ in strangers.waveforms))
    clips_of = ClipMaker(listener.config.features, listener.statistics)
    score = corpus_score(silent, integer_backend(deployment.model), clips_of, deployment)
    heard = score.ways["heard"]
    assert (heard.all.found, heard.all.correct, heard.confidence.ece) == (0, 0, None)
    assert confidence_table(whole_records(OthersReport("integer", heard.confidence, (score,)))[silent.name]).row_count


def test_clips_alone_are_those_of_the_backend(listener: Run, strangers: RecordingSet, report: OthersReport) -> None:
    deployment = listening_deployment(listener)
    assert deployment.listening is not None
    clips_of = ClipMaker(listener.config.features, listener.statistics)
    clips = clips_of(strangers.waveforms)
    backend = integer_backend(deployment.model)
    predicted = backend.logits(clips).argmax(axis=1)
    labels = strangers.targets()
    way = report.corpora[0].ways["alone"]
    assert way.all.correct == int((predicted == labels).sum()) > 30
    none = alone_answers(backend, clips_of, strangers, 2**31 - 1).accepted
    every = alone_answers(backend, clips_of, strangers, 0).accepted
    assert none is not None and every is not None and not none.any() and every.all()


def test_a_network_that_is_no_listener_answers_clips_alone(mfcc_folder: Path, strangers: RecordingSet) -> None:
    run = read_run(mfcc_folder)
    clips_of = ClipMaker(run.config.features, run.statistics, run.config.listener)
    score = corpus_score(strangers, torch_backend(run.checkpoint.float_network), clips_of, None)
    assert list(score.ways) == ["alone"] and score.ways["alone"].all.accepted is None
    assert "rejecting" not in way_record(score.ways["alone"])
    assert run.deployment is not None
    integers = corpus_score(strangers, integer_backend(run.deployment.model), clips_of, run.deployment)
    assert list(integers.ways) == ["alone"] and integers.ways["alone"].all.accepted is None


# ---- files and command


def test_the_files_and_tables_hold_all(report: OthersReport, tmp_path: Path) -> None:
    write_corpora(report, tmp_path, "title")
    folder = tmp_path / "evaluations"
    assert {path.name for path in folder.iterdir()} == {f"strangers.{suffix}" for suffix in ("json", "csv", "png")}
    content = json.loads((folder / "strangers.json").read_text())
    assert content == whole_records(report)["strangers"]
    ways = report.corpora[0].ways
    with (folder / "strangers.csv").open(newline="") as file:
        rows = [(row["way"], row["name"], int(row["total"]), int(row["correct"])) for row in csv.DictReader(file)]
    assert rows == [(name, one.name, one.total, one.correct) for name, way in ways.items() for one in way.speakers]
    assert (folder / "strangers.png").read_bytes().startswith(b"\x89PNG")
    assert others_table("strangers", content).row_count == len(ways["heard"].groups) + 8
    assert confidence_table(content).row_count == 3


def test_the_figure_shows_every_group_and_curve(report: OthersReport) -> None:
    people, reliability, rejection = corpus_figure(report.corpora[0], report.test_clips, "a title").axes
    ways = report.corpora[0].ways
    marks = [line for line in people.lines if line.get_linestyle() == "None"]
    shown = [list(line.get_xdata()) for line in marks]
    assert shown == [pytest.approx([100 * group.accuracy for group in way.groups]) for way in ways.values()]
    assert len(reliability.collections) == len(rejection.lines) == len(ways) + 1
    accuracies = [100 * value for value in ways["heard"].confidence.accuracy_at.values()]
    assert list(rejection.lines[0].get_ydata()) == pytest.approx(accuracies)


def test_the_command_prints_and_writes_it(
    listening_folder: Path, strangers_folder: Path, report: OthersReport, tmp_path: Path, call: Call
) -> None:
    folder = shutil.copytree(listening_folder, tmp_path / "run")
    others = shutil.copytree(strangers_folder / "recordings", tmp_path / "other people")
    arguments = (folder, "--backend", "integer", "--others", others)
    ended = call(evaluate, *arguments, "--json")
    assert ended.code == 0, ended.err
    printed = json.loads(ended.out)["others"]["other people"]
    assert printed == json.loads((folder / "evaluations" / "other people.json").read_text())
    expected = whole_records(report)["strangers"]
    assert (printed["heard"], printed["alone"]) == (expected["heard"], expected["alone"])
    shown = call(evaluate, *arguments).out
    texts = ("other people: 2 people, 120 recordings", "mean of 2 groups", "own test clips", "evaluations/other people")
    assert all(text in shown for text in texts)
    assert "perhaps heard in training" in ended.err  # the voices of synthetic corpora have the same names
    assert not (folder / "listening.json").exists()


def test_the_float_backend_hears_nothing(
    listening_folder: Path, strangers_folder: Path, tmp_path: Path, call: Call
) -> None:
    folder = shutil.copytree(listening_folder, tmp_path / "run")
    ended = call(evaluate, folder, "--backend", "float", "--others", strangers_folder, "--json")
    (printed,) = json.loads(ended.out)["others"].values()
    assert printed["backend"] == "float" and "heard" not in printed and "rejecting" not in printed["alone"]


def test_a_folder_without_recordings_is_one_line(listening_folder: Path, tmp_path: Path, call: Call) -> None:
    for folder, problem in ((tmp_path, "holds no recordings"), (tmp_path / "no", "is not a folder")):
        ended = call(evaluate, listening_folder, "--others", folder)
        assert ended.code == 2 and problem in only_line(ended.err)
