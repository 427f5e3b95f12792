"""Curves are read off whatever a logger left; what is embedded in the page is bounded, however many trials."""

from __future__ import annotations

import json
import math
from pathlib import Path
from urllib.parse import quote

import pytest
from fabricated_runs import ended, finished, frame_of, grid, run, with_curves, write

from fsdd_lightning.escaping import embedded_json
from fsdd_lightning.reports.html import details as embedding
from fsdd_lightning.reports.html.curves import CURVES, curves_of, thinned
from fsdd_lightning.reports.html.details import details
from fsdd_lightning.reports.html.links import Links
from fsdd_lightning.reports.sections import sections


def detailed(folder: Path) -> dict:
    trials = frame_of(folder)
    return details(trials, sections(trials), Links(folder / "report"))


def test_scalars_are_read_and_all_else_is_skipped(tmp_path: Path) -> None:
    curves = curves_of(with_curves(tmp_path, epochs=5))
    assert list(curves) == list(CURVES)
    assert list(curves["val/loss"].items()) == [(epoch, pytest.approx(2.2 / (epoch + 1))) for epoch in range(5)]


def test_tags_may_stand_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,loss/train,accuracy/val,other/val\n0,2.0,0.5,7\n")
    assert curves_of(tmp_path) == {"train/loss": {0: 2.0}, "val/accuracy": {0: 0.5}}


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_of_a_file_that_is_cut_off_the_rest_is_read(tmp_path: Path, cut: int) -> None:
    with_curves(tmp_path, epochs=5)
    (path,) = tmp_path.glob("events*")
    whole = path.read_bytes()
    short = whole[: len(whole) - 5100 - cut]  # without the long record at the end
    path.write_bytes(short)
    assert len(curves_of(tmp_path)["train/loss"]) == 5
    path.write_bytes(b"\x05" + whole)  # lengths of nonsense
    assert curves_of(tmp_path) == {}


def test_a_csv_of_lightning_is_read_where_there_are_no_events(tmp_path: Path) -> None:
    folder = tmp_path / "csv" / "version_0"
    folder.mkdir(parents=True)
    rows = ["epoch,step,train/loss,val/loss", "0,10,2.0,", "0,10,,2.5", "1,20,1.0,nan", "1,20,,1.5"]
    (folder / "metrics.csv").write_text("\n".join(rows))
    assert curves_of(tmp_path) == {"train/loss": {0: 2.0, 1: 1.0}, "val/loss": {0: 2.5, 1: 1.5}}
    (folder / "metrics.csv").write_text("epoch,train/loss\n0,x\n")
    assert curves_of(tmp_path) == {}


def test_a_run_that_shares_a_float_network_shows_its_training(tmp_path: Path) -> None:
    with_curves(write(tmp_path / "first", finished((), {"float": 590})), epochs=4)
    second = write(tmp_path / "second", finished(("seed=2",), {"float": 590, "integer": 580}))
    assert list(curves_of(second, str(tmp_path / "first"))["val/loss"]) == [0, 1, 2, 3]
    assert list(curves_of(second, "/gone/first")["val/loss"]) == [0, 1, 2, 3]  # the sweep has moved
    with_curves(second, epochs=3, first=4)
    assert list(curves_of(second, "/gone/first")["val/loss"]) == list(range(7))
    assert curves_of(tmp_path / "nowhere", "/gone/too") == {}


@pytest.mark.parametrize("most", [2, 3, 16])
def test_thinned_curves_keep_their_ends(most: int) -> None:
    curve = {epoch: math.sqrt(epoch) for epoch in range(100)}
    kept = thinned(curve, most)
    assert len(kept) == most and {0, 99} <= set(kept) and kept.items() <= curve.items()
    assert thinned(curve, 100) == curve


def test_every_trial_has_its_place_in_the_data(tmp_path: Path) -> None:
    grid(tmp_path, ("int8_ptq",), seeds=1)
    with_curves(next(iter(sorted(tmp_path.iterdir()))), epochs=3)
    ended(tmp_path, "failed", "x", "seed=7")
    found = detailed(tmp_path)
    names = list(frame_of(tmp_path)["run"])
    assert [trial["name"] for trial in found["trials"]] == names
    assert [trial["href"] for trial in found["trials"]] == [f"../{quote(name)}/" for name in names]
    done = [trial for trial in found["trials"] if "rank" in trial]
    assert sorted(trial["rank"] for trial in done) == [0, 1] and len(found["trials"]) == 3
    assert found["labels"] == [[str(digit) for digit in range(10)]]
    (curves,) = [trial["curves"] for trial in done if "curves" in trial]
    assert curves["train/loss"] == [[0, 1, 2], [20000, 10000, 6667]]
    classes, matrix = done[0]["confusion"]
    assert classes == 0 and sum(map(sum, matrix)) == 600


def test_bytes_are_bounded_and_the_best_keep_their_details(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, correct in ((1, 500), (2, 590), (3, 550)):
        run(tmp_path, "int8_ptq", 8, seed, correct)
    whole = detailed(tmp_path)
    size = max(len(json.dumps(trial["confusion"])) for trial in whole["trials"])
    monkeypatch.setattr(embedding, "_MOST_BYTES", 1.5 * size)
    kept = [trial["rank"] for trial in detailed(tmp_path)["trials"] if "confusion" in trial]
    assert kept == [0]


def test_a_matrix_that_is_none_is_left_out(tmp_path: Path) -> None:
    record = finished((), {"float": 590, "integer": 580})
    record.views["integer"] |= {"confusion": [[1, 2], [3]], "classes": "x"}
    write(tmp_path / "odd", record)
    assert "confusion" not in detailed(tmp_path)["trials"][0]


def test_embedded_json_ends_no_script() -> None:
    content = {"name": "</script><!-- & \u2028"}
    text = embedded_json(content)
    assert not set("<>&\u2028") & set(text) and json.loads(text) == content
