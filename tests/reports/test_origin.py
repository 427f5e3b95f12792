"""When, where and by which command a sweep was made, as far as its records tell."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from fabricated_runs import ended, finished, frame_of, grid, run, write

from fsdd_lightning.reports.document import build_document
from fsdd_lightning.reports.html.render import page
from fsdd_lightning.reports.origin import origin_of


def test_dates_code_and_packages(tmp_path: Path) -> None:
    for seed, day in ((1, "02"), (2, "05")):
        record = finished((f"seed={seed}",), {"float": 590, "integer": 580})
        record.started = f"2026-01-{day}T03:04:05+0000"
        record.git = {"commit": f"{seed}b" * 20, "dirty": seed == 2}
        write(tmp_path / str(seed), record)
    origin = origin_of(frame_of(tmp_path))
    assert origin.dates == "2026-01-02 03:04 to 2026-01-05 03:04"
    assert origin.code == ("1b1b1b1b1b (1 run)", "2b2b2b2b2b with uncommitted changes (1 run)")
    assert origin.packages.startswith("fsdd_lightning 0.1.0, torch 2.")


def test_a_machine_is_told_as_its_record_has_it(tmp_path: Path) -> None:
    trials = frame_of(grid(tmp_path, ("int8_ptq",), seeds=1))
    assert origin_of(trials).machines == ()  # records of before
    fields = {"processor": "Some CPU", "vectors": "AVX2", "threads": 2, "mkl": "2024.2"}
    told = trials.assign(**{f"machine.{name}": value for name, value in fields.items()})
    assert origin_of(told).machines == ("Some CPU, AVX2, 2 threads",)
    told["machine.processor"] = ["Some CPU", "Another"]
    assert origin_of(told).machines[1] == "Another, AVX2, 2 threads (1 run)"
    told.loc[told.index[0], "machine.threads"] = None
    assert "thread" not in origin_of(told).machines[0]


def test_the_command_of_a_sweep_is_shown_as_a_shell_takes_it(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "s", ("int8_ptq",), seeds=1)
    arguments = ["-m", "seed=1,2", "quantization.name='<b>'"]
    (sweep / "sweep.json").write_text(json.dumps({"commands": [{"arguments": arguments}], "trials": {}}))
    command = """fsdd-train -m seed=1,2 'quantization.name='"'"'<b>'"'"''"""
    trials = frame_of(sweep)
    assert origin_of(trials).commands == (command,)
    text = page(build_document(trials), sweep / "report")
    assert "fsdd-train -m seed=1,2 &#39;quantization.name=" in text and "<b>&#39;" not in text


def test_a_run_alone_is_repeated_by_its_overrides(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 8, 1, 580)
    expected = "fsdd-train quantization=int8_ptq model.hidden_size=8 seed=1"
    assert origin_of(frame_of(tmp_path)).commands == (expected,)
    (tmp_path / "sweep.json").write_text('{"commands": [{"arguments": 7}]}')
    assert origin_of(frame_of(tmp_path)).commands == (expected,)


def test_where_nothing_can_be_read_nothing_is_told(tmp_path: Path) -> None:
    ended(tmp_path, "failed", "x", "seed=2")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    assert list(origin_of(frame_of(tmp_path)).facts) == ["commit", "packages"]
    assert origin_of(pd.DataFrame({"folder": []})).facts == {}
