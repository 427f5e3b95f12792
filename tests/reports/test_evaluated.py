"""Evaluations of runs on other recordings are shown by speaker; what is no such record is passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fabricated_runs import frame_of, run

from fsdd_lightning.reports.document import build_document
from fsdd_lightning.reports.evaluations import evaluations_of
from fsdd_lightning.reports.html.heat import evaluation_maps
from fsdd_lightning.reports.html.render import page

SPEAKERS = {"ann": (8, 10), "bob": (3, 10), "<zoe>": (10, 10)}


def evaluation(**changed: Any) -> dict[str, Any]:
    score = {"accuracy": 0.7, "correct": 21, "total": 30, "ci95": [0.52, 0.83], "macro_f1": 0.69}
    people = {name: {"correct": right, "total": of, "accuracy": right / of} for name, (right, of) in SPEAKERS.items()}
    return {
        **{"name": "mine", "folder": "/data/mine", "digest": "ab", "clips": 30, "created": "2026-02-03T04:05:06"},
        **{"labels": ["yes", "no"], "backends": {"float": score | {"accuracy": 0.8}, "integer": score}},
        **{
            "speakers": people,
            "mean_over_speakers": {"mean": 0.7, "ci95": [0.5, 0.9]},
            "worst_speaker": {"name": "bob", "accuracy": 0.3},
        },
        **changed,
    }


def evaluated(folder: Path, name: str, content: Any) -> None:
    (folder / "evaluations").mkdir(exist_ok=True)
    (folder / "evaluations" / f"{name}.json").write_text(json.dumps(content))


def test_other_recordings_are_a_table_and_a_map_by_speaker(tmp_path: Path) -> None:
    evaluated(run(tmp_path, "int8_ptq", 8, 1, 580), "mine", evaluation())
    run(tmp_path, "int8_ptq", 8, 2, 580)  # on which nothing was evaluated
    document = build_document(frame_of(tmp_path))
    shown = {name: column.texts[0] for name, column in document.evaluations.items()}
    expected = {"recordings": "mine", "mode": "int8_ptq", "network": "2×8", "seed": "1", "clips": "30"}
    expected |= {"backend": "integer", "accuracy %": "70.00", "95 % interval": "52.00 – 83.00", "macro-F1 %": "69.00"}
    expected |= {"speakers": "3", "mean over speakers %": "70.00", "worst %": "30.00", "worst speaker": "bob"}
    assert shown == {"run": "1", "evaluated": "2026-02-03", **expected}
    (heat,) = evaluation_maps(document.evaluated)
    assert list(heat.columns) == ["<zoe>", "ann", "bob"]
    assert [(name, list(cells)) for name, cells in heat.rows] == [
        ("int8_ptq 2×8, seed 1", [("100.00", 10), ("80.00", 7), ("30.00", 0)])
    ]
    text = page(document, tmp_path / "report")
    assert "<h2>Other recordings</h2>" in text and "&lt;zoe&gt;" in text and "<zoe>" not in text


def test_a_record_may_lack_all_but_an_accuracy(tmp_path: Path) -> None:
    folder = run(tmp_path, "int8_ptq", 8, 1, 580)
    evaluated(folder, "small", {"backends": {"c": {"accuracy": 0.5}}, "added": "later"})
    (one,) = evaluations_of(frame_of(tmp_path))
    assert (one.evaluation.name, one.evaluation.deployed[0], one.evaluation.mean) == ("small", "c", None)
    assert list(build_document(frame_of(tmp_path)).evaluations) == [
        *("recordings", "run", "mode", "network", "seed", "backend", "accuracy %")
    ]
    assert evaluation_maps([one]) == []


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    folder = run(tmp_path, "int8_ptq", 8, 1, 580)
    evaluated(folder, "ways", {"ways": {"heard": {"accuracy": 0.5}}})
    evaluated(folder, "list", [1])
    evaluated(folder, "wrong", evaluation(backends={"c": {"accuracy": 7}}))
    (folder / "evaluations" / "half.json").write_text('{"backends": {"c"')
    assert evaluations_of(frame_of(tmp_path)) == []
    assert "Other recordings" not in page(build_document(frame_of(tmp_path)), tmp_path)


def test_of_many_speakers_the_lowest_are_shown(tmp_path: Path) -> None:
    people = {f"s{at}": {"accuracy": at / 100} for at in range(100)}
    evaluated(run(tmp_path, "int8_ptq", 8, 1, 580), "crowd", evaluation(name="crowd", speakers=people))
    (heat,) = evaluation_maps(evaluations_of(frame_of(tmp_path)))
    assert list(heat.columns) == [f"s{at}" for at in range(40)]
    assert heat.below == "the 40 with the lowest accuracy of 100"
