"""What is counted of a listener: directed cases, a perfect and a deaf one, and a trained one as it hears itself."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from commands import Call, only_line

from fsdd_lightning import evaluate
from fsdd_lightning.arithmetic.listener import Listener
from fsdd_lightning.console.tables import false_alarm_table, stream_table
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.streams import SpokenWord, Stream, room_noise, speaker_streams
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation import listening as measuring
from fsdd_lightning.evaluation.hearing import HeardWord, hearing, listening_deployment, outcomes
from fsdd_lightning.evaluation.listening import (
    CONDITIONS,
    FalseAlarmRow,
    ListeningReport,
    StreamRow,
    false_alarm_row,
    false_alarm_rows,
    listening_report,
    stream_row,
    stream_rows,
)
from fsdd_lightning.evaluation.listening_report import listening_figure, listening_record, write_listening
from fsdd_lightning.runs.folder import Run, read_run, recorded_data

RATE = 8000
SPOKEN = (SpokenWord(1000, 3000, 4), SpokenWord(6000, 9000, 7))


@pytest.fixture(scope="module")
def listener(listening_folder: Path) -> Run:
    return read_run(listening_folder)


@pytest.fixture(scope="module")
def spoken_data(listener: Run) -> PreparedData:
    return recorded_data(listener, None)


@pytest.fixture(scope="module")
def report(listener: Run, spoken_data: PreparedData) -> ListeningReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "WORDS", 24)
        patch.setattr(measuring, "HOURS", 0.01)
        patch.setattr(measuring, "espeak_installed", lambda: False)
        return listening_report(listener, spoken_data)


# ---- counting


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([(1000, 3000, 4), (6000, 9000, 7)], ["right", "right"]),
        ([(1500, 2500, 4), (6500, 9500, 1)], ["right", "wrong"]),
        ([(500, 5000, None), (5000, 10000, 7)], ["rejected", "right"]),
        ([], ["missed", "missed"]),
        ([(1000, 1900, 4), (2100, 3000, 4), (6000, 9000, 7)], ["split", "right"]),
        ([(1000, 9000, 7)], ["missed", "right"]),  # two heard as one: it belongs to the longer one
        ([(1000, 9000, 4)], ["missed", "wrong"]),
        ([(3500, 5500, 4), (4000, 5000, None)], ["missed", "missed", "false", "false, rejected"]),
        ([(2500, 3500, 4), (6000, 9000, 7)], ["missed", "right", "false"]),  # half is not more than half
        ([(2499, 3499, 4), (6000, 9000, 7)], ["right", "right"]),
        ([(0, 1, 3)], ["missed", "missed", "false"]),
    ],
)
def test_what_becomes_of_words(heard: list[tuple[int, int, int | None]], expected: list[str]) -> None:
    assert outcomes(SPOKEN, [HeardWord(*word) for word in heard]) == expected


def test_where_nothing_is_spoken_all_is_false() -> None:
    assert outcomes((), [HeardWord(0, 100, 1), HeardWord(300, 400, None)]) == ["false", "false, rejected"]


def test_a_row_adds_up_its_streams() -> None:
    stream = Stream(np.zeros(0, np.int16), SPOKEN)
    heard = [
        [HeardWord(1000, 3000, 4), HeardWord(6000, 9000, 7)],
        [HeardWord(1000, 1900, 4), HeardWord(2100, 3000, 4), HeardWord(4000, 5000, 1)],
        [HeardWord(1000, 3000, None), HeardWord(6000, 9000, 2), HeardWord(4000, 5000, None)],
    ]
    row = stream_row("c", "room", 10.0, 0.5, [(stream, words) for words in heard])
    assert row == StreamRow("c", "room", 10.0, 0.5, 6, 4, 2, 1, 1, 1, 2, 1)
    assert (row.right_of_found, row.right_of_spoken, row.false_per_minute) == (0.5, 2 / 6, 4.0)


def test_a_perfect_listener_gets_all(spoken_data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Stream] = []

    def kept(*arguments: object) -> list[Stream]:
        made[:] = speaker_streams(*arguments)  # type: ignore[arg-type]
        return made

    def perfect(streams: Sequence[np.ndarray]) -> list[list[HeardWord]]:
        return [[HeardWord(word.start, word.end, word.label) for word in stream.words] for stream in made]

    monkeypatch.setattr(measuring, "speaker_streams", kept)
    rows = list(stream_rows(spoken_data.recordings, spoken_data.split.test, spoken_data.recordings, perfect))
    assert [(row.noise, row.snr_db) for row in rows] == list(CONDITIONS)
    for row in rows:
        assert (row.found, row.right, row.split, row.missed, row.rejected, row.false_words) == (row.spoken,) * 2 + (
            0,
        ) * 4
        assert (row.right_of_found, row.right_of_spoken, row.false_per_minute) == (1.0, 1.0, 0.0)
        assert row.spoken >= measuring.WORDS and row.spoken / row.minutes > 30
    assert len({row.minutes for row in rows}) == 1  # the same words and pauses in every noise


def test_a_deaf_listener_misses_all(spoken_data: PreparedData) -> None:
    deaf = stream_rows(
        spoken_data.recordings, spoken_data.split.test, spoken_data.recordings, lambda s: [[] for _ in s]
    )
    row = next(deaf)
    assert (row.missed, row.found, row.right_of_found, row.right_of_spoken) == (row.spoken, 0, 0.0, 0.0)


def test_false_alarms_are_counted_by_the_hour() -> None:
    sounds = [np.zeros(RATE * 60, np.int16)] * 3
    words = [HeardWord(0, 1, 3), HeardWord(2, 3, None)]
    row = false_alarm_row("room", -40.0, 0, sounds, RATE, lambda streams: [words for _ in streams])
    assert row == FalseAlarmRow("room", -40.0, 3 / 60, 0, 6, 3)
    assert row.accepted_per_hour == pytest.approx(60.0)


def test_noise_alone_is_as_long_and_as_loud_as_it_says(spoken_data: PreparedData) -> None:
    heard: list[Sequence[np.ndarray]] = []

    def hear(streams: Sequence[np.ndarray]) -> list[list[HeardWord]]:
        heard.append(streams)
        return [[] for _ in streams]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "espeak_installed", lambda: False)
        rows = list(false_alarm_rows(spoken_data.recordings, hear, hours=1 / 6))
    assert [(row.sound, row.level_db) for row in rows] == [("room", -60), ("room", -40), ("room", -20), ("babble", -30)]
    for row, streams in zip(rows, heard, strict=True):
        assert len(streams) == 2 and row.hours == pytest.approx(1 / 6) and (row.heard, row.accepted_per_hour) == (0, 0)
        for stream in streams:
            power = (stream.astype(float) ** 2).mean() / 2**30
            assert 10 * np.log10(power) == pytest.approx(row.level_db, abs=0.1)
    assert not np.array_equal(heard[3][0], heard[3][1])


def test_words_that_it_does_not_know_are_counted(spoken_data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "espeak_installed", lambda: True)
    monkeypatch.setattr(measuring, "spoken_words", lambda rate, known: [list(spoken_data.recordings.waveforms[:3])] * 2)

    def hear(streams: Sequence[np.ndarray]) -> list[list[HeardWord]]:
        return [[HeardWord(0, 1, 3)] for _ in streams]

    *_, row = false_alarm_rows(spoken_data.recordings, hear, hours=0.001)
    assert (row.sound, row.level_db, row.spoken, row.heard, row.accepted) == ("words (espeak-ng)", None, 6, 2, 2)


# ---- a trained listener


def test_many_streams_at_once_are_heard_as_each_alone_by_a_listener(listener: Run, spoken_data: PreparedData) -> None:
    deployment = listener.deployment
    assert deployment is not None and deployment.listening is not None
    corpus, at = spoken_data.recordings, spoken_data.split.test
    streams = [stream.samples for stream in speaker_streams(corpus, at, lambda _: room_noise, 20.0, 24, (5,))]
    alone = Listener(deployment.model, deployment.listening)
    hop, words = deployment.listening.front_end.hop, 0
    for stream, heard in zip(streams, hearing(deployment)(streams), strict=True):
        alone.reset()
        ended = [event for event in alone.push(stream) if event.kind == "ends" and event.logits]
        spans = [(hop * e.first, hop * e.first + deployment.listening.front_end.samples(e.frames)) for e in ended]
        assert [(word.start, word.end) for word in heard] == spans
        assert [word.label for word in heard] == [event.label for event in ended]
        words += len(ended)
    assert words >= 12


def test_silence_and_no_streams_at_all_are_heard_as_nothing(listener: Run) -> None:
    hear = hearing(listening_deployment(listener))
    assert hear([np.zeros(RATE, np.int16), np.zeros(10, np.int16)]) == [[], []]


def test_the_report_counts_everything(report: ListeningReport, listener: Run) -> None:
    assert [(row.noise, row.snr_db) for row in report.streams] == list(CONDITIONS)
    for row in report.streams:
        assert row.corpus == listener.record.dataset["name"]
        assert row.spoken == row.found + row.split + row.missed >= 24
        assert 0 <= row.right + row.rejected <= row.found
    clean = report.streams[0]
    assert clean.found > 0.8 * clean.spoken
    right = listener.record.views["integer"]["correct"]
    assert report.right_clips == right and 0 <= report.rejected_clips < right
    assert report.false_rejects == report.rejected_clips / right
    assert report.notes == ("words that it does not know: left out, espeak-ng is not installed",)


def test_further_corpora_follow(listener: Run, spoken_data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "WORDS", 8)
    monkeypatch.setattr(measuring, "HOURS", 0.001)
    monkeypatch.setattr(measuring, "espeak_installed", lambda: False)
    other = spoken_data.recordings
    found = listening_report(listener, spoken_data, [other])
    assert len(found.streams) == 2 * len(CONDITIONS)
    assert [(row.noise, row.snr_db) for row in found.streams[len(CONDITIONS) :]] == list(CONDITIONS)


def test_a_run_that_hears_no_samples_is_told_what_to_do(mfcc_folder: Path) -> None:
    with pytest.raises(UserError, match="hears no samples, so no streams: train one with features=integer"):
        listening_deployment(read_run(mfcc_folder))


# ---- files and command


def test_the_files_hold_all_rows(report: ListeningReport, tmp_path: Path) -> None:
    write_listening(report, tmp_path, "title")
    assert {path.name for path in tmp_path.iterdir()} == {f"listening.{suffix}" for suffix in ("json", "csv", "png")}
    content = json.loads((tmp_path / "listening.json").read_text())
    assert content == listening_record(report)
    assert content["counted_over"] == "words"
    for saved, row in zip(content["streams"], report.streams, strict=True):
        assert (saved["spoken"], saved["right_of_spoken"]) == (row.spoken, row.right_of_spoken)
    with (tmp_path / "listening.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    streams = [(line["noise"], int(line["found"])) for line in table if line["corpus"]]
    assert streams == [(row.noise, row.found) for row in report.streams]
    alarms = [(line["sound"], int(line["heard"]), float(line["accepted_per_hour"])) for line in table if line["sound"]]
    assert alarms == [(row.sound, row.heard, row.accepted_per_hour) for row in report.false_alarms]
    assert len(table) == len(streams) + len(alarms)
    assert (tmp_path / "listening.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_and_the_tables_show_every_row(report: ListeningReport) -> None:
    words, alarms = listening_figure(report, "a title").axes
    found, right = (line.get_ydata() for line in words.lines)
    assert list(found) == pytest.approx([100 * row.found / row.spoken for row in report.streams])
    assert list(right) == pytest.approx([100 * row.right_of_spoken for row in report.streams])
    widths = [bar.get_width() for bar in alarms.patches]
    assert widths == pytest.approx([row.accepted_per_hour for row in report.false_alarms])
    assert stream_table(report.streams).row_count == len(report.streams)
    assert false_alarm_table(report.false_alarms).row_count == len(report.false_alarms)


def test_the_command_prints_and_writes_it(
    listening_folder: Path,
    spoken_data: PreparedData,
    report: ListeningReport,
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "WORDS", 24)
    monkeypatch.setattr(measuring, "HOURS", 0.01)
    monkeypatch.setattr(measuring, "espeak_installed", lambda: False)
    folder = shutil.copytree(listening_folder, tmp_path / "run")
    others = tmp_path / "others"
    others.mkdir()
    for recording in spoken_data.recordings.recordings[:20]:
        shutil.copy(recording.path, others)
    arguments = (folder, "--backend", "integer", "--streams", "--others", others)
    ended = call(evaluate, *arguments, "--json")
    assert ended.code == 0, ended.err
    printed = json.loads(ended.out)["listening"]
    assert printed == json.loads((folder / "listening.json").read_text())
    own = len(report.streams)
    assert printed["streams"][:own] == listening_record(report)["streams"]
    assert [row["corpus"] for row in printed["streams"][own:]] == ["others"] * own
    assert (folder / "listening.csv").exists() and (folder / "listening.png").exists()
    monkeypatch.setattr("fsdd_lightning.evaluation.listening.listening_report", lambda *_: report)
    shown = call(evaluate, *arguments).out
    rejected = f"test clips recognized right, but rejected: {report.rejected_clips} of {report.right_clips}"
    assert all(text in shown for text in ("Words in streams", "Sound without its words", rejected, "left out"))


def test_the_command_refuses_what_it_cannot_do(listening_folder: Path, mfcc_folder: Path, call: Call) -> None:
    ended = call(evaluate, mfcc_folder, "--streams")
    assert ended.code == 2 and "train one with features=integer" in only_line(ended.err)
    ended = call(evaluate, listening_folder, "--others", listening_folder)
    assert ended.code == 2 and "holds no recordings" in only_line(ended.err)
    ended = call(evaluate, listening_folder, "--streams", "--others", listening_folder)
    assert ended.code == 2 and str(listening_folder) in only_line(ended.err)
