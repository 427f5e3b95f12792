"""The robustness table: the same in every run, right about what it counts, and written to the run folder."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import Call

from fsdd_lightning import evaluate
from fsdd_lightning.console.tables import robustness_table
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.evaluation import robustness as measuring
from fsdd_lightning.evaluation.backends import Backend, open_backend
from fsdd_lightning.evaluation.clips import Clips
from fsdd_lightning.evaluation.report_files import figure_title
from fsdd_lightning.evaluation.robustness import CORRUPTIONS, Corruption, RobustnessRow, Scene, robustness
from fsdd_lightning.evaluation.robustness_report import robustness_figure, write_robustness
from fsdd_lightning.evaluation.scores import wilson_interval
from fsdd_lightning.runs.folder import Run


@pytest.fixture(scope="module")
def backend(run: Run) -> Iterator[Backend]:
    with open_backend(run, "integer") as opened:
        yield opened


@pytest.fixture(scope="module")
def rows(run: Run, data: PreparedData, backend: Backend) -> tuple[RobustnessRow, ...]:
    return robustness(run, data, backend)


MILLISECONDS = (50, 100, 200, 300)


class Listening:
    """Logits that keep what they are given and are always for 0."""

    def __init__(self) -> None:
        self.heard: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, clips: Clips) -> np.ndarray:
        self.heard.append((clips.features, clips.lengths))
        return np.eye(10, dtype=np.int32)[np.zeros(len(clips.lengths), int)]


def corruption(name: str) -> list[Corruption]:
    return [found for found in CORRUPTIONS if found.name == name]


def test_the_table_has_every_corruption_at_every_level(rows: tuple[RobustnessRow, ...]) -> None:
    expected = {
        "none": (0,),
        **dict.fromkeys(("white noise", "babble"), (20, 10, 5, 0)),
        "gain": (-20, -10, -5, 3, 6),
        "clipping": (1, 5, 20),
        **{f"silence {place}": MILLISECONDS for place in ("before", "after", "around")},
        **{f"background {place}": MILLISECONDS for place in ("before", "after")},
        "speed": (-10, -5, 5, 10),
        "DC offset": (1, 5, 20),
        "telephone": (3400,),
        "low-pass": (3000, 2000, 1000),
    }
    assert [(row.corruption, row.level) for row in rows] == [
        (name, level) for name, levels in expected.items() for level in levels
    ]


def test_the_first_row_is_the_recorded_accuracy(rows: tuple[RobustnessRow, ...], run: Run) -> None:
    score = run.record.views["integer"]
    first = rows[0]
    assert (first.correct, first.total, first.accuracy) == (score["correct"], score["total"], score["accuracy"])
    assert list(first.ci95) == score["ci95"]


def test_a_row_is_counted_right(rows: tuple[RobustnessRow, ...]) -> None:
    for row in rows:
        assert row.accuracy == row.correct / row.total
        assert row.ci95 == wilson_interval(row.correct, row.total)
        assert row.drop == rows[0].accuracy - row.accuracy
    assert len({row.correct for row in rows}) > 3  # it does corrupt


def test_a_backend_that_always_answers_0_is_right_as_often_as_there_are_zeros(run: Run, data: PreparedData) -> None:
    rows = robustness(run, data, Backend("deaf", Listening()), corruption("speed"))
    zeros = int((data.labels[data.split.test] == 0).sum())
    assert [(row.correct, row.total, row.drop) for row in rows] == [(zeros, 24, 0.0)] * 5


def test_every_corruption_changes_what_the_network_hears(run: Run, data: PreparedData) -> None:
    listening = Listening()
    rows = robustness(run, data, Backend("deaf", listening))
    clean, *corrupted = listening.heard
    assert np.array_equal(clean[0], data.features[data.split.test])
    assert np.array_equal(clean[1], data.lengths[data.split.test])
    for row, (features, _) in zip(rows[1:], corrupted, strict=True):
        changed = (features != clean[0]).any(axis=(1, 2))
        assert changed.mean() > 0.5, row
    stretched = {row.corruption for row, (_, n) in zip(rows[1:], corrupted, strict=True) if (n != clean[1]).any()}
    # Others, too, change which word is cut out of clips that are longer than the network hears.
    assert stretched >= {
        *("silence before", "silence after", "silence around", "background before", "background after", "speed")
    }


def test_a_row_depends_on_no_other_row_and_on_no_chance(
    rows: tuple[RobustnessRow, ...], run: Run, data: PreparedData, backend: Backend
) -> None:
    first, second = Listening(), Listening()
    for listening in (first, second):
        robustness(run, data, Backend("deaf", listening), corruption("babble"))
    for (one, _), (other, _) in zip(first.heard, second.heard, strict=True):
        assert np.array_equal(one, other)
    alone = robustness(run, data, backend, corruption("babble"))
    assert alone[1:] == tuple(row for row in rows if row.corruption == "babble")


def test_babble_is_never_made_of_the_clip_itself_nor_twice_of_another() -> None:
    waveforms = [np.full(10, float(i)) for i in range(15)]
    for position in (0, 7, 14):
        voices = Scene(np.random.default_rng(0), waveforms, position, 8000).voices()
        names = [voice[0] for voice in voices]
        assert len(names) == len(set(names)) == measuring.BABBLING_VOICES
        assert position not in names
    few = Scene(np.random.default_rng(0), waveforms[:3], 1, 8000).voices()
    assert sorted(voice[0] for voice in few) == [0.0, 2.0]


def test_the_files_hold_the_table(rows: tuple[RobustnessRow, ...], tmp_path: Path) -> None:
    write_robustness(rows, tmp_path, "integer", "title")
    assert {path.name for path in tmp_path.iterdir()} == {f"robustness.{suffix}" for suffix in ("json", "csv", "png")}
    content = json.loads((tmp_path / "robustness.json").read_text())
    assert content["backend"] == "integer"
    back = [RobustnessRow(**{**row, "ci95": tuple(row["ci95"])}) for row in content["rows"]]
    assert tuple(back) == rows
    with (tmp_path / "robustness.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(rows)
    for line, row in zip(table, rows, strict=True):
        read = line["corruption"], float(line["level"]), int(line["correct"])
        assert read == (row.corruption, row.level, row.correct)
        assert (float(line["ci95_low"]), float(line["ci95_high"])) == row.ci95
    assert (tmp_path / "robustness.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_shows_every_row_once(rows: tuple[RobustnessRow, ...]) -> None:
    figure = robustness_figure(rows, "a title")
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    panels = [axes.get_title() for axes in drawn]
    assert panels == [
        *("noise", "before the word", "after the word", "around the word"),
        *("gain", "clipping", "speed", "DC offset", "band limits"),
    ]
    points = [container.lines[0].get_ydata() for axes in drawn for container in axes.containers]
    assert sorted(np.concatenate(points)) == pytest.approx(sorted(100 * row.accuracy for row in rows[1:]))


def test_levels_go_from_mild_to_hard(rows: tuple[RobustnessRow, ...]) -> None:
    figure = robustness_figure(rows, "a title")
    ticks = {axes.get_title(): [label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes}
    assert ticks["noise"] == ["20", "10", "5", "0"]
    assert ticks["band limits"] == ["3400", "3000", "2000", "1000"]
    assert ticks["DC offset"] == ["1", "5", "20"]


def test_the_title_names_the_network_and_the_clips(run: Run, data: PreparedData) -> None:
    assert figure_title(run, data, "integer", "corrupted") == (
        "default: 2x8 int8_ptq network, integer backend\n24 test clips of synthetic, split random, corrupted"
    )
    unseen = dataclasses.replace(run.config.split, name="unseen_speaker", held_out="ada")
    held_out = dataclasses.replace(run, config=dataclasses.replace(run.config, split=unseen))
    assert "split unseen_speaker (ada), corrupted" in figure_title(held_out, data, "integer", "corrupted")


def test_a_corruption_of_ones_own_gets_a_panel(run: Run, data: PreparedData, backend: Backend) -> None:
    own = Corruption("reversed", "", (1,), lambda wave, level, scene: wave[::-1].copy())
    figure = robustness_figure(robustness(run, data, backend, [own]), "a title")
    assert [axes.get_title() for axes in figure.axes if axes.get_visible()] == ["reversed"]


def test_the_printed_table_has_a_line_a_row(rows: tuple[RobustnessRow, ...]) -> None:
    assert robustness_table(rows).row_count == len(rows)


def test_the_command_prints_and_writes_it(
    finished_run: Path, rows: tuple[RobustnessRow, ...], tmp_path: Path, call: Call
) -> None:
    folder = shutil.copytree(finished_run, tmp_path / "run")
    ended = call(evaluate, folder, "--robustness", "--json")
    assert ended.code == 0
    printed = json.loads(ended.out)
    assert printed["views"]["integer"]["correct"] == rows[0].correct
    assert [row["correct"] for row in printed["robustness"]] == [row.correct for row in rows]
    assert json.loads((folder / "robustness.json").read_text())["rows"] == printed["robustness"]
