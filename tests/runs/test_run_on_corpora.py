"""A run on several corpora, from its record to its evaluation where they lie now."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from commands import Call

from fsdd_lightning import evaluate
from fsdd_lightning.data.synthetic import make_synthetic_corpus
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.folder import read_run, recorded_data
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.sweeps.compose import compose_trials

RunTrial = Callable[[Sequence[str], Path], RunRecord]


def test_a_run_on_two_corpora_is_evaluated_where_they_are_and_where_they_moved(
    tiny_overrides: list[str], run_trial: RunTrial, tmp_path: Path, call: Call
) -> None:
    ((_, config),) = compose_trials(tiny_overrides, multirun=False)
    synthetic = config.data.synthetic
    roots = [make_synthetic_corpus(dataclasses.replace(synthetic, seed=s), tmp_path / str(s), 8000) for s in (0, 1)]
    for root, name in zip(roots, "ab", strict=True):
        root.rename(tmp_path / name)
    words = [word for word in tiny_overrides if not word.startswith("data")]
    split = ["split=unseen_speaker", "split.held_out=a-ada", "split.train_speakers=1"]
    folder = tmp_path / "run"
    folder.mkdir()
    run_trial([*words, *split, f"data.root=[{tmp_path}/a,{tmp_path}/b]", f"data.cache_dir={tmp_path}/cache"], folder)
    record = read_record(folder)
    assert record.status == "done" and record.dataset["recordings"] == 240
    assert record.dataset["folders"] == {name: f"{tmp_path}/{name}/recordings" for name in "ab"}
    assert record.dataset["name"] == "a+b"
    assert record.split["test"] == 60 and record.split["train_speakers"] in (["a-basil"], ["b-ada"], ["b-basil"])
    code, out, _ = call(evaluate, folder, "--json")
    assert code == 0 and json.loads(out) == record.views
    (tmp_path / "b").rename(tmp_path / "moved")
    with pytest.raises(
        UserError, match=r"no folder .*/b/recordings any more, but .* 2 corpora: .* for each of a, b, in this order"
    ):
        recorded_data(read_run(folder), None)
    moved = recorded_data(read_run(folder), [tmp_path / "a", tmp_path / "moved"])
    assert moved.recordings.digest == record.dataset["digest"]
    arguments = ["--data-root", tmp_path / "a", "--data-root", tmp_path / "moved"]
    assert call(evaluate, folder, *arguments).code == 0
    assert "is given 1 time(s), but the run has 2 corpora" in call(evaluate, folder, *arguments[:2]).err
    assert "are not those of the run" in call(evaluate, folder, *arguments[2:], *arguments[:2]).err


def test_a_run_on_one_corpus_has_one_root(finished_run: Path) -> None:
    run = read_run(finished_run)
    with pytest.raises(UserError, match="lie in one folder: give --data-root once, not 2 times"):
        recorded_data(run, [Path("a"), Path("b")])
