"""The Pareto front and its files."""

from __future__ import annotations

import csv
import random
from pathlib import Path

from PIL import Image

from fsdd_lightning.sweeps.search.front import Objective, Point, front_of, front_table, write_front


def point(accuracy: float, flash_bytes: int, run: str = "run") -> Point:
    return Point({"model.hidden_size": "8", "quantization": "int8_ptq"}, Objective(accuracy, flash_bytes), run)


def is_beaten(one: Objective, others: list[Objective]) -> bool:
    better = [other for other in others if other.accuracy >= one.accuracy and other.flash_bytes <= one.flash_bytes]
    return any(other != one for other in better)


def test_no_point_beats_one_of_the_front() -> None:
    rng = random.Random(5)
    for _ in range(200):
        points = [point(rng.randrange(8) / 8, rng.randrange(8), str(i)) for i in range(rng.randrange(12))]
        results = [point.objective for point in points]
        expected = {point.run for point in points if not is_beaten(point.objective, results)}
        front = front_of(points)
        assert {point.run for point in front} == expected
        sizes = [point.objective.flash_bytes for point in front]
        assert sizes == sorted(sizes)


def test_points_that_are_equal_in_both_are_all_on_the_front() -> None:
    points = [point(0.5, 100, "a"), point(0.5, 200, "beaten"), point(0.5, 100, "b"), point(0.4, 100, "beaten")]
    assert [point.run for point in front_of(points)] == ["a", "b"]
    assert front_of([]) == []
    assert front_table(front_of(points)).row_count == 2


def test_the_front_is_written_as_csv_markdown_and_png(tmp_path: Path) -> None:
    paths, _ = write_front([point(0.5, 900, "b"), point(0.4, 1000), point(0.25, 100, "a")], tmp_path)
    assert [path.name for path in paths] == ["pareto_front.csv", "pareto_front.md", "pareto_front.png"]
    with paths[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], float(row["val_accuracy"]), int(row["flash_bytes"])) for row in rows] == [
        ("a", 0.25, 100),
        ("b", 0.5, 900),
    ]
    assert paths[1].read_text().splitlines() == [
        "| model.hidden_size | quantization | val_accuracy | flash_bytes | run |",
        "| --- | --- | ---: | ---: | --- |",
        "| 8 | int8_ptq | 0.250000 | 100 | a |",
        "| 8 | int8_ptq | 0.500000 | 900 | b |",
    ]
    with Image.open(paths[2]) as image:
        assert image.width > 600


def test_a_search_without_a_trained_trial_has_an_empty_front(tmp_path: Path) -> None:
    paths, _ = write_front([], tmp_path)
    assert paths[0].read_text() == "val_accuracy,flash_bytes,run\n"
