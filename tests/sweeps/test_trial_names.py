"""A trial is named by what varies in its sweep, and is found again by what it is, however it is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fsdd_lightning.config.load import register_resolvers
from fsdd_lightning.runs.record import new_record, write_record
from fsdd_lightning.sweeps.compose import check_command, hydra_errors
from fsdd_lightning.sweeps.manifest import write_manifest
from fsdd_lightning.sweeps.plan import Sweep, compose_sweep
from fsdd_lightning.sweeps.trial import Trial
from fsdd_lightning.training.tensorboard import trial_name

SIZES = "model.hidden_size=16,24"


def planned(root: Path, *words: str) -> Sweep:
    register_resolvers()
    with hydra_errors():
        composed = check_command(["-m", f"output_root={root}", "name=grid", *words])
    return compose_sweep(composed.trials, composed.folder)


def run(root: Path, *words: str, only: int | None = None) -> list[str]:
    """The names of the trials, planned in sweep.json; the first `only` (None: all) have a record, too."""
    sweep = planned(root, *words)
    folder = root / "grid"
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(folder, words, sweep.trials, sweep.bases[folder])
    for trial in sweep.trials[:only]:
        record(trial)
    return [trial.run_name for trial in sweep.trials]


def record(trial: Trial, **changes: Any) -> None:
    trial.folder.mkdir(exist_ok=True)
    written = new_record(trial.plan, list(trial.overrides))
    written.status, written.error = "done", None
    written.dataset = {"digest": trial.identity.recordings.digest}
    for name, value in changes.items():
        setattr(written, name, value)
    write_record(written, trial.folder)
    (trial.folder / "network.npz").touch()


def names(root: Path, *words: str) -> list[str]:
    return [trial.run_name for trial in planned(root, *words).trials]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([SIZES, "trainer.max_epochs=5"], ["hidden_size=16", "hidden_size=24"]),
        (
            ["quantization=int8_ptq,float32", "experiment=task_a", "seed=1,2"],
            [f"quantization={mode},seed={seed}" for mode in ("int8_ptq", "float32") for seed in (1, 2)],
        ),
        (["split.seed=1,2"], ["split.seed=1", "split.seed=2"]),
        (["model=small,tiny", "callbacks=quiet"], ["model=small", "model=tiny"]),
        (["model.hidden_size=16"], ["hidden_size=16"]),  # where nothing varies, everything
        (["seed=2", "model=tiny", "data.cache_dir=/tmp"], ["seed=2,model=tiny"]),
        ([], ["defaults"]),
    ],
)
def test_a_name_holds_what_varies(tmp_path: Path, words: list[str], expected: list[str]) -> None:
    assert names(tmp_path, *words) == expected


def test_tensorboard_shows_the_short_names(tmp_path: Path) -> None:
    """A run is called by its folder there, and its row by sweep and folder."""
    trials = planned(tmp_path, SIZES, "trainer.max_epochs=5").trials
    assert [trial_name(trial.folder) for trial in trials] == ["grid/hidden_size=16", "grid/hidden_size=24"]
    assert [trial.label for trial in trials] == ["hidden_size=16", "hidden_size=24"]


def test_swept_keys_stay_in_a_name_that_is_too_long(tmp_path: Path) -> None:
    long, digests = (",".join(letter * length for letter in "ab") for length in (150, 64))
    found = names(
        tmp_path, f"split.held_out={long}", f"data.archive_digest={digests}", "seed=1,2", "split=unseen_speaker"
    )
    assert len(set(found)) == 8
    assert all("held_out=" in name and "archive_digest=" in name and "seed=" in name for name in found)


def test_constants_stand_once_in_the_sweep(tmp_path: Path) -> None:
    run(tmp_path, SIZES, "trainer.max_epochs=5", "callbacks=quiet")
    manifest = json.loads((tmp_path / "grid" / "sweep.json").read_text())
    (command,) = manifest["commands"]
    assert command["constants"] == [f"output_root={tmp_path}", "name=grid", "trainer.max_epochs=5", "callbacks=quiet"]
    own = [trial["overrides"] for trial in manifest["trials"].values()]
    assert own == [["model.hidden_size=16"], ["model.hidden_size=24"]]


SAME = {
    "quiet": ["callbacks=quiet"],
    "a default": ["seed=1", "trainer=default"],
    "another order": ["logger=tensorboard", "torch_threads=1"],
    "the cache": ["data.cache_dir=/elsewhere", "fail_fast=true"],
}


@pytest.mark.parametrize("only", [0, None], ids=["planned", "recorded"])
@pytest.mark.parametrize("more", SAME)
def test_what_changes_no_result_makes_no_trial(tmp_path: Path, more: str, only: int | None) -> None:
    before = run(tmp_path, SIZES, only=only)
    assert names(tmp_path, *SAME[more], SIZES) == before
    added = names(tmp_path, *SAME[more], "model.hidden_size=16,24,32")
    assert added == [*before, "hidden_size=32"]


def test_a_size_written_otherwise_is_the_same_trial(tmp_path: Path) -> None:
    run(tmp_path, SIZES)
    assert names(tmp_path, "model=tiny,small") == ["hidden_size=16", "hidden_size=24"]


@pytest.mark.parametrize("only", [0, None], ids=["planned", "recorded"])
def test_a_later_command_that_sweeps_more_keys_finds_the_earlier_trials(tmp_path: Path, only: int | None) -> None:
    run(tmp_path, SIZES, only=only)
    found = names(tmp_path, SIZES, "seed=1,2")
    assert found == ["hidden_size=16", "hidden_size=16,seed=2", "hidden_size=24", "hidden_size=24,seed=2"]


def test_a_constant_that_changes_results_makes_other_trials(tmp_path: Path) -> None:
    first = run(tmp_path, SIZES)
    second = run(tmp_path, "model.hidden_size=16,32", "trainer.max_epochs=5", "callbacks=quiet")
    assert second == ["hidden_size=16,max_epochs=5", "hidden_size=32,max_epochs=5"]
    assert names(tmp_path, SIZES) == first
    assert names(tmp_path, "trainer.max_epochs=5", "model.hidden_size=16,32,48") == [
        *second,
        "hidden_size=48,max_epochs=5",
    ]
    assert names(tmp_path, "trainer.max_epochs=5,60", "model.hidden_size=16") == [second[0], first[0]]


def test_groups_and_experiments_as_constants_are_named(tmp_path: Path) -> None:
    run(tmp_path, "seed=1,2")
    assert names(tmp_path, "seed=1,2", "model=medium") == ["seed=1,model=medium", "seed=2,model=medium"]
    both = names(tmp_path, "seed=1,2", "model=medium", "model.hidden_size=7")
    assert both == [f"seed={seed},hidden_size=7" for seed in (1, 2)]
    assert names(tmp_path, "seed=1,2", "experiment=task_a")[0] == "seed=1,experiment=task_a"
    assert names(tmp_path, "seed=1,2", "split=unseen_speaker", "split.held_out=theo")[0].startswith("seed=1,split=")


def test_a_constant_that_is_left_out_later_is_named_by_its_value(tmp_path: Path) -> None:
    run(tmp_path, SIZES, "trainer.max_epochs=5")
    assert names(tmp_path, SIZES) == ["hidden_size=16,max_epochs=60", "hidden_size=24,max_epochs=60"]
    (tmp_path / "other").mkdir()
    run(tmp_path / "other", SIZES, "waveform_augmentation=voices")
    found = names(tmp_path / "other", SIZES)
    assert all("config=" in name and len(name) == len("hidden_size=16,config=12345678") for name in found)


def write_wav(folder: Path, content: bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "0_ann_0.wav").write_bytes(content)
    return folder


def test_the_same_recordings_elsewhere_are_the_same_trials(tmp_path: Path) -> None:
    here, there = (write_wav(tmp_path / name, b"sound") for name in ("here", "there"))
    before = run(tmp_path, SIZES, f"data.root={here}", only=1)  # the second one is only planned
    assert names(tmp_path, SIZES, f"data.root={there}") == before
    shutil.rmtree(here)
    assert names(tmp_path, SIZES, f"data.root={there}") == before
    assert names(tmp_path, f"data.root={here},{there}", SIZES)[:2] == before


def test_other_recordings_are_other_trials(tmp_path: Path) -> None:
    one, other = write_wav(tmp_path / "one", b"sound"), write_wav(tmp_path / "other", b"noise")
    before = run(tmp_path, SIZES, f"data.root={one}")
    found = run(tmp_path, SIZES, f"data.root={other}")
    assert not set(found) & set(before) and all("root=" in name for name in found)
    assert names(tmp_path, SIZES, f"data.root={one}") == before
    assert names(tmp_path, SIZES, f"data.root={other}") == found
    (one / "0_ann_0.wav").write_bytes(b"changed in place")  # then the trial runs again, in its folder
    changed = planned(tmp_path, SIZES, f"data.root={one}").trials
    assert [trial.run_name for trial in changed] == before
    assert all("recordings changed" in str(trial.state.reason) for trial in changed)


def test_roots_that_vary_are_named(tmp_path: Path) -> None:
    one, other = write_wav(tmp_path / "one", b"sound"), write_wav(tmp_path / "other", b"noise")
    again = write_wav(tmp_path / "again", b"sound")
    sweep = planned(tmp_path, f"data.root={one},{other},{again}")
    assert len(sweep.trials) == 2 and sweep.repeated == 1
    assert all(trial.run_name.startswith("root=_") for trial in sweep.trials)
    before = run(tmp_path, f"data.root={one},{other}", only=1)
    assert names(tmp_path, f"data.root={other},{one}") == before[::-1]


def test_the_same_words_with_another_meaning_run_again_in_their_folders(tmp_path: Path) -> None:
    """As when a file of conf/ was edited: the change is named, as it always was."""
    for size in (5, 6):
        conf = tmp_path / f"conf{size}"  # another folder, as tests compose the same words once
        (conf / "model").mkdir(parents=True)
        (conf / "model" / "mine.yaml").write_text(f"layers: 1\nhidden_size: {size}\ndropout: 0.0\n")
        words = (f"--config-dir={conf}", "model=mine", "seed=1,2")
        trials = planned(tmp_path, *words).trials
        assert [trial.run_name for trial in trials] == ["seed=1", "seed=2"]
        if size == 5:
            run(tmp_path, *words, only=1)
    first, second = trials
    assert first.state.reason == "config changed: model.hidden_size 5 -> 6" and second.state.reason is None


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "planned"])
def test_a_sweep_of_the_version_before_goes_on_in_its_folders(tmp_path: Path, recorded: bool) -> None:
    sweep = planned(tmp_path, SIZES, "trainer.max_epochs=5")
    before = [",".join(("trainer.max_epochs=5", trial.overrides[2])) for trial in sweep.trials]
    (tmp_path / "grid").mkdir()
    described = {
        name: {"overrides": list(trial.overrides), "config_hash": "of another schema", "fits": True}
        for name, trial in zip(before, sweep.trials, strict=True)
    }
    command = {"arguments": ["-m"], "started": "2026", "code_digest": "12", "trials": before}
    content = {"schema_version": 2, "commands": [command], "trials": described}
    (tmp_path / "grid" / "sweep.json").write_text(json.dumps(content))
    for name, trial in zip(before, sweep.trials, strict=True):
        if recorded:
            record(trial)
            trial.folder.rename(tmp_path / "grid" / name)
    again = planned(tmp_path, SIZES, "trainer.max_epochs=5").trials
    assert [trial.run_name for trial in again] == before
    assert {trial.state.name for trial in again} == ({"done"} if recorded else {"to run"})
    if recorded:  # what it was written as does not matter
        assert names(tmp_path, SIZES, "trainer.max_epochs=5", "callbacks=quiet") == before


def test_a_damaged_or_foreign_record_keeps_its_folder(tmp_path: Path) -> None:
    before = run(tmp_path, SIZES, only=0)
    for name, text in zip(before, ("{", '{"schema_version": 99}'), strict=True):
        (tmp_path / "grid" / name).mkdir()
        (tmp_path / "grid" / name / "run.json").write_text(text)
        (tmp_path / "grid" / name / "run.lock").touch()
    trials = planned(tmp_path, SIZES).trials
    assert [(trial.run_name, trial.state.name) for trial in trials] == list(
        zip(before, ("to run", "blocked"), strict=True)
    )


@pytest.mark.parametrize(
    "text", ["", "[]", '{"trials": ["seed=1"]}', '{"trials": {"seed=1": 3}, "base": 7, "commands": 1}']
)
def test_an_unusable_manifest_stops_no_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "sweep.json").write_text(text)
    assert names(tmp_path, "seed=1,2") == ["seed=1", "seed=2"]
